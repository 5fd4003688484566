import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { MemoryStore } from '../../core/memory-store.js';
import type { PluginApi, RegistryPlugin } from '../../core/plugin.js';
import { createRegistry } from '../../core/registry.js';
import { FakeClock } from '../support/fake-clock.js';
import { gate } from '../support/gate.js';
import { recordingLogger } from '../support/recording-logger.js';

type Setup = RegistryPlugin['setup'];
const plugin = (name: string, setup: Setup): RegistryPlugin => ({ name, setup });

/** A registry in memory with these plugins. */
function setUp(...plugins: RegistryPlugin[]) {
  const clock = new FakeClock();
  const log = recordingLogger();
  const closed: string[] = [];
  const store = {
    name: 'watched',
    create: () => {
      const memory = new MemoryStore(clock);
      const close = memory.close.bind(memory);
      return Object.assign(memory, { close: () => close().then(() => void closed.push('store')) });
    },
  };
  const registry = createRegistry({ config: { store, plugins }, clock, logger: log.logger });
  registry.catch(() => {});
  return { clock, ...log, closed, registry };
}

/** Runs a setup and gives its api, as a plugin would that keeps it. */
async function apiOf(name = 'mine') {
  let api: PluginApi | undefined;
  const parts = setUp(
    plugin(name, (given) => {
      api = given;
    }),
  );
  const registry = await parts.registry;
  if (api === undefined) throw new Error('setup was not called');
  return { ...parts, registry, api };
}

const openDoor = (api: PluginApi, port = 0) =>
  api.listen({ host: '127.0.0.1', port, paths: ['/'], handle: () => {} });

describe('a setup that fails', () => {
  it('names the plugin, and what it had opened is closed again, the last first', async () => {
    const { closed, registry } = setUp(
      plugin('first', (api) => api.onDispose(() => void closed.push('first'))),
      plugin('bad', async (api) => {
        api.onDispose(() => void closed.push('a'));
        api.onDispose(async () => void closed.push('b'));
        api.onDispose(() => void closed.push('c'));
        await Promise.resolve();
        throw new TypeError('no such host');
      }),
      plugin('never', () => void closed.push('never set up')),
    );
    await expect(registry).rejects.toMatchObject({
      code: 'PLUGIN_SETUP',
      message: 'The setup of plugin "bad" failed: no such host',
      cause: { message: 'no such host' },
    });
    expect(closed).toEqual(['c', 'b', 'a', 'first', 'store']);
  });

  it('leaves no tap and no offer behind', async () => {
    let first: PluginApi | undefined;
    let bad: PluginApi | undefined;
    const { registry } = setUp(
      plugin('first', (api) => {
        first = api;
      }),
      plugin('bad', (api) => {
        bad = api;
        api.hooks.verdict.tap(() => {});
        api.addChecker({ kind: 'x', options: z.object({}), check: () => Promise.reject(new Error()) });
        api.collection('things', z.object({}));
        expect(api.fire.verdict.isTapped).toBe(true);
        expect(first?.checkers.has('x')).toBe(true);
        throw new Error('no');
      }),
    );
    await expect(registry).rejects.toThrow('"bad"');
    expect(first?.fire.verdict.isTapped).toBe(false);
    expect(first?.checkers.size).toBe(0);
    expect(bad?.signal.aborted).toBe(true);
  });

  it('keeps a code that says more, with the plugin named', async () => {
    const { registry } = setUp(
      plugin('bad', async (api) => void (await api.check('tcp', { host: 'h', port: 1 }, { timeoutMs: 1 }))),
    );
    await expect(registry).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message:
        'The setup of plugin "bad" failed: No plugin offers the checker "tcp". Load one, such as \'tcp-checker\'.',
    });
  });

  it('by hanging is given up after 30 s, and what it opens later is closed at once', async () => {
    const hold = gate();
    const late: string[] = [];
    let listening: Promise<unknown> | undefined;
    const { clock, closed, registry } = setUp(
      plugin('stuck', async (api) => {
        api.onDispose(() => void closed.push('early'));
        await hold.promise;
        api.onDispose(() => void closed.push('late'));
        listening = openDoor(api);
        listening.catch(() => {});
        for (const act of [() => api.hooks.start.tap(() => {}), () => api.collection('c', z.object({}))]) {
          try {
            act();
          } catch (error) {
            late.push((error as { code: string }).code);
          }
        }
      }),
    );
    await clock.advanceAsync(30_100);
    await expect(registry).rejects.toMatchObject({
      code: 'HOOK_TIMEOUT',
      message: 'The setup of plugin "stuck" did not end within 30000 ms and was given up.',
    });
    expect(closed).toEqual(['early', 'store']);
    hold.open();
    await clock.advanceAsync(0);
    await expect(listening).rejects.toMatchObject({ code: 'STOPPING' });
    expect(closed).toEqual(['early', 'store', 'late']);
    expect(late).toEqual(['PLUGIN_LATE', 'PLUGIN_LATE']);
  });
});

