import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { definePlugin, type PluginApi, type RegistryPlugin } from '../../../core/index.js';
import { dependencyFaults } from '../../../plugins/supervisor/dependencies.js';
import { Stage } from './fake-spawner.js';

let stage: Stage;
beforeEach(() => {
  stage = new Stage();
});
afterEach(() => stage.end());

const started = () => stage.machine.programs.map(({ service }) => service);
let operations: PluginApi['operations'] | undefined;
const keeper = definePlugin({
  name: 'keeper',
  setup: (api) => {
    operations = api.operations;
  },
});
const ps = async () =>
  operations?.get('ps')?.run({}, { by: { who: 'test', door: 'test' }, signal: AbortSignal.abort() });
const isUp = (name: string) => () => stage.running(name).length > 0;

describe('a service that depends on others', () => {
  test('is started when each of these runs, and says meanwhile what it waits for', async () => {
    stage.machine.onSpawn = () => {};
    await stage.start(
      { web: { dependsOn: ['api', 'db'] }, api: { dependsOn: ['db'] }, db: {} },
      { plugins: [keeper as unknown as RegistryPlugin] },
    );
    await stage.until(() => started().length === 1);
    await stage.settle();
    expect(started()).toEqual(['db']);
    expect(await ps()).toMatchObject([
      { service: 'web', state: 'EXITED', reason: 'waits for api, db' },
      { service: 'api', state: 'EXITED', reason: 'waits for db' },
      { service: 'db', state: 'STARTING' },
    ]);
    for (const service of ['db', 'api', 'web']) {
      await stage.until(() => started().includes(service), 1);
      for (const program of stage.machine.running) program.isListening = true;
      await stage.until(isUp(service), 1);
    }
    expect(started()).toEqual(['db', 'api', 'web']);
  });

  test('is not started again as long as what it depends on is down', async () => {
    await stage.start({ web: { dependsOn: ['db'] }, db: {} });
    await stage.until(isUp('web'), 1);
    stage.machine.onSpawn = () => {};
    for (const program of [...stage.machine.running]) program.end({ code: 1 });
    await stage.until(() => started().length === 3, 10);
    await stage.clock.advanceAsync(5_000);
    expect(started()).toEqual(['db', 'web', 'db']);
    for (const program of stage.machine.running) program.isListening = true;
    await stage.until(() => started().length === 4, 10);
    expect(started().at(-1)).toBe('web');
  });

  test('has one started that is to run only when somebody asks', async () => {
    await stage.start({
      web: { instances: { min: 0, max: 1 }, dependsOn: ['db'] },
      db: { instances: { min: 0, max: 1 } },
    });
    await stage.settle();
    expect(started()).toEqual([]);
    const asked = stage.registry.services.resolve('web');
    await stage.until(isUp('web'), 1);
    expect((await asked).name).toBe('web');
    expect(started()).toEqual(['db', 'web']);
  });

  test('is stopped before what it depends on', async () => {
    const ended: string[] = [];
    await stage.start({ web: { dependsOn: ['api'] }, api: { dependsOn: ['db'] }, db: {} });
    await stage.until(isUp('web'), 1);
    stage.machine.onSignal = ({ service }) => void ended.push(service);
    await stage.registry.stop();
    expect(ended).toEqual(['web', 'api', 'db']);
  });

  test('does not boot where it depends on itself in the end, or on what is not there', async () => {
    const cycle = stage.start({ a: { dependsOn: ['b'] }, b: { dependsOn: ['c'] }, c: { dependsOn: ['b'] } });
    await expect(cycle).rejects.toMatchObject({
      code: 'PLUGIN_OPTIONS',
      message: expect.stringContaining('expected no cycle, found b -> c -> b'),
    });
    const stranger = stage.start({ a: { dependsOn: ['bb'] }, b: {} });
    await expect(stranger).rejects.toThrow('expected services of this configuration, not "bb"');
  });
});

test('a cycle is found where there is one, and only there', () => {
  const graph = fc.array(fc.array(fc.nat(7), { maxLength: 3 }), { minLength: 8, maxLength: 8 });
  fc.assert(
    fc.property(graph, (edges) => {
      const services = Object.fromEntries(
        edges.map((to, at) => [`s${at}`, { dependsOn: to.map((one) => `s${one}`) }]),
      );
      // What is reachable by at least one step, worked out the long way.
      const reach = edges.map((to) => new Set(to));
      for (let round = 0; round < 8; round++) {
        for (const set of reach) for (const one of [...set]) for (const two of reach[one] ?? []) set.add(two);
      }
      expect(dependencyFaults(services).length > 0).toBe(reach.some((set, at) => set.has(at)));
    }),
  );
});
