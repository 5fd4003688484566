import { afterEach, describe, expect, test } from 'vitest';
import { definePlugin, type RegistryPlugin } from '../../../core/index.js';
import { Stage } from './fake-spawner.js';

let stage: Stage;
const open = (options: ConstructorParameters<typeof Stage>[0] = {}) => {
  stage = new Stage(options);
  return stage;
};
afterEach(() => stage.end());

/** A plugin that only taps. */
const tapping = (setup: RegistryPlugin['setup']) =>
  definePlugin({ name: 'test-taps', setup }) as RegistryPlugin;

async function operation(name: string, params: object): Promise<never> {
  const run = operations?.get(name)?.run;
  return (await run?.(params as never, {
    by: { who: 'test', door: 'test' },
    signal: new AbortController().signal,
  })) as never;
}
let operations: Parameters<RegistryPlugin['setup']>[0]['operations'] | undefined;
const keepOperations = tapping((api) => {
  operations = api.operations;
});

describe('a service that is configured', () => {
  test('runs after boot, is told who it is, and is found by lookups', async () => {
    await open().start({ echo: { env: { COLOUR: 'red', PORT: '1' } } });
    await stage.until(() => stage.running('echo').length === 1);
    const [program] = stage.machine.programs;
    expect(program?.env).toEqual({
      COLOUR: 'red',
      PORT: String(program?.port),
      HOST: '127.0.0.1',
      SERVICE_NAME: 'echo',
      INSTANCE_ID: program?.instance,
    });
    expect(program?.instance).toMatch(/^echo-[0-9a-f]{8}$/);
    const [record] = stage.registry.services.lookup('echo').records;
    expect(record).toMatchObject({ instance: program?.instance, port: program?.port, owner: 'supervisor' });
  });

  test('runs as often as it should, each instance on a port of its own', async () => {
    await open().start({ echo: { instances: { min: 3, max: 5 } }, other: { instances: 2 } });
    await stage.until(() => stage.running('echo').length === 3 && stage.running('other').length === 2);
    expect(new Set(stage.machine.programs.map(({ port }) => port)).size).toBe(5);
    await stage.settle();
    expect(stage.machine.programs).toHaveLength(5);
  });

  test('that never becomes ready holds up neither the boot nor the others', async () => {
    open().machine.onSpawn = (program) => {
      program.isListening = program.service === 'good';
    };
    await stage.start({ dead: {}, good: {} });
    await stage.until(() => stage.running('good').length === 1);
    expect(stage.running('dead')).toEqual([]);
  });

  test('is `starting`, and in no lookup, until its ready check passes', async () => {
    open().machine.onSpawn = () => {};
    await stage.start({ echo: {} });
    await stage.until(() => stage.machine.programs.length === 1);
    await stage.settle();
    expect([...stage.registry.services.traverse()].map(({ status }) => status)).toEqual(['starting']);
    const [program] = stage.machine.programs;
    if (program) program.isListening = true;
    await stage.until(() => stage.running('echo').length === 1, 10);
  });

  test('that is not ready in its time is ended, and tried again', async () => {
    open().machine.onSpawn = () => {};
    await stage.start({ echo: { ready: { timeout: '2s' } } });
    await stage.until(() => stage.machine.programs.length === 2, 50);
    expect(stage.machine.programs[0]?.signals).toEqual(['SIGTERM']);
    expect(stage.logs.join('\n')).toMatch(/was not ready within 2000 ms; the last tcp check: ECONNREFUSED/);
  });
});