describe('disposal', () => {
  it('goes on past one that throws, rejects or hangs, and logs each with the plugin named', async () => {
    const { clock, lines, closed, registry } = setUp(
      plugin('messy', (api) => {
        api.onDispose(() => void closed.push('first'));
        api.onDispose(() => {
          throw new Error('boom');
        });
        api.onDispose(() => Promise.reject(new Error('no')));
        api.onDispose(() => new Promise(() => {}));
      }),
    );
    const stopped = (await registry).stop();
    await clock.advanceAsync(10_100);
    await stopped;
    expect(closed).toEqual(['first', 'store']);
    expect(lines.map(({ fields, message }) => [fields.plugin, message])).toEqual([
      ['messy', 'A disposal of plugin "messy" did not end within 10000 ms and was given up.'],
      ['messy', 'A disposal of plugin "messy" failed: no'],
      ['messy', 'A disposal of plugin "messy" failed: boom'],
    ]);
  });

  it('aborts the signal of the plugin, and of its taps under way', async () => {
    let call: AbortSignal | undefined;
    let slow: PluginApi | undefined;
    const { clock, messages, registry } = setUp(
      plugin('slow', (api) => {
        slow = api;
        api.hooks.verdict.tapPromise((_event, { signal }) => {
          call = signal;
          return new Promise(() => {});
        });
      }),
    );
    const { stop } = await registry;
    slow?.fire.verdict.call({} as never);
    expect([slow?.signal.aborted, call?.aborted]).toEqual([false, false]);
    await stop();
    expect([slow?.signal.aborted, call?.aborted]).toEqual([true, true]);
    await clock.advanceAsync(0);
    expect(messages('error')).toEqual([
      'Plugin "slow" in hook verdict was given up, for the plugin is disposed of.',
    ]);
  });

  it('closes the doors of the plugin', async () => {
    let url = '';
    const { registry } = setUp(
      plugin('door', (api) =>
        api.hooks.listen.tapPromise(async () => {
          ({ url } = await openDoor(api));
        }),
      ),
    );
    const { start, stop } = await registry;
    await start();
    expect((await registry).doors.map((door) => door.url)).toEqual([url]);
    await stop();
    expect((await registry).doors).toEqual([]);
    await expect(fetch(url)).rejects.toThrow();
  });
});

describe('after its setup', () => {
  it('a plugin taps and offers nothing more', async () => {
    const { api } = await apiOf();
    const late: [string, () => unknown][] = [
      ['tapped start', () => api.hooks.start.tap(() => {})],
      ['tapped silence', () => api.hooks.silence.tapPromise(async () => {})],
      ['offered a checker', () => api.addChecker({ kind: 'x' } as never)],
      ['offered a spawner', () => api.addSpawner({ kind: 'x' } as never)],
      ['offered an operation', () => api.addOperation({ name: 'x' } as never)],
      ['made a collection', () => api.collection('x', z.object({}))],
    ];
    for (const [what, act] of late) {
      expect(act).toThrow(
        expect.objectContaining({
          code: 'PLUGIN_LATE',
          message: `Plugin "mine" ${what} after its setup. Do it in setup.`,
        }),
      );
    }
  });

  it('its api cannot be changed, and fires only what is for plugins to fire', async () => {
    const { api } = await apiOf();
    expect(() => Object.assign(api, { name: 'other' })).toThrow(TypeError);
    expect(() => Object.assign(api.hooks, { start: 1 })).toThrow(TypeError);
    expect(Object.keys(api.fire).sort()).toEqual([
      'answered',
      'authorize',
      'beforeSpawn',
      'exited',
      'spawned',
      'verdict',
    ]);
    expect(Object.keys(api.hooks.start).sort()).toEqual(['tap', 'tapPromise']);
  });
});

describe('a second owner', () => {
  it('of one checker stops the boot, both plugins named', async () => {
    const checker = { kind: 'tcp', options: z.object({}), check: () => Promise.reject(new Error()) };
    const { closed, registry } = setUp(
      plugin('one', (api) => api.addChecker(checker)),
      plugin('two', (api) => api.addChecker(checker)),
    );
    await expect(registry).rejects.toMatchObject({
      code: 'PLUGIN_DUPLICATE',
      message: 'Plugins "one" and "two" both offer checker "tcp". Load one of them.',
    });
    expect(closed).toEqual(['store']);
  });

  it("of the registry's own records is refused", async () => {
    for (const name of ['instances', 'voices', 'a b', '', '\u0001']) {
      const { registry } = setUp(plugin('sly', (api) => void api.collection(name, z.object({}))));
      await expect(registry).rejects.toThrow(/Plugin "sly":.*collection/);
    }
  });
});

describe('a collection', () => {
  const schema = z.object({ count: z.int(), note: z.string().optional() });

  async function collection() {
    let things: ReturnType<typeof make> | undefined;
    const make = (api: PluginApi) => api.collection('things', schema);
    const { registry } = setUp(
      plugin('mine', (api) => {
        things = make(api);
      }),
    );
    await registry;
    if (things === undefined) throw new Error('setup was not called');
    return things;
  }

  it('keeps documents that its plugin puts, frozen and apart from what was given', async () => {
    const things = await collection();
    const given = { count: 1, note: undefined };
    await things.put('a', given as { count: number });
    given.count = 2;
    expect(things.get('a')).toEqual({ count: 1 });
    expect(things.get('a')).not.toHaveProperty('note');
    expect(Object.isFrozen(things.get('a'))).toBe(true);
    await things.put('b', { count: 3 });
    expect([...things.entries()]).toEqual([
      ['a', { count: 1 }],
      ['b', { count: 3 }],
    ]);
    expect(await things.remove('a')).toBe(true);
    expect(await things.remove('a')).toBe(false);
    expect(things.get('a')).toBeUndefined();
  });

  it('refuses what does not fit, and keys without end', async () => {
    const things = await collection();
    for (const [key, value] of [
      ['a', { count: 'x' }],
      ['a', { count: 1, more: 1 }],
      ['', { count: 1 }],
      ['k'.repeat(513), { count: 1 }],
      [5, { count: 1 }],
      ['a', undefined],
    ]) {
      await expect(things.put(key as string, value as never)).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
    }
    expect([...things.entries()]).toEqual([]);
  });
});
