import { afterEach, expect, test } from 'vitest';
import { StartBudget } from '../../../plugins/supervisor/start-budget.js';
import { FakeClock } from '../../support/fake-clock.js';
import { Stage } from './fake-spawner.js';

let stage: Stage | undefined;
afterEach(async () => {
  await stage?.end();
  stage = undefined;
});

test('a minute has its number of starts, however they come', () => {
  const clock = new FakeClock();
  let waiting = 0;
  const budget = new StartBudget(clock, 60, () => {
    waiting += 1;
  });
  const waits = Array.from({ length: 63 }, () => budget.reserve());
  expect(waits.slice(0, 60)).toEqual(new Array(60).fill(0));
  expect(waits.slice(60)).toEqual([1_000, 2_000, 3_000]);
  expect(waiting).toBe(3);
  clock.advance(10_000);
  // Three of the ten that ten seconds bring are taken already.
  expect(Array.from({ length: 8 }, () => budget.reserve())).toEqual([0, 0, 0, 0, 0, 0, 0, 1_000]);
});

test('a hundred services that crash and crash again take no more than the budget, and the good one runs', async () => {
  stage = new Stage();
  stage.machine.onSpawn = (program) => {
    program.isListening = program.service === 'good';
    if (program.service !== 'good') queueMicrotask(() => program.end({ code: 1 }));
  };
  const restart = { attempts: 1_000, window: '1h', max: '100ms' };
  const crashing = Object.fromEntries(
    Array.from({ length: 100 }, (_, index) => [`bad${index}`, { restart }]),
  );
  await stage.start({ good: {}, ...crashing }, { startsPerMinute: 200 });
  await stage.until(() => stage?.running('good').length === 1, 1);
  await stage.until(() => (stage?.machine.programs.length ?? 0) >= 200, 1);
  const minutes = () => (stage?.clock.monotonic() ?? 0) / 60_000;
  await stage.until(() => minutes() > 2, 100);
  const started = stage.machine.programs.length;
  // A minute's worth at once, and then as many a minute.
  expect(started).toBeGreaterThan(200 + 1.5 * 200);
  expect(started).toBeLessThanOrEqual(200 + minutes() * 200 + 1);
  expect(stage.logs.filter((line) => line.includes('startsPerMinute')).length).toBeLessThanOrEqual(3);
});
