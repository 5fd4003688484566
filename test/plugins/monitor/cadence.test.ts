import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Cadence, type Pace } from '../../../plugins/monitor/cadence.js';
import { type Belief, believe } from '../../../plugins/monitor/thresholds.js';

const PACE: Pace = { intervalMs: 10_000, retryMs: 2_000, maxIntervalMs: 60_000 };
const WELL = believe('running', '');
const DEAD = believe('error', 'refused');
const DOUBTED: Belief = { ...WELL, errors: 1, faults: 1, isInDoubt: true };

describe('a check', () => {
  test('keeps to its point of the interval, whenever its first run was and however long it takes', () => {
    const cadence = new Cadence(PACE, 100_000, 0.3);
    expect(cadence.pointAt).toBe(103_000);
    expect(cadence.next(100_000, 100_050, WELL, undefined)).toBe(103_000);
    expect(cadence.next(103_000, 104_999, WELL, undefined)).toBe(113_000);
    // A timer may fire a little early.
    expect(cadence.next(112_999, 112_999.5, WELL, undefined)).toBe(123_000);
    // All that was missed while this process stood still is one check, not many.
    expect(cadence.next(500_000, 500_001, WELL, undefined)).toBe(503_000);
  });

  test('that went against what is believed runs again soon, and then where it was', () => {
    const cadence = new Cadence(PACE, 0, 0);
    expect(cadence.next(0, 1, DOUBTED, undefined)).toBe(2_001);
    expect(cadence.next(2_001, 4_001, DOUBTED, undefined)).toBe(6_001);
    expect(cadence.next(6_001, 6_002, WELL, undefined)).toBe(10_000);
  });

  test('that is slow to fail does not wait for longer than an interval from one start to the next', () => {
    const cadence = new Cadence({ ...PACE, retryMs: 5_000 }, 0, 0);
    expect(cadence.next(0, 8_000, DOUBTED, undefined)).toBe(10_000);
    expect(cadence.next(0, 12_000, DOUBTED, undefined)).toBe(12_000);
  });

  test('of one that is long dead runs after a tenth of the time, up to a bound', () => {
    const next = (deadMs: number) => {
      const cadence = new Cadence(PACE, 1_000_000, 0);
      return cadence.next(1_000_000, 1_000_001, DEAD, 1_000_001 - deadMs) - 1_000_000;
    };
    expect(next(0)).toBe(10_000);
    expect(next(199_000)).toBe(10_000);
    expect(next(200_000)).toBe(20_000);
    expect(next(500_000)).toBe(50_000);
    expect(next(86_400_000)).toBe(60_000);
    const rare = new Cadence({ ...PACE, intervalMs: 600_000 }, 0, 0);
    expect(rare.next(0, 1, DEAD, -86_400_000)).toBe(600_000);
  });

  test('is never further away than an interval while its target is well, nor in the past', () => {
    const part = fc.double({ min: 0, max: 0.999, noNaN: true });
    fc.assert(
      fc.property(part, fc.array(fc.tuple(part, fc.boolean()), { maxLength: 50 }), (chance, checks) => {
        const cadence = new Cadence(PACE, 0, chance);
        let at = 0;
        for (const [duration, isDoubted] of checks) {
          const end = at + duration * 9_000;
          const next = cadence.next(at, end, isDoubted ? DOUBTED : WELL, undefined);
          expect(next).toBeGreaterThanOrEqual(end);
          expect(next - end).toBeLessThanOrEqual(PACE.intervalMs + 5);
          at = next;
        }
      }),
    );
  });
});
