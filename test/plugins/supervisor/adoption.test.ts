import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { definePlugin, type RegistryPlugin } from '../../../core/index.js';
import { FakeMachine, Stage } from './fake-spawner.js';
import { KeptDisk } from './kept-store.js';

let disk: KeptDisk;
let machine: FakeMachine;
let stage: Stage;
let seed = 0;
const folders: string[] = [];

/** The next registry on the same disk and machine. Its forerunner, if it was not stopped, is dead: its time stands still. */
function boot(home?: string): Stage {
  seed += 1;
  stage = new Stage({ machine, store: disk.store(home), seed });
  folders.push(stage.folder);
  return stage;
}

const runs = (count: number) => stage.until(() => stage.running('echo').length === count, 1);
const places = () => disk.entries('processes').map(({ instance, state }) => [instance, state]);

beforeEach(() => {
  disk = new KeptDisk();
  machine = new FakeMachine();
});
afterEach(async () => {
  await stage.end();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

describe('after the registry was killed', () => {
  test('what still runs is adopted: the same record, nothing started twice, and its end is noticed', async () => {
    await boot().start({ echo: { instances: 2 } });
    await runs(2);
    const before = stage.running('echo').toSorted();

    await boot().start({ echo: { instances: 2 } });
    expect(stage.running('echo').toSorted()).toEqual(before);
    await stage.settle();
    expect(machine.programs).toHaveLength(2);

    machine.programs[0]?.end({ code: null });
    await stage.until(() => machine.programs.length === 3, 1);
    await runs(2);
    expect(places().map(([, state]) => state)).toEqual(['RUNNING', 'RUNNING']);
  });

  test('what ended meanwhile is gone from the records, and replaced', async () => {
    await boot().start({ echo: {} });
    await runs(1);
    const [gone] = stage.running('echo');
    machine.programs[0]?.end({ code: 1 });

    await boot().start({ echo: {} });
    expect(stage.running('echo')).toEqual([]);
    await runs(1);
    expect(stage.running('echo')).not.toContain(gone);
    expect(stage.registry.services.count()).toBe(1);
    expect(places()).toHaveLength(1);
  });

  test('one that had not become ready is checked on, and not started again', async () => {
    machine.onSpawn = () => {};
    await boot().start({ echo: {} });
    await stage.until(() => disk.entries('processes').some(({ ref }) => ref !== null));

    await boot().start({ echo: {} });
    await stage.settle();
    expect(stage.running('echo')).toEqual([]);
    for (const program of machine.programs) program.isListening = true;
    await runs(1);
    expect(machine.programs).toHaveLength(1);
  });

  test('one whose start was never finished leaves no record', async () => {
    machine.onSpawn = () => new Promise(() => {});
    await boot().start({ echo: {} });
    await stage.until(() => disk.entries('instances').length === 1);

    await boot().start({});
    expect(stage.registry.services.count()).toBe(0);
    expect(places()).toEqual([]);
  });

  test('one that runs, though the registry died before it could note that, is found by its name and adopted', async () => {
    machine.onSpawned = () => new Promise(() => {});
    await boot().start({ echo: {} });
    await stage.until(() => machine.programs.length === 1);
    machine.onSpawned = () => {};

    await boot().start({ echo: {} });
    await runs(1);
    expect(machine.programs).toHaveLength(1);
    expect(disk.entries('processes')).toMatchObject([
      { ref: { instance: stage.running('echo')[0] }, pid: 1_000 },
    ]);

    await boot().start({ echo: {} });
    await runs(1);
    expect(machine.programs).toHaveLength(1);
  });

  test('one that runs un-noted and is not asked for any more is stopped', async () => {
    machine.onSpawned = () => new Promise(() => {});
    await boot().start({ echo: {} });
    await stage.until(() => machine.programs.length === 1);
    machine.onSpawned = () => {};

    await boot().start({});
    await stage.until(() => machine.running.length === 0);
    await stage.settle();
    expect([stage.registry.services.count(), places()]).toEqual([0, []]);
  });

  test('what the configuration does not ask for any more is stopped', async () => {
    await boot().start({ echo: {} });
    await runs(1);
    await boot().start({ other: {} });
    await stage.until(
      () => machine.running.every(({ service }) => service === 'other') && machine.running.length === 1,
    );
    await stage.settle();
    expect([...stage.registry.services.traverse()].map(({ name }) => name)).toEqual(['other']);
  });

  test('where fewer are wanted, the newest are stopped', async () => {
    await boot().start({ echo: { instances: { min: 1, max: 2 } } });
    await runs(1);
    await stage.clock.advanceAsync(1_000);
    machine.programs[0]?.end({ code: 1 });
    await stage.until(() => machine.programs.length === 2, 1);
    await runs(1);
    const [elder] = stage.running('echo');
    await stage.clock.advanceAsync(1_000);
    await boot().start({ echo: { instances: { min: 2, max: 2 } } });
    await runs(2);
    await boot().start({ echo: {} });
    await stage.until(() => machine.running.length === 1);
    expect(machine.running.map(({ instance }) => instance)).toEqual([elder]);
  });

  test('one that was being stopped is stopped to the end, and replaced', async () => {
    machine.onSpawn = (program) => {
      Object.assign(program, { isListening: true, isStubborn: true });
    };
    await boot().start({ echo: {} });
    await runs(1);
    void stage.registry.stop();
    await stage.until(() => machine.programs[0]?.signals.length === 1);

    await boot().start({ echo: {} });
    await runs(1);
    expect(machine.programs[0]?.signals).toEqual(['SIGTERM', 'SIGTERM']);
    await stage.clock.advanceAsync(10_000);
    expect(machine.programs[0]?.hasEnded).toBe(true);
    await stage.settle();
    expect(places()).toHaveLength(1);
  });

  test('what another server runs is left alone', async () => {
    await boot('there').start({ echo: {} });
    await runs(1);
    await boot('here').start({});
    await stage.settle();
    expect(machine.running).toHaveLength(1);
    expect(places()).toHaveLength(1);
  });
});

test('`onExit: leave` leaves programs running, in lookups, and the next registry adopts them', async () => {
  await boot().start({ echo: { instances: 2 } }, { onExit: 'leave' });
  await runs(2);
  await stage.registry.stop();
  expect(machine.running).toHaveLength(2);
  await boot().start({ echo: { instances: 2 } });
  expect(stage.running('echo')).toHaveLength(2);
  await stage.settle();
  expect(machine.programs).toHaveLength(2);
});

test('a boot that fails leaves what it adopted running, for the next one', async () => {
  await boot().start({ echo: {} });
  await runs(1);
  const failing = definePlugin({
    name: 'failing-door',
    setup: (api) =>
      api.hooks.listen.tap(() => {
        throw new Error('port in use');
      }),
  }) as RegistryPlugin;
  await expect(boot().start({ echo: {} }, { plugins: [failing] })).rejects.toThrow('port in use');
  expect(machine.running).toHaveLength(1);
  await boot().start({ echo: {} });
  expect(stage.running('echo')).toHaveLength(1);
  expect(machine.programs).toHaveLength(1);
});

describe('while the disk is full', () => {
  test('a program that dies is gone from lookups all the same, and its record goes when there is room', async () => {
    await boot().start({ echo: {} });
    await runs(1);
    disk.isFull = true;
    machine.programs[0]?.end({ code: 1 });
    await stage.settle();
    expect(stage.running('echo')).toEqual([]);
    expect(stage.registry.services.count()).toBe(1);
    await stage.clock.advanceAsync(60_000);
    // Nothing runs that the journal does not know of.
    expect(machine.programs).toHaveLength(1);

    disk.isFull = false;
    await stage.until(() => machine.programs.length === 2, 100);
    await runs(1);
    await stage.clock.advanceAsync(60_000);
    expect(stage.registry.services.count()).toBe(1);
    expect(places().map(([, state]) => state)).toEqual(['RUNNING']);
  });

  test('a registry still stops, and takes its programs with it', async () => {
    await boot().start({ echo: {} });
    await runs(1);
    disk.isFull = true;
    await stage.registry.stop();
    expect(machine.running).toEqual([]);

    disk.isFull = false;
    await boot().start({});
    expect(stage.registry.services.count()).toBe(0);
    expect(places()).toEqual([]);
  });
});
