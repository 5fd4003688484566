import { hostname } from 'node:os';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Stage } from './fake-spawner.js';

const BY = { who: 'a program', door: 'xml-rpc' };

let stage: Stage;
beforeEach(() => {
  stage = new Stage();
});
afterEach(() => stage.end());

const runs = (count: number) => stage.until(() => stage.running('echo').length === count, 1);
const register = (host: string, more: object = {}) => {
  const port = stage.machine.running[0]?.port ?? 0;
  return stage.registry.services.register({ name: 'echo', host, port, ...more }, { by: BY });
};

describe('a program that the supervisor started and that registers itself', () => {
  test.each(['127.0.0.1', 'localhost', hostname()])('as %s is one record, not two', async (host) => {
    await stage.start({ echo: {} });
    await runs(1);
    const [record] = [...stage.registry.services.instances('echo')];
    const own = await register(host, { tags: ['eu'], meta: { a: 'b' }, ttlMs: 30_000 });
    expect(own).toMatchObject({
      ...{ id: record?.id, instance: record?.instance, host: '127.0.0.1', owner: 'supervisor' },
      ...{ tags: ['eu'], meta: { a: 'b' }, ttlMs: 30_000 },
    });
    expect(stage.registry.services.count()).toBe(1);
    // The plain call of a keep-alive takes nothing back.
    expect(await register(host)).toMatchObject({ tags: ['eu'], meta: { a: 'b' }, ttlMs: 30_000 });
  });

  test('under a name of its own, or the one that it was given, is one record, too', async () => {
    await stage.start({ echo: {} });
    await runs(1);
    await register('localhost', { instance: 'mine' });
    await register('localhost', { instance: stage.running('echo')[0] });
    expect(stage.registry.services.count()).toBe(1);
  });

  test('is not in lookups for that before its ready check has passed', async () => {
    stage.machine.onSpawn = () => {};
    await stage.start({ echo: {} });
    await stage.until(() => stage.machine.programs.length === 1);
    await register('localhost');
    expect(stage.running('echo')).toEqual([]);
    expect(stage.registry.services.count()).toBe(1);
    stage.machine.programs[0]!.isListening = true;
    await runs(1);
  });

  test('is another one on another machine, or on another port', async () => {
    await stage.start({ echo: {} });
    await runs(1);
    await register('192.0.2.7');
    await stage.registry.services.register({ name: 'echo', host: 'localhost', port: 1 }, { by: BY });
    expect(stage.registry.services.count()).toBe(3);
  });

  test('is stopped where somebody unregisters it, and replaced, since one is to run', async () => {
    await stage.start({ echo: {} });
    await runs(1);
    const [first] = stage.running('echo');
    await stage.registry.services.unregister('echo', { by: BY });
    expect(stage.running('echo')).toEqual([]);
    await stage.until(() => stage.machine.programs[0]?.hasEnded === true, 1);
    await runs(1);
    expect(stage.running('echo')).not.toContain(first);
    expect(stage.machine.running).toHaveLength(1);
  });

  test('is stopped for good where fewer need to run', async () => {
    await stage.start({ echo: { instances: { min: 0, max: 2 } } });
    const asked = stage.registry.services.resolve('echo');
    await runs(1);
    await asked;
    await stage.registry.services.unregister('echo', { by: BY });
    await stage.until(() => stage.machine.running.length === 0, 1);
    await stage.clock.advanceAsync(60_000);
    expect(stage.machine.programs).toHaveLength(1);
    expect(stage.registry.services.count()).toBe(0);
  });
});