describe('an instance that dies', () => {
  test('is gone from lookups in the same turn of the event loop, and another one runs', async () => {
    await open().start({ echo: {} });
    await stage.until(() => stage.running('echo').length === 1);
    stage.machine.programs[0]?.end({ signal: 'SIGKILL' });
    await Promise.resolve();
    await Promise.resolve();
    expect(stage.running('echo')).toEqual([]);
    await stage.until(() => stage.running('echo').length === 1, 1);
    expect(stage.machine.programs).toHaveLength(2);
    await stage.settle();
    expect(stage.registry.services.count()).toBe(1);
  });

  test('again and again is given up, says why, and has no record; `restart` tries anew', async () => {
    let isBroken = true;
    open().machine.onSpawn = (program) => {
      if (isBroken) queueMicrotask(() => program.end({ code: 3 }));
      else program.isListening = true;
    };
    await stage.start({ echo: {} }, { plugins: [keepOperations] });
    await stage.until(() => stage.logs.some((line) => line.includes('given up')), 100);
    expect(stage.machine.programs).toHaveLength(5);
    await stage.clock.advanceAsync(3_600_000);
    expect(stage.machine.programs).toHaveLength(5);
    expect(stage.registry.services.count()).toBe(0);
    expect(await operation('ps', {})).toMatchObject([
      {
        service: 'echo',
        state: 'FATAL',
        pid: null,
        restarts: 4,
        reason: expect.stringContaining('exited with code 3'),
      },
    ]);
    // Nobody who asks for it starts it again either.
    const asked = expect(stage.registry.services.resolve('echo', { waitMs: 100 })).rejects.toThrow('echo');
    await stage.clock.advanceAsync(100);
    await asked;
    expect(stage.machine.programs).toHaveLength(5);

    isBroken = false;
    const restarted = operation('restart', { name: 'echo' });
    await stage.until(() => stage.running('echo').length === 1, 10);
    expect(await restarted).toMatchObject([{ state: 'RUNNING', reason: '' }]);
  });

  test('1.1 s after each start ends in FATAL', async () => {
    await open().start({ echo: {} }, { plugins: [keepOperations] });
    for (let lives = 1; lives <= 5; lives++) {
      await stage.until(
        () => stage.machine.programs.length === lives && stage.running('echo').length === 1,
        10,
      );
      await stage.clock.advanceAsync(1_100);
      stage.machine.programs.at(-1)?.end({ code: 1 });
      await stage.settle();
    }
    expect(await operation('ps', {})).toMatchObject([{ state: 'FATAL' }]);
  });

  test('while others of its service live takes only its own place', async () => {
    await open().start({ echo: { instances: 3 } });
    await stage.until(() => stage.running('echo').length === 3);
    const [first, ...others] = stage.machine.programs;
    first?.end({ code: 1 });
    await stage.until(() => stage.running('echo').length === 3 && stage.machine.programs.length === 4, 1);
    expect(others.every(({ hasEnded }) => !hasEnded)).toBe(true);
  });
});

test("a program that can't be started is tried five times, and then given up with the spawner's reason", async () => {
  let tries = 0;
  open().machine.onSpawn = () => {
    tries += 1;
    throw new Error('no such program');
  };
  await stage.start({ echo: {} });
  await stage.until(() => stage.logs.some((line) => line.includes('given up')), 100);
  expect(tries).toBe(5);
  expect(stage.logs.at(-1)).toContain('no such program');
  await stage.settle();
  expect(stage.registry.services.count()).toBe(0);
});

test('a spawner that never answers is given up, and what it starts after all is killed', async () => {
  let release = () => {};
  open().machine.onSpawn = () =>
    new Promise((resolve) => {
      release = resolve;
    });
  await stage.start({ echo: { ready: { timeout: '1s' }, restart: { attempts: 1 } } });
  await stage.until(() => stage.logs.some((line) => line.includes('given up')), 50);
  release();
  await stage.until(() => stage.machine.programs.length === 1);
  await stage.settle();
  expect(stage.machine.programs[0]?.signals).toEqual(['SIGKILL']);
});

describe('a service that starts when it is asked for', () => {
  const ON_DEMAND = { instances: { min: 0, max: 1 } };

  test('is started once for all who ask at the same time', async () => {
    await open().start({ echo: ON_DEMAND });
    await stage.settle();
    expect(stage.machine.programs).toHaveLength(0);
    const answers = Promise.all(Array.from({ length: 1_000 }, () => stage.registry.services.resolve('echo')));
    await stage.until(() => stage.running('echo').length === 1);
    const instances = new Set((await answers).map(({ instance }) => instance));
    expect(instances.size).toBe(1);
    expect(stage.machine.programs).toHaveLength(1);
  });

  test('that is not ours is left to others', async () => {
    await open().start({ echo: ON_DEMAND });
    const asked = stage.registry.services.resolve('unknown', { waitMs: 1_000 });
    const refused = expect(asked).rejects.toThrow('unknown');
    await stage.clock.advanceAsync(1_000);
    await refused;
    expect(stage.machine.programs).toHaveLength(0);
  });
});

