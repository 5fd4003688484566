import { once } from 'node:events';
import { createServer } from 'node:net';
import { type ClientEvent, type ClientOptions, RegistryClient } from 'rollcall/client';
import { afterEach, describe, expect, test } from 'vitest';
import { createRegistry, type Registry, silentLogger } from '../../core/index.js';
import { builtins } from '../../plugins/index.js';
import { RollcallProcess } from '../support/rollcall-process.js';

const WAIT = { timeout: 15_000, interval: 20 };

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** A registry in a process of its own, which can be killed and started again at the same address. */
async function registryProcess(store: string): Promise<RollcallProcess> {
  const port = await freePort();
  const registry = await RollcallProcess.create(
    `export default { store: ${store}, plugins: [['xml-rpc', { port: ${port} }]] };`,
  );
  cleanups.push(() => registry.dispose());
  await registry.start();
  return registry;
}

async function registryHere(port = 0): Promise<Registry> {
  const registry = await createRegistry({
    config: { store: 'memory', plugins: [['xml-rpc', { port }]] },
    builtins,
    logger: silentLogger,
  });
  cleanups.push(() => registry.stop());
  await registry.start();
  return registry;
}

const urlOf = (registry: Registry) => registry.doors[0]?.url ?? '';

function client(url: string | string[], options: ClientOptions = {}) {
  const events: ClientEvent[] = [];
  const reg = new RegistryClient(url, { onEvent: (event) => events.push(event), ...options });
  cleanups.push(() => reg.close());
  return { reg, events };
}

const addresses = async (reg: RegistryClient, name = 'payments') =>
  (await reg.lookup(name)).instances.map(({ address, isStale }) => (isStale ? `${address} stale` : address));

