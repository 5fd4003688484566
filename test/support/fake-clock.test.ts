import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FakeClock, onOwnTurn } from './fake-clock.js';

it('timers fire in order of their time, then of being set, whatever was cancelled in between', () => {
  const timer = fc.record({ delay: fc.integer({ min: 0, max: 20 }), isCancelled: fc.boolean() });
  fc.assert(
    fc.property(fc.array(timer, { maxLength: 60 }), (timers) => {
      const clock = new FakeClock();
      const fired: number[] = [];
      const set = timers.map(({ delay }, index) => clock.setTimer(delay, () => void fired.push(index)));
      for (const [index, { isCancelled }] of timers.entries()) {
        if (isCancelled) set[index]?.cancel();
      }
      const left = timers.flatMap((one, index) => (one.isCancelled ? [] : [{ ...one, index }]));
      expect(clock.timers).toBe(left.length);
      clock.advance(20);
      left.sort((a, b) => a.delay - b.delay || a.index - b.index);
      expect(fired).toEqual(left.map(({ index }) => index));
      for (const one of set) one.cancel();
      expect(clock.timers).toBe(0);
    }),
  );
});

it('after a stall what fell due fires late and in order, and what came from outside after it', () => {
  const clock = new FakeClock();
  const fired: string[] = [];
  const note = (what: string) => () => void fired.push(`${what} at ${clock.monotonic()}`);
  clock.setTimer(300, note('late timer'));
  clock.setTimer(2_000, note('later timer'));
  clock.setArrival(100, note('answer'));
  clock.setTimer(200, note('timer'));
  clock.stall(1_000);
  expect(fired).toEqual([]);
  clock.advance(1_000);
  expect(fired).toEqual(['timer at 1000', 'late timer at 1000', 'answer at 1000', 'later timer at 2000']);
});

it('without a stall what comes from outside comes at its time', () => {
  const clock = new FakeClock();
  const fired: string[] = [];
  clock.setTimer(200, () => void fired.push('timer'));
  clock.setArrival(100, () => void fired.push('answer'));
  clock.setArrival(200, () => void fired.push('second answer')).cancel();
  clock.advance(200);
  expect(fired).toEqual(['answer', 'timer']);
});

it('a jump of the wall clock moves nothing else', () => {
  const clock = new FakeClock({ now: 1_000_000 });
  let fired = 0;
  clock.setTimer(50, () => void fired++);
  clock.jump(3_600_000);
  clock.jump(-7_200_000);
  clock.advance(49);
  expect([clock.now(), clock.monotonic(), fired]).toEqual([1_000_000 - 3_600_000 + 49, 49, 0]);
  clock.advance(1);
  expect(fired).toBe(1);
});

it('promises are settled between one timer and the next', async () => {
  const clock = new FakeClock();
  const seen: string[] = [];
  const work = async (what: string) => {
    for (let turn = 0; turn < 50; turn += 1) await undefined;
    seen.push(what);
  };
  clock.setTimer(
    1,
    () => void work('first').then(() => clock.setTimer(0, () => void seen.push('its timer'))),
  );
  clock.setTimer(2, () => void seen.push('second'));
  await onOwnTurn(() => clock.advanceSettled(2));
  expect(seen).toEqual(['first', 'its timer', 'second']);
});

it('a timer that sets itself again without delay is found out, and one with the least delay is not', () => {
  const clock = new FakeClock();
  const again = (delayMs: number) => () => void clock.setTimer(delayMs, again(delayMs));
  clock.advance(1_000_000_000);
  again(1e-12)();
  clock.advance(0.01);
  again(0)();
  expect(() => clock.advance(1)).toThrow('time does not pass');
});