describe('when the registry stops', () => {
  test('its programs are stopped, out of lookups before they are told', async () => {
    await open().start({ echo: { instances: 2 } });
    await stage.until(() => stage.running('echo').length === 2);
    const [one, other] = stage.machine.programs;
    const found: string[][] = [];
    stage.machine.onSignal = () => void found.push(stage.running('echo'));
    await stage.registry.stop();
    expect(found).toEqual([[], []]);
    expect([one?.hasEnded, other?.hasEnded, other?.signals]).toEqual([true, true, ['SIGTERM']]);
  });

  test('one that does not end in its grace is killed', async () => {
    open().machine.onSpawn = (program) => {
      Object.assign(program, { isListening: true, isStubborn: true });
    };
    await stage.start({ echo: { stop: { signal: 'SIGINT', grace: '3s' } } });
    await stage.until(() => stage.running('echo').length === 1);
    const stopped = stage.registry.stop();
    const [program] = stage.machine.programs;
    await stage.until(() => program?.signals.length === 1);
    expect(program?.signals).toEqual(['SIGINT']);
    await stage.clock.advanceAsync(3_000);
    await stopped;
    expect(program?.signals).toEqual(['SIGINT', 'SIGKILL']);
  });

  test('one whose grace is longer than a stop may take is killed before the registry ends', async () => {
    open().machine.onSpawn = (program) => {
      Object.assign(program, { isListening: true, isStubborn: true });
    };
    await stage.start({ echo: { stop: { grace: '10m' } } });
    await stage.until(() => stage.running('echo').length === 1);
    const stopped = stage.registry.stop();
    await stage.settle();
    await stage.clock.advanceAsync(31_000);
    await stopped;
    expect(stage.machine.running).toEqual([]);
  });

  test('one that is being drained is `draining` for that time, and told after it', async () => {
    await open().start({ echo: { drain: '5s' } });
    await stage.until(() => stage.running('echo').length === 1);
    const stopped = stage.registry.stop();
    const [program] = stage.machine.programs;
    await stage.until(() => stage.running('echo').length === 0);
    expect([...stage.registry.services.traverse()].map(({ status }) => status)).toEqual(['draining']);
    expect(program?.signals).toEqual([]);
    await stage.clock.advanceAsync(5_000);
    await stopped;
    expect(program?.signals).toEqual(['SIGTERM']);
  });

  test('one that is just being started is not left behind', async () => {
    let release: (() => void) | undefined;
    open().machine.onSpawn = () =>
      new Promise((resolve) => {
        release = resolve;
      });
    await stage.start({ echo: {} });
    await stage.until(() => release !== undefined);
    const stopped = stage.registry.stop();
    await stage.settle();
    release?.();
    await stage.settle();
    await stopped;
    expect(stage.machine.programs).toHaveLength(1);
    expect(stage.machine.running).toEqual([]);
  });

  test('none is started any more, whatever dies or is asked for', async () => {
    await open().start({ echo: { instances: { min: 1, max: 2 } } });
    await stage.until(() => stage.running('echo').length === 1);
    await stage.registry.stop();
    await stage.clock.advanceAsync(3_600_000);
    expect(stage.machine.programs).toHaveLength(1);
  });
});

describe('policy and metrics plugins', () => {
  test('see each start and each end, and may amend what a program is given', async () => {
    const events: string[] = [];
    const plugin = tapping((api) => {
      api.hooks.beforeSpawn.tap((request) => ({
        ...request,
        spec: { program: 'amended' },
        env: { ...request.env, TOKEN: 't' },
      }));
      api.hooks.spawned.tap(({ service, pid }) => void events.push(`spawned ${service} ${pid}`));
      api.hooks.exited.tap(
        ({ service, code, isExpected }) => void events.push(`exited ${service} ${code} ${isExpected}`),
      );
    });
    await open().start({ echo: {} }, { plugins: [plugin] });
    await stage.until(() => stage.running('echo').length === 1);
    const [program] = stage.machine.programs;
    expect([program?.spec, program?.env.TOKEN]).toEqual([{ program: 'amended' }, 't']);
    program?.end({ code: 4 });
    await stage.until(() => stage.machine.programs.length === 2 && stage.running('echo').length === 1, 1);
    await stage.registry.stop();
    expect(events).toEqual([
      'spawned echo 1000',
      'exited echo 4 false',
      'spawned echo 1001',
      'exited echo null true',
    ]);
  });

  test('may refuse a start, which counts as one that failed', async () => {
    const plugin = tapping((api) =>
      api.hooks.beforeSpawn.tap(() => {
        throw new Error('not on a Friday');
      }),
    );
    await open().start({ echo: { restart: { attempts: 1 } } }, { plugins: [plugin] });
    await stage.until(() => stage.logs.some((line) => line.includes('given up')), 10);
    expect(stage.logs.at(-1)).toContain('not on a Friday');
    expect(stage.machine.programs).toHaveLength(0);
  });
});

test('`restart` stops and starts each instance, one after another', async () => {
  await open().start({ echo: { instances: 2 } }, { plugins: [keepOperations] });
  await stage.until(() => stage.running('echo').length === 2);
  let least = 2;
  const restarted = operation('restart', { name: 'echo' });
  await stage.until(() => {
    least = Math.min(least, stage.running('echo').length);
    return stage.machine.programs.length === 4 && stage.running('echo').length === 2;
  }, 1);
  expect(least).toBe(1);
  expect(await restarted).toMatchObject([
    { state: 'RUNNING', restarts: 1 },
    { state: 'RUNNING', restarts: 1 },
  ]);
  await expect(operation('restart', { name: 'ecko' })).rejects.toThrow(/No service "ecko".*echo/);
});
