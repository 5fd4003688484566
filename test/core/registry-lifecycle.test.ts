import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import type { ConfigInput } from '../../core/config.js';
import { MemoryStore } from '../../core/memory-store.js';
import type { PluginApi, RegistryPlugin } from '../../core/plugin.js';
import { checkConfig, createRegistry } from '../../core/registry.js';
import { FakeClock } from '../support/fake-clock.js';
import { gate } from '../support/gate.js';
import { recordingLogger } from '../support/recording-logger.js';

const plugin = (
  name: string,
  setup: RegistryPlugin['setup'],
  more: Partial<RegistryPlugin> = {},
): RegistryPlugin => ({
  name,
  setup,
  ...more,
});

function setUp(config: ConfigInput) {
  const clock = new FakeClock();
  const log = recordingLogger();
  const registry = createRegistry({ config: { store: 'memory', ...config }, clock, logger: log.logger });
  registry.catch(() => {});
  return { clock, ...log, registry };
}

const opening = (port: number) => (api: PluginApi) =>
  api.hooks.listen.tapPromise(async () => {
    await api.listen({ host: '127.0.0.1', port, paths: ['/'], handle: () => {} });
  });

/** A port of this machine that another program listens on. */
async function takenPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve())));
  return (server.address() as { port: number }).port;
}

describe('a whole life', () => {
  it('fires its hooks in order, as a plugin sees them', async () => {
    const seen: string[] = [];
    const watch = plugin('watch', (api) => {
      seen.push('setup');
      for (const name of ['start', 'listen', 'ready', 'stop', 'close'] as const) {
        api.hooks[name].tap(() => void seen.push(name));
      }
      api.hooks.register.tap((request) => {
        seen.push(`register ${request.name}`);
        return request;
      });
      api.hooks.registered.tap((record) => void seen.push(`registered ${record.name}`));
      api.hooks.statusChanged.tap(
        (record, before) => void seen.push(`statusChanged ${before.status} ${record.status}`),
      );
      api.hooks.unregistered.tap((record) => void seen.push(`unregistered ${record.name}`));
      api.hooks.changed.tap((changes) => void seen.push(`changed ${changes.length}`));
      api.hooks.committed.tap(({ local }) => void seen.push(`committed ${local ? 'here' : 'elsewhere'}`));
      api.onDispose(() => void seen.push('disposed of'));
    });
    const { registry } = setUp({ plugins: [watch] });
    const { services, start, stop } = await registry;
    await start();
    await services.register({ name: 'payments', host: '127.0.0.1', port: 9000 });
    await services.updateStatus('payments', 'error');
    await services.unregister('payments');
    await stop();
    expect(seen).toEqual([
      'setup',
      'start',
      'listen',
      'ready',
      'register payments',
      'registered payments',
      'changed 1',
      'committed here',
      'statusChanged running error',
      'changed 1',
      'committed here',
      'unregistered payments',
      'changed 1',
      'committed here',
      'stop',
      'close',
      'disposed of',
    ]);
  });

  it('sets plugins up in the order of the configuration, and disposes of them the other way round', async () => {
    const seen: string[] = [];
    const named = (name: string) =>
      plugin(name, async (api) => {
        seen.push(`+${name}`);
        api.onDispose(() => void seen.push(`-${name}`));
      });
    const { registry } = setUp({
      plugins: [named('a'), false, null, '', named('b'), undefined, 0, [named('c'), {}]],
    });
    expect((await registry).plugins).toEqual(['a', 'b', 'c']);
    await (await registry).stop();
    expect(seen).toEqual(['+a', '+b', '+c', '-c', '-b', '-a']);
  });
});

