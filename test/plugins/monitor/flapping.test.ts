import { afterEach, describe, expect, test } from 'vitest';
import type { Opinion } from '../../../core/index.js';
import { Flapping } from '../../../plugins/monitor/flapping.js';
import { build, stopHouses } from './support.js';

afterEach(stopHouses);

const SECOND = 1_000;
const DEAD: Opinion = { status: 'error', reason: 'tcp: refused' };
const HELD: Opinion = {
  status: 'degraded',
  reason: 'flapping: came back 3 times within 300 s; last it was tcp: refused',
};

/** Takes one down and up again, a minute apart, and answers what was said each time it came back. */
function swing(flapping: Flapping, times: number, from = 0) {
  return Array.from({ length: times }, (_, index) => {
    const at = from + index * 60 * SECOND;
    flapping.judge(DEAD, at, false, DEAD.reason);
    return flapping.judge(undefined, at + 30 * SECOND, false, DEAD.reason);
  });
}

describe('an instance that swings', () => {
  test('is held degraded from its third return on, in the same words', () => {
    const flapping = new Flapping({ returns: 3, windowMs: 300 * SECOND }, 'running');
    expect(swing(flapping, 5)).toEqual([undefined, undefined, HELD, HELD, HELD]);
    expect(flapping.judge(DEAD, 300 * SECOND, false, DEAD.reason)).toEqual(HELD);
  });

  test('is held likewise where it comes back no better than degraded, and one recovery by steps is one return', () => {
    const degraded: Opinion = { status: 'degraded', reason: 'http: 429' };
    const flapping = new Flapping({ returns: 3, windowMs: 300 * SECOND }, 'running');
    const said = [DEAD, degraded, undefined, DEAD, degraded, DEAD, degraded].map((opinion, at) =>
      flapping.judge(opinion, at * SECOND, false, 'http: 429'),
    );
    expect(said.slice(0, 6)).toEqual([DEAD, degraded, undefined, DEAD, degraded, DEAD]);
    expect(said[6]).toMatchObject({ reason: expect.stringMatching(/^flapping: came back 3 times/) });
  });

  test('is in error once it stays dead, and degraded again when it comes back', () => {
    const flapping = new Flapping({ returns: 3, windowMs: 300 * SECOND }, 'running');
    swing(flapping, 3);
    expect(flapping.judge(DEAD, 180 * SECOND, true, DEAD.reason)).toEqual(DEAD);
    expect(flapping.judge(undefined, 190 * SECOND, false, DEAD.reason)).toEqual(HELD);
  });

  test('is let go once it has been well for long enough', () => {
    const flapping = new Flapping({ returns: 3, windowMs: 300 * SECOND }, 'running');
    swing(flapping, 3);
    expect(flapping.judge(undefined, 329 * SECOND, false, '')).toEqual(HELD);
    expect(flapping.judge(undefined, 330 * SECOND, false, '')).toBeUndefined();
  });

  test('does so for all one cares, where no returns are named', () => {
    const flapping = new Flapping({ returns: 0, windowMs: 300 * SECOND }, 'running');
    expect(swing(flapping, 9)).toEqual(new Array(9).fill(undefined));
  });

  test('wakes no watcher with each swing, and is running again in the end', async () => {
    const { clock, network, register, one } = await build({ monitor: { flapWindow: '3m' } });
    await register('payments', 9000);
    for (let swings = 0; swings < 10; swings++) {
      network.answers.set(9000, 'error');
      await clock.advanceAsync(16 * SECOND);
      network.answers.delete(9000);
      await clock.advanceAsync(14 * SECOND);
    }
    expect(one('payments')).toMatchObject({
      status: 'degraded',
      reason: expect.stringMatching(/^flapping: came back 3 times within 180 s; last it was fake 127/),
    });
    const statuses = network.changes.map(({ status }) => status);
    expect(statuses).toEqual(['error', 'running', 'error', 'running', 'error', 'degraded']);
    await clock.advanceAsync(200 * SECOND);
    expect(one('payments').status).toBe('running');
  });
});
