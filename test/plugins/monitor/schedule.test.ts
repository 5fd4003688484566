import { expect, test } from 'vitest';
import { type Backlog, Schedule } from '../../../plugins/monitor/schedule.js';
import { FakeClock } from '../../support/fake-clock.js';

const INTERVAL_MS = 10_000;
const LIMITS = { inFlight: 10, perHost: 10, rate: 10_000 };

/** A check that notes when it began, and ends when it is told to; at once where `isHeld` is false. */
class Round {
  readonly kind = 'tcp';
  readonly host = '10.0.0.1';
  readonly intervalMs = INTERVAL_MS;
  readonly startedAt: number[] = [];
  isHeld = false;
  underWay = 0;
  most = 0;
  wasAborted = false;
  #end: (() => void)[] = [];
  readonly clock: FakeClock;
  readonly firstAt: number;

  constructor(clock: FakeClock, firstMs = 0) {
    this.clock = clock;
    this.firstAt = clock.monotonic() + firstMs;
  }

  readonly run = async (signal: AbortSignal): Promise<number> => {
    const startedAt = this.clock.monotonic();
    this.startedAt.push(startedAt);
    this.underWay += 1;
    this.most = Math.max(this.most, this.underWay);
    signal.addEventListener('abort', () => {
      this.wasAborted = true;
      this.finish();
    });
    if (this.isHeld) await new Promise<void>((resolve) => this.#end.push(resolve));
    this.underWay -= 1;
    return startedAt + INTERVAL_MS;
  };

  finish(): void {
    for (const end of this.#end.splice(0)) end();
  }
}

function make(limits: Partial<typeof LIMITS> = {}) {
  const clock = new FakeClock();
  const behind: Backlog[] = [];
  const schedule = new Schedule(clock, { ...LIMITS, ...limits }, (backlog) => behind.push(backlog));
  return { clock, schedule, behind };
}

test('a check runs when it is due, and again when it said so', async () => {
  const { clock, schedule } = make();
  const round = new Round(clock, 3_000);
  schedule.add(round, round.firstAt);
  await clock.advanceAsync(40_000);
  expect(round.startedAt).toEqual([3_000, 13_000, 23_000, 33_000]);
  expect(clock.timers).toBe(1);
});

test('a check that is slow never overlaps itself', async () => {
  const { clock, schedule } = make();
  const round = new Round(clock);
  round.isHeld = true;
  schedule.add(round, round.firstAt);
  await clock.advanceAsync(3 * INTERVAL_MS);
  expect(round.startedAt).toEqual([0]);
  round.finish();
  await clock.advanceAsync(1);
  expect(round.startedAt).toEqual([0, 3 * INTERVAL_MS]);
  expect(round.most).toBe(1);
});

test('a check that is hastened runs sooner, once, and one that runs just now once more when it has ended', async () => {
  const { clock, schedule } = make();
  const round = new Round(clock);
  const scheduled = schedule.add(round, round.firstAt);
  await clock.advanceAsync(1_000);
  scheduled.hasten(2_000);
  scheduled.hasten(5_000);
  await clock.advanceAsync(1_000);
  expect(round.startedAt).toEqual([0, 2_000]);
  round.isHeld = true;
  await clock.advanceAsync(INTERVAL_MS);
  scheduled.hasten(0);
  await clock.advanceAsync(1_000);
  expect(round.startedAt).toEqual([0, 2_000, 12_000]);
  round.isHeld = false;
  round.finish();
  await clock.advanceAsync(INTERVAL_MS - 1);
  expect(round.startedAt).toEqual([0, 2_000, 12_000, 13_000]);
});

test('a cancelled check runs no more: not on time, not from the queue, and not to its end', async () => {
  const { clock, schedule } = make({ inFlight: 1 });
  const [running, queued, timed] = [new Round(clock), new Round(clock), new Round(clock, 5_000)];
  running.isHeld = true;
  const scheduled = [running, queued, timed].map((round) => schedule.add(round, round.firstAt));
  await clock.advanceAsync(1_000);
  expect([schedule.gate.underWay, schedule.gate.waiting]).toEqual([1, 1]);
  for (const each of scheduled) each.cancel();
  await clock.advanceAsync(10 * INTERVAL_MS);
  expect(running.wasAborted).toBe(true);
  expect([running, queued, timed].map(({ startedAt }) => startedAt.length)).toEqual([1, 0, 0]);
  expect([schedule.gate.underWay, schedule.gate.waiting, clock.timers]).toEqual([0, 0, 0]);
});

test('a check that had to wait for longer than its interval is told of', async () => {
  const { clock, schedule, behind } = make({ inFlight: 1 });
  const [slow, late] = [new Round(clock), new Round(clock)];
  slow.isHeld = true;
  schedule.add(slow, slow.firstAt);
  schedule.add(late, late.firstAt);
  await clock.advanceAsync(INTERVAL_MS);
  slow.finish();
  await clock.advanceAsync(0);
  expect([late.startedAt, behind]).toEqual([[INTERVAL_MS], []]);
  await clock.advanceAsync(2 * INTERVAL_MS + 1);
  slow.finish();
  await clock.advanceAsync(0);
  expect(behind).toEqual([{ waiting: 0, lateMs: INTERVAL_MS + 1 }]);
});

test('a hundred thousand that are due at once leave the others their turns', () => {
  const steps: number[] = [];
  class WatchedClock extends FakeClock {
    override setTimer(delayMs: number, run: () => void) {
      return super.setTimer(delayMs, () => {
        const before = schedule.timed;
        run();
        steps.push(before - schedule.timed);
      });
    }
  }
  const clock = new WatchedClock();
  const schedule = new Schedule(clock, LIMITS, () => {});
  const round = { kind: 'tcp', host: 'a', intervalMs: INTERVAL_MS, run: () => new Promise<number>(() => {}) };
  for (let index = 0; index < 100_000; index++) schedule.add(round, 1_000 + index / 1_000);
  clock.stall(10_000);
  clock.advance(0);
  expect(schedule.timed).toBe(0);
  expect(Math.max(...steps)).toBeLessThanOrEqual(1_000);
});

test('thousands that are added, hastened and cancelled leave nothing behind', async () => {
  const { clock, schedule } = make();
  for (let wave = 0; wave < 50; wave++) {
    const scheduled = Array.from({ length: 100 }, () =>
      schedule.add(new Round(clock), clock.monotonic() + 3_600_000),
    );
    for (const each of scheduled) each.hasten(clock.monotonic() + 1_800_000);
    for (const each of scheduled) each.cancel();
  }
  await clock.advanceAsync(1);
  expect(schedule.timed).toBe(0);
  expect(schedule.queued).toBeLessThan(200);
});