describe('a registry that cannot be made', () => {
  it('names two plugins of one name, before any is set up', async () => {
    let setUps = 0;
    const twin = plugin('twin', () => void setUps++);
    await expect(setUp({ plugins: [twin, { ...twin }] }).registry).rejects.toMatchObject({
      code: 'PLUGIN_DUPLICATE',
    });
    expect(setUps).toBe(0);
  });

  it('names the plugin whose need is not met, before any is set up', async () => {
    let setUps = 0;
    const needy = plugin('needy', () => void setUps++, { needs: ['monitor'] });
    await expect(setUp({ plugins: [needy] }).registry).rejects.toMatchObject({
      code: 'PLUGIN_NEEDS',
      message: expect.stringContaining('plugin "needy" needs "monitor"'),
    });
    expect(setUps).toBe(0);
    const { stop } = await setUp({ plugins: [needy, plugin('mine', () => {}, { provides: ['monitor'] })] })
      .registry;
    await stop();
    expect(setUps).toBe(1);
  });

  it('names the store that throws, or hangs, while it is made', async () => {
    const thrower = { name: 'raft', create: () => Promise.reject(new Error('no quorum')) };
    await expect(setUp({ store: thrower, plugins: [] }).registry).rejects.toMatchObject({
      code: 'PLUGIN_SETUP',
      message: 'The setup of store "raft" failed: no quorum',
    });
    const { clock, registry } = setUp({
      store: { name: 'raft', create: () => new Promise(() => {}) },
      plugins: [],
    });
    await clock.advanceAsync(30_100);
    await expect(registry).rejects.toMatchObject({ code: 'HOOK_TIMEOUT' });
  });

  it('closes the store that could not be opened', async () => {
    let closes = 0;
    const store = {
      name: 'torn',
      create: () =>
        Object.assign(new MemoryStore(new FakeClock()), {
          open: () => Promise.reject(new Error('torn')),
          close: async () => void closes++,
        }),
    };
    await expect(setUp({ store, plugins: [] }).registry).rejects.toThrow('torn');
    expect(closes).toBe(1);
  });
});

describe('a port in use', () => {
  it('stops the start; the error says which plugin and port, and nothing stays open', async () => {
    const port = await takenPort();
    const seen: string[] = [];
    const first = plugin('first', (api) => {
      opening(0)(api);
      api.hooks.ready.tap(() => void seen.push('ready'));
      api.hooks.stop.tap(() => void seen.push('stop'));
      api.onDispose(() => void seen.push('disposed of'));
    });
    const registry = await setUp({ plugins: [first, plugin('second', opening(port))] }).registry;
    const error = await registry.start().catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'ADDRESS_IN_USE' });
    expect(error.message).toContain('"second"');
    expect(error.message).toContain(`127.0.0.1:${port}`);
    expect(registry.doors).toEqual([]);
    expect(seen).toEqual(['stop', 'disposed of']);
  });
});

describe('start', () => {
  it('fails with the first plugin that does, and stops all', async () => {
    const seen: string[] = [];
    const { messages, registry } = setUp({
      plugins: [
        plugin('bad', (api) => {
          api.hooks.start.tap(() => {
            throw new Error('no route');
          });
          for (const name of ['listen', 'ready', 'stop', 'close'] as const)
            api.hooks[name].tap(() => void seen.push(name));
        }),
      ],
    });
    await expect((await registry).start()).rejects.toMatchObject({
      code: 'HOOK_FAILED',
      message: 'Plugin "bad" in hook start failed: no route',
    });
    expect(seen).toEqual(['stop', 'close']);
    // Whoever started it says so; the log does not say it again.
    expect(messages('error')).toEqual([]);
  });

  it('is done once', async () => {
    const { start, stop } = await setUp({ plugins: [] }).registry;
    await start();
    await expect(start()).rejects.toThrow('is started once');
    await stop();
    await expect(start()).rejects.toMatchObject({ code: 'STOPPING' });
  });
});

