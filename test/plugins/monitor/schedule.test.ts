import { expect, test } from 'vitest';
import { Schedule } from '../../../plugins/monitor/schedule.js';
import { FakeClock } from '../../support/fake-clock.js';

const INTERVAL_MS = 10_000;

/** A check that notes when it began, and ends when it is told to; at once where `isHeld` is false. */
class Round {
  readonly startedAt: number[] = [];
  readonly intervalMs = INTERVAL_MS;
  isHeld = false;
  underWay = 0;
  most = 0;
  wasAborted = false;
  #end: (() => void)[] = [];
  readonly clock: FakeClock;
  readonly firstMs: number;

  constructor(clock: FakeClock, firstMs = 0) {
    this.clock = clock;
    this.firstMs = firstMs;
  }

  readonly run = async (signal: AbortSignal): Promise<void> => {
    this.startedAt.push(this.clock.monotonic());
    this.underWay += 1;
    this.most = Math.max(this.most, this.underWay);
    signal.addEventListener('abort', () => {
      this.wasAborted = true;
      this.finish();
    });
    if (this.isHeld) await new Promise<void>((resolve) => this.#end.push(resolve));
    this.underWay -= 1;
  };

  finish(): void {
    for (const end of this.#end.splice(0)) end();
  }
}

test('a check runs at once, then at a random point of the interval, then an interval after each start', async () => {
  const clock = new FakeClock();
  const round = new Round(clock);
  new Schedule(clock, 10).add(round);
  await clock.advanceAsync(60_000);
  const [first, second, ...later] = round.startedAt;
  expect(first).toBe(0);
  expect(second).toBeGreaterThan(0);
  expect(second).toBeLessThan(INTERVAL_MS);
  expect(later.length).toBeGreaterThanOrEqual(5);
  for (const [index, at] of later.entries())
    expect(at).toBeCloseTo((second ?? 0) + (index + 1) * INTERVAL_MS, 6);
});

test('checks that begin together are spread over the interval from the second time on', async () => {
  const clock = new FakeClock();
  const schedule = new Schedule(clock, 1_000);
  const rounds = Array.from({ length: 500 }, () => new Round(clock));
  for (const round of rounds) schedule.add(round);
  await clock.advanceAsync(INTERVAL_MS - 1);
  const perSecond = new Array<number>(10).fill(0);
  for (const { startedAt } of rounds) {
    const second = Math.floor((startedAt[1] ?? 0) / 1_000);
    perSecond[second] = (perSecond[second] ?? 0) + 1;
  }
  expect(Math.min(...perSecond)).toBeGreaterThan(25);
  expect(Math.max(...perSecond)).toBeLessThan(85);
});

test('no more checks than the limit are under way, and those that wait begin in their order, each once', async () => {
  const clock = new FakeClock();
  const schedule = new Schedule(clock, 2);
  const rounds = Array.from({ length: 6 }, () => new Round(clock));
  const begun: number[] = [];
  for (const [index, round] of rounds.entries()) {
    round.isHeld = true;
    schedule.add({
      ...round,
      run: (signal) => {
        begun.push(index);
        return round.run(signal);
      },
    });
  }
  await clock.advanceAsync(5 * INTERVAL_MS);
  expect([schedule.underWay, schedule.waiting]).toEqual([2, 4]);
  for (const index of [0, 1, 2, 3]) {
    rounds[index]?.finish();
    await clock.advanceAsync(0);
    expect(schedule.underWay).toBe(2);
  }
  await clock.advanceAsync(5 * INTERVAL_MS);
  // The first ones are long due again by now, and wait behind those that never ran.
  expect(begun).toEqual([0, 1, 2, 3, 4, 5]);
  rounds[4]?.finish();
  await clock.advanceAsync(0);
  expect(begun).toEqual([0, 1, 2, 3, 4, 5, 0]);
});

test('a check that is slow never overlaps itself, and runs again as soon as it has ended', async () => {
  const clock = new FakeClock();
  const round = new Round(clock);
  round.isHeld = true;
  new Schedule(clock, 10).add(round);
  await clock.advanceAsync(3 * INTERVAL_MS);
  expect(round.startedAt).toEqual([0]);
  round.finish();
  await clock.advanceAsync(1);
  expect(round.startedAt).toEqual([0, 3 * INTERVAL_MS]);
  expect(round.most).toBe(1);
});

test('a check that fails to say what went wrong runs again all the same', async () => {
  const clock = new FakeClock();
  let runs = 0;
  new Schedule(clock, 1).add({
    intervalMs: INTERVAL_MS,
    firstMs: 0,
    run: async () => {
      runs += 1;
      throw new Error('out of order');
    },
  });
  await clock.advanceAsync(3 * INTERVAL_MS);
  expect(runs).toBeGreaterThanOrEqual(3);
});

test('a cancelled check runs no more: not on time, not from the queue, and not to its end', async () => {
  const clock = new FakeClock();
  const schedule = new Schedule(clock, 1);
  const [running, queued, timed] = [new Round(clock), new Round(clock), new Round(clock, 5_000)];
  running.isHeld = true;
  const scheduled = [running, queued, timed].map((round) => schedule.add(round));
  await clock.advanceAsync(1_000);
  expect([schedule.underWay, schedule.waiting]).toEqual([1, 1]);
  for (const each of scheduled) each.cancel();
  await clock.advanceAsync(10 * INTERVAL_MS);
  expect(running.wasAborted).toBe(true);
  expect([running, queued, timed].map(({ startedAt }) => startedAt.length)).toEqual([1, 0, 0]);
  expect([schedule.underWay, schedule.waiting, clock.timers]).toEqual([0, 0, 0]);
});

test('the queue serves those that came while it was being emptied, and after it was empty', async () => {
  const clock = new FakeClock();
  const schedule = new Schedule(clock, 1);
  for (let wave = 0; wave < 3; wave++) {
    const rounds = Array.from({ length: 5 }, (_, index) => new Round(clock, index));
    for (const round of rounds) {
      round.isHeld = true;
      schedule.add(round);
    }
    const before = clock.monotonic();
    while (rounds.some(({ startedAt }) => startedAt.length === 0) && clock.monotonic() < before + 1_000) {
      await clock.advanceAsync(1);
      for (const round of rounds) round.finish();
    }
    expect(rounds.every(({ startedAt }) => startedAt.length > 0)).toBe(true);
  }
});
