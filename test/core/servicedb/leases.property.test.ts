import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Leases } from '../../../core/servicedb/leases.js';
import { FakeClock } from '../../support/fake-clock.js';

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const step = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), key, ms: fc.integer({ min: 1, max: 50 }) }),
  fc.record({ kind: fc.constant('drop' as const), key }),
  fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 60 }) }),
);

it('each lease ends once, at its own time, as a plain list of deadlines says', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const clock = new FakeClock();
      const ended: [string, number][] = [];
      const leases = new Leases(clock, (one) => void ended.push([one, clock.monotonic()]));
      const deadlines = new Map<string, number>();
      const expected: [string, number][] = [];
      for (const one of steps) {
        if (one.kind === 'set') {
          leases.set(one.key, one.ms);
          deadlines.set(one.key, clock.monotonic() + one.ms);
        } else if (one.kind === 'drop') {
          leases.drop(one.key);
          deadlines.delete(one.key);
        } else {
          const now = clock.monotonic() + one.ms;
          for (const [name, due] of deadlines) {
            if (due > now) continue;
            expected.push([name, due]);
            deadlines.delete(name);
          }
          clock.advance(one.ms);
        }
        const order = (list: [string, number][]) =>
          list.toSorted(([a, x], [b, y]) => x - y || a.localeCompare(b));
        expect(order(ended)).toEqual(order(expected));
        expect(ended.map(([, at]) => at)).toEqual(ended.map(([, at]) => at).toSorted((a, b) => a - b));
        expect(leases.size).toBe(deadlines.size);
        for (const name of 'abcdef') expect(leases.has(name)).toBe(deadlines.has(name));
        expect(clock.timers).toBeLessThanOrEqual(1);
      }
    }),
    { numRuns: 300 },
  );
});

it('a lease that is set while others end is counted from then', () => {
  const clock = new FakeClock();
  const ended: string[] = [];
  const leases = new Leases(clock, (one) => {
    ended.push(`${one}@${clock.monotonic()}`);
    if (ended.length < 4) leases.set('again', 10);
  });
  leases.set('first', 5);
  leases.set('second', 5);
  clock.advance(100);
  expect(ended).toEqual(['first@5', 'second@5', 'again@15', 'again@25']);
});

it('instances that come and go with long leases leave nothing behind', () => {
  const clock = new FakeClock();
  const leases = new Leases(clock, () => {});
  leases.set('stays', 1_000_000);
  for (let at = 0; at < 10_000; at += 1) {
    leases.set(`x${at}`, 1_000_000 + at);
    leases.drop(`x${at}`);
    leases.set('shrinks', 900_000 - at);
  }
  expect(leases.size).toBe(2);
  expect(leases.queued).toBeLessThan(200);
  for (let at = 0; at < 10_000; at += 1) leases.set(`x${at}`, 1_000_000);
  for (let at = 0; at < 10_000; at += 1) leases.drop(`x${at}`);
  expect(leases.queued).toBeLessThan(200);
});