describe('stop', () => {
  it('may be called again, and does it once', async () => {
    let stops = 0;
    let disposals = 0;
    const { registry } = setUp({
      plugins: [
        plugin('count', (api) => {
          api.hooks.stop.tap(() => void stops++);
          api.onDispose(() => void disposals++);
        }),
      ],
    });
    const { start, stop } = await registry;
    await start();
    await Promise.all([stop(), stop()]);
    await stop();
    expect([stops, disposals]).toEqual([1, 1]);
  });

  it('of a registry that never started disposes of its plugins, and fires no hook stop', async () => {
    const seen: string[] = [];
    const { registry } = setUp({
      plugins: [
        plugin('p', (api) => {
          api.hooks.stop.tap(() => void seen.push('stop'));
          api.onDispose(() => void seen.push('disposed of'));
        }),
      ],
    });
    await (await registry).stop();
    expect(seen).toEqual(['disposed of']);
  });

  it('during start waits for the step under way, begins no other, and start says so', async () => {
    const seen: string[] = [];
    const hold = gate();
    const { clock, registry } = setUp({
      plugins: [
        plugin('slow', (api) => {
          api.hooks.start.tapPromise(async () => {
            seen.push('start begins');
            await hold.promise;
            seen.push('start ends');
          });
          for (const name of ['listen', 'ready', 'stop'] as const)
            api.hooks[name].tap(() => void seen.push(name));
          api.onDispose(() => void seen.push('disposed of'));
        }),
      ],
    });
    const { start, stop } = await registry;
    const starting = start();
    const stopping = stop();
    await clock.advanceAsync(0);
    expect(seen).toEqual(['start begins']);
    hold.open();
    await expect(starting).rejects.toMatchObject({ code: 'STOPPING' });
    await stopping;
    expect(seen).toEqual(['start begins', 'start ends', 'stop', 'disposed of']);
  });

  it('while doors open closes them', async () => {
    const hold = gate();
    const registry = await setUp({
      plugins: [
        plugin('door', (api) =>
          api.hooks.listen.tapPromise(async () => {
            await hold.promise;
            await api.listen({ host: '127.0.0.1', port: 0, paths: ['/'], handle: () => {} });
          }),
        ),
      ],
    }).registry;
    const starting = registry.start();
    const stopping = registry.stop();
    hold.open();
    await expect(starting).rejects.toMatchObject({ code: 'STOPPING' });
    await stopping;
    expect(registry.doors).toEqual([]);
  });

  it('closes the store though a hook hangs, and logs what failed', async () => {
    let isClosed = false;
    const memory = new MemoryStore(new FakeClock());
    const store = {
      name: 'sore',
      create: () =>
        Object.assign(memory, {
          close: async () => {
            isClosed = true;
            throw new Error('disk gone');
          },
        }),
    };
    const stuck = plugin('stuck', (api) => api.hooks.stop.tapPromise(() => new Promise(() => {})));
    const { clock, messages, registry } = setUp({ store, plugins: [stuck] });
    const { start, stop } = await registry;
    await start();
    const stopping = stop();
    for (let step = 0; step < 5; step++) await clock.advanceAsync(30_100);
    await stopping;
    expect(isClosed).toBe(true);
    expect(messages('error')).toEqual([
      'Plugin "stuck" in hook stop did not end within 30000 ms and was given up.',
      'Closing the store failed: disk gone',
    ]);
  });
});

describe('policy', () => {
  it('may amend or refuse a registration', async () => {
    const policy = plugin('policy', (api) =>
      api.hooks.register.tap((request) => {
        if (request.zone === undefined) throw new Error('name a zone');
        return { ...request, tags: ['checked'] };
      }),
    );
    const { services, stop } = await setUp({ plugins: [policy] }).registry;
    const input = { name: 'payments', host: '127.0.0.1', port: 9000 };
    expect((await services.register({ ...input, zone: 'north' })).tags).toEqual(['checked']);
    await expect(services.register(input)).rejects.toMatchObject({
      code: 'REFUSED',
      message: 'Plugin "policy" in hook register failed: name a zone',
    });
    await stop();
  });
});

describe('checkConfig', () => {
  it('names what would be loaded, and sets nothing up', async () => {
    let setUps = 0;
    const mine = plugin('mine', () => void setUps++, { options: z.object({ port: z.int() }) });
    const config: ConfigInput = { store: 'memory', plugins: [[mine, { port: 1 }]] };
    expect(await checkConfig({ config })).toEqual({ store: 'memory', plugins: ['mine'] });
    const bad: ConfigInput = { store: 'memory', plugins: [[mine, { prot: 1, port: 1 }]] };
    await expect(checkConfig({ config: bad })).rejects.toMatchObject({ code: 'PLUGIN_OPTIONS' });
    expect(setUps).toBe(0);
  });
});