describe('a program with a registry', () => {
  test.each([
    ['one that keeps what it is told', "['file', { path: './data' }]"],
    ['one that keeps nothing', "'memory'"],
  ])('is registered again after the registry was killed and started anew: %s', async (_, store) => {
    const registry = await registryProcess(store);
    const { reg, events } = client(registry.url);
    const me = await reg.register('payments', { port: 9000, ttlMs: 3_000, tags: ['blue'] });
    const other = client(registry.url).reg;
    expect(await addresses(other)).toEqual(['127.0.0.1:9000']);

    await registry.kill('SIGKILL');
    await expect.poll(() => events.map(({ type }) => type), WAIT).toContain('lost');
    expect(await addresses(other)).toEqual(['127.0.0.1:9000']);
    await expect.poll(async () => (await other.lookup('payments')).isLive, WAIT).toBe(false);
    expect((await other.lookup('payments')).ageMs).toBeGreaterThan(0);
    await expect(other.lookup('payments', { fresh: true })).rejects.toMatchObject({ code: 'UNREACHABLE' });
    await expect(other.lookup('never asked for')).rejects.toMatchObject({ code: 'UNREACHABLE' });

    await registry.start();
    await expect.poll(() => me.isRegistered, WAIT).toBe(true);
    await expect.poll(async () => (await other.lookup('payments')).isLive, WAIT).toBe(true);
    const [found] = (await other.lookup('payments')).instances;
    expect(found).toMatchObject({ port: 9000, tags: ['blue'], ttlMs: 3_000 });
    expect(events.map(({ type }) => type)).toContain('recovered');
    await me.close();
    await expect.poll(() => addresses(other), WAIT).toEqual([]);
  });

  test('goes to the next registry when one is gone, and takes its registration there', async () => {
    const [first, second] = [await registryHere(), await registryHere()];
    const { reg } = client([urlOf(first), urlOf(second)]);
    const me = await reg.register('payments', { port: 9000, ttlMs: 1_000 });
    expect(await addresses(reg)).toEqual(['127.0.0.1:9000']);
    expect(second.services.count()).toBe(0);
    await first.stop();
    await expect.poll(() => second.services.count(), WAIT).toBe(1);
    expect(await addresses(reg)).toHaveLength(1);
    await expect.poll(() => me.isRegistered, WAIT).toBe(true);
    await me.close();
    expect(second.services.count()).toBe(0);
  });

  test('asks the registry nothing for a lookup, and hears of a change at once', async () => {
    const registry = await registryHere();
    const { reg } = client(urlOf(registry));
    expect(await addresses(reg)).toEqual([]);
    const { services } = registry;
    await services.register({ name: 'payments', host: '10.0.0.1', port: 1 });
    await services.register({ name: 'payments', host: '10.0.0.2', port: 2 });
    await services.register({ name: 'billing', host: '10.0.0.3', port: 3 });
    await expect.poll(() => addresses(reg), WAIT).toEqual(['10.0.0.1:1', '10.0.0.2:2']);
    await services.updateStatus('payments', 'degraded');
    await expect.poll(async () => (await reg.lookup('payments')).instances[0]?.status, WAIT).toBe('degraded');
    await services.unregister('payments', { instance: '10.0.0.1:1' });
    await expect.poll(() => addresses(reg), WAIT).toEqual(['10.0.0.2:2']);
    // The calls of a lookup that asks: they need a promise of the network, which this does not.
    const found = reg.lookup('payments');
    let isAnswered = false;
    void found.then(() => {
      isAnswered = true;
    });
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    expect(isAnswered).toBe(true);
  });

  test('is shown those that all fell silent at once, as stale, and none of them when they speak again', async () => {
    const { services, doors } = await registryHere();
    const { reg } = client(doors[0]?.url ?? '');
    const ports = [1, 2, 3, 4, 5, 6];
    for (const port of ports)
      await services.register({ name: 'payments', host: '10.0.0.1', port, ttlMs: 1_000 });
    const all = ports.map((port) => `10.0.0.1:${port}`);
    expect(await addresses(reg)).toEqual(all);
    const stale = all.map((address) => `${address} stale`);
    await expect.poll(async () => (await addresses(reg)).sort(), WAIT).toEqual(stale);
    expect((await reg.choose('payments')).isStale).toBe(true);
    services.heartbeat('payments');
    await expect.poll(async () => (await addresses(reg)).sort(), WAIT).toEqual(all);
  });

  test('watches a service from what is there to what becomes of it', async () => {
    const { services, doors } = await registryHere();
    const { reg } = client(doors[0]?.url ?? '');
    await services.register({ name: 'payments', host: '10.0.0.1', port: 1 });
    const told: string[] = [];
    for await (const { kind, instance } of reg.watch('payments')) {
      told.push(`${kind} ${instance.address} ${instance.status}`);
      if (told.length === 1) await services.updateStatus('payments', 'draining');
      if (told.length === 2) await services.unregister('payments');
      if (told.length === 3) break;
    }
    expect(told).toEqual([
      'registered 10.0.0.1:1 running',
      'changed 10.0.0.1:1 draining',
      'unregistered 10.0.0.1:1 draining',
    ]);
  });

  test('chooses, resolves, and is told where there is nothing to choose from', async () => {
    const { services, doors } = await registryHere();
    const { reg } = client(doors[0]?.url ?? '');
    await expect(reg.choose('payments')).rejects.toMatchObject({ code: 'NO_INSTANCE' });
    await expect(reg.resolve('payments', { waitMs: 10 })).rejects.toMatchObject({
      name: 'RegistryFault',
      code: 'NO_INSTANCE',
      faultCode: 1004,
    });
    const waiting = reg.resolve('payments', { waitMs: 10_000 });
    await services.register({ name: 'payments', host: '10.0.0.1', port: 1, zone: 'eu' });
    await services.register({ name: 'payments', host: '10.0.0.2', port: 2, zone: 'us' });
    expect((await waiting).name).toBe('payments');
    await expect.poll(() => addresses(reg), WAIT).toHaveLength(2);
    const chosen = [await reg.choose('payments'), await reg.choose('payments')].map(({ port }) => port);
    expect(chosen.sort()).toEqual([1, 2]);
    const one = await reg.choose('payments', { by: 'least-recently-failed' });
    reg.failed(one);
    expect((await reg.choose('payments', { by: 'least-recently-failed' })).id).not.toBe(one.id);
    const where = ({ zone }: { zone?: string }) => zone === 'us';
    expect((await reg.choose('payments', { where })).port).toBe(2);
    await expect(reg.choose('payments', { where: () => false })).rejects.toThrow(
      'that may be called is as wanted',
    );
  });

  test('calls any method, with the types that it has', async () => {
    const { doors } = await registryHere();
    const { reg } = client(doors[0]?.url ?? '');
    const id: number = await reg.call('register', 'payments', '10.0.0.1', 9000);
    const known: boolean = await reg.call('heartbeat', 'payments', id);
    expect([id, known]).toEqual([1, true]);
    expect(await reg.find({ name: 'payments' })).toMatchObject([{ id: 1, address: '10.0.0.1:9000' }]);
    await expect(reg.call('no_such_method')).rejects.toMatchObject({
      code: 'METHOD_NOT_FOUND',
      faultCode: -32601,
    });
    await expect(reg.callWith({ timeoutMs: 60_000 }, 'wait_for_change', 'old', 60)).resolves.toMatchObject({
      reset: true,
    });
    await expect(reg.call('lookup', '')).resolves.toEqual([]);
    await expect(reg.call('find', { $nonsense: 1 })).rejects.toMatchObject({ code: 'INVALID_QUERY' });
    await expect(reg.call('lookup', Number.NaN as unknown as string)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    // @ts-expect-error It takes a string.
    await expect(reg.call('lookup', 7)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('gives a call up when it is told to, and everything when the client is closed', async () => {
    const { doors } = await registryHere();
    const { reg } = client(doors[0]?.url ?? '');
    const controller = new AbortController();
    const resolving = reg.resolve('payments', { signal: controller.signal });
    setImmediate(() => controller.abort(new Error('enough')));
    await expect(resolving).rejects.toThrow('enough');
    const waiting = reg.resolve('payments');
    const watching = reg.watch('payments').next();
    await reg.lookup('payments');
    const closed = reg.close();
    await expect(waiting).rejects.toMatchObject({ code: 'STOPPING' });
    expect(await watching).toEqual({ done: true, value: undefined });
    await closed;
    for (const call of [() => reg.lookup('payments'), () => reg.call('get_reg_count')])
      await expect(call()).rejects.toMatchObject({ code: 'STOPPING' });
  });

  test('asks at each lookup where it is told to do without the cache', async () => {
    const { services, doors } = await registryHere();
    const { reg } = client(doors[0]?.url ?? '', { cache: false });
    await services.register({ name: 'payments', host: '10.0.0.1', port: 1 });
    expect(await addresses(reg)).toEqual(['10.0.0.1:1']);
    await services.unregister('payments');
    expect(await addresses(reg)).toEqual([]);
    expect(() => reg.watch('payments')).toThrow('watch needs the cache');
  });

  test('is warned of no leak, whatever number of calls share a signal', async () => {
    const { doors } = await registryHere();
    const { reg } = client(doors[0]?.url ?? '');
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on('warning', onWarning);
    const { signal } = new AbortController();
    await Promise.all(Array.from({ length: 100 }, () => reg.lookup('payments', { fresh: true, signal })));
    await Promise.all(Array.from({ length: 20 }, () => reg.register('payments', { port: 9000 })));
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });

  test.each([
    [['nonsense'], {}, '"nonsense" is no address of a registry'],
    [[], {}, 'No address of a registry was given'],
    [['http://127.0.0.1:1'], { timeout: 5 }, 'Did you mean "timeoutMs"?'],
    [['http://127.0.0.1:1'], { cache: { pollMs: 1 } }, 'cache.pollMs must be 1000 to 300000, not 1.'],
  ])('is told at once what is wrong with its client: %j %j', (urls, options, message) => {
    expect(() => new RegistryClient(urls, options as ClientOptions)).toThrow(message);
  });
});
