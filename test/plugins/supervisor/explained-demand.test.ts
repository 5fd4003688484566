import { appendFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Stage } from './fake-spawner.js';

let stage: Stage;
beforeEach(() => {
  stage = new Stage();
});
afterEach(() => stage.end());

const ON_DEMAND = { instances: { min: 0, max: 1 } };

test('who asks for a service that dies at each start is told how it ended and what it last printed', async () => {
  stage.machine.onSpawn = (program) => {
    appendFileSync(program.logFile, 'starting\n\u001b[31mno such database\n\n');
    queueMicrotask(() => program.end({ code: 3 }));
  };
  await stage.start({ echo: { ...ON_DEMAND, restart: { delay: '10m', max: '10m' } } });
  const asked = stage.registry.services.resolve('echo', { waitMs: 120_000 }).catch((error) => error);
  await stage.until(() => stage.logs.some((line) => line.includes('exited with code 3')), 1);
  // Its log is a real file: many turns of the event loop, in which it is read.
  const end = stage.clock.monotonic() + 120_000;
  await stage.until(() => stage.clock.monotonic() >= end, 5);
  expect(await asked).toMatchObject({
    code: 'NO_INSTANCE',
    message: expect.stringMatching(
      /^No instance of "echo" was running within 120000 ms: echo-\w{8}: exited with code 3; it last printed "starting \| \?\[31mno such database"\.$/,
    ),
  });
});

test('who asks for one that was given up is told so, and what to do', async () => {
  stage.machine.onSpawn = (program) => queueMicrotask(() => program.end({ code: 1 }));
  await stage.start({ echo: { restart: { attempts: 1 } } });
  await stage.until(() => stage.logs.some((line) => line.includes('given up')), 1);
  const asked = stage.registry.services.resolve('echo', { waitMs: 1_000 }).catch((error) => error);
  await stage.clock.advanceAsync(1_000);
  expect((await asked).message).toMatch(/ms: it was given up: .*`rollcall restart echo` starts it anew\.$/);
});

test('who asks for one that nobody knows is told that none was running', async () => {
  await stage.start({});
  const asked = stage.registry.services.resolve('nobody', { waitMs: 1_000 }).catch((error) => error);
  await stage.clock.advanceAsync(1_000);
  expect((await asked).message).toBe('No instance of "nobody" was running within 1000 ms.');
});
