import { describe, expect, it } from 'vitest';
import { RegistryError } from '../../core/errors.js';
import { createGuard } from '../../core/guard.js';
import { type AccessRequest, createHooks, type Demand, type SpawnRequest } from '../../core/hooks.js';
import type { RegisterRequest } from '../../core/servicedb/request.js';
import { FakeClock } from '../support/fake-clock.js';
import { gate } from '../support/gate.js';
import { recordingLogger } from '../support/recording-logger.js';

function setUp() {
  const clock = new FakeClock();
  const log = recordingLogger();
  return { clock, ...log, hooks: createHooks(createGuard(clock, log.logger)) };
}

const silence = { isOn: true, silent: 3, total: 4 };
const demand: Demand = { name: 'payments', waitMs: 1_000, explain: () => {} };
const request = { name: 'payments', host: '127.0.0.1', port: 9000 } as RegisterRequest;
const access = { door: 'test', verb: 'read', method: 'm', service: undefined } as AccessRequest;
const spawn = { service: 's', env: {} } as SpawnRequest;
const never = () => new Promise<never>(() => {});

describe('every hook', () => {
  it('refuses an async function given to tap, naming plugin and hook, and says to use tapPromise', () => {
    const { hooks } = setUp();
    for (const [name, hook] of Object.entries(hooks)) {
      const tap = () => hook.tap('mailer', (async () => {}) as never);
      expect(tap).toThrow(expect.objectContaining({ code: 'HOOK_ASYNC_TAP' }));
      expect(tap).toThrow(new RegExp(`"mailer" in hook ${name}:.*Use tapPromise`));
      expect(hook.isTapped).toBe(false);
    }
  });

  it("refuses tapable's own order of arguments", () => {
    const { hooks } = setUp();
    for (const hook of Object.values(hooks)) {
      for (const method of ['tap', 'tapPromise'] as const) {
        const tap = () => hook[method]('mailer', 'mailer' as never, (() => {}) as never);
        expect(tap).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
        expect(tap).toThrow('a tap is a function, not string');
      }
    }
  });

  it('carries its own name, so that messages tell where a tap failed', () => {
    for (const [name, hook] of Object.entries(setUp().hooks)) expect(hook.name).toBe(name);
  });

  it('runs taps by stage, and before those they name', () => {
    const { hooks } = setUp();
    const order: string[] = [];
    const tap = (plugin: string, options?: { stage?: number; before?: string }) =>
      hooks.silence.tap(plugin, () => void order.push(plugin), options);
    tap('b');
    tap('late', { stage: 10 });
    tap('c');
    tap('early', { stage: -10 });
    tap('a', { before: 'b' });
    hooks.silence.call(silence);
    expect(order).toEqual(['early', 'a', 'b', 'c', 'late']);
  });

  it('lets no option take over a tap', () => {
    const { hooks, messages } = setUp();
    const seen: string[] = [];
    const options = { name: 'other', fn: () => seen.push('fn'), type: 'async' } as never;
    hooks.silence.tap('mine', () => void seen.push('run'), options);
    hooks.silence.call(silence);
    expect(seen).toEqual(['run']);
    expect(hooks.silence.tappedBy).toEqual(['mine']);
    expect(messages('error')).toEqual([]);
  });

  it("forgets a plugin's taps when they are taken out, and keeps the others", async () => {
    const { hooks } = setUp();
    const seen: string[] = [];
    for (const plugin of ['a', 'b', 'a']) {
      hooks.silence.tap(plugin, () => void seen.push(plugin));
      hooks.start.tap(plugin, () => void seen.push(plugin));
    }
    hooks.silence.untap('a');
    hooks.start.untap('a');
    hooks.silence.untap('nobody');
    hooks.silence.call(silence);
    await hooks.start.promise();
    expect(seen).toEqual(['b', 'b']);
    hooks.silence.untap('b');
    hooks.start.untap('b');
    expect(hooks.silence.isTapped || hooks.start.isTapped).toBe(false);
    hooks.silence.call(silence);
    await hooks.start.promise();
    expect(seen).toHaveLength(2);
  });

  it('finishes a call with the taps it began with, whoever is taken out meanwhile', async () => {
    const { hooks } = setUp();
    const seen: string[] = [];
    hooks.start.tap('a', () => {
      seen.push('a');
      hooks.start.untap('b');
    });
    hooks.start.tap('b', () => void seen.push('b'));
    await hooks.start.promise();
    expect(seen).toEqual(['a', 'b']);
  });
});

describe('a notification', () => {
  it('goes on after a tap that throws, and the log names plugin and hook', () => {
    const { hooks, lines } = setUp();
    let after = 0;
    hooks.silence.tap('bad', () => {
      throw new Error('boom');
    });
    hooks.silence.tap('good', () => void after++);
    hooks.silence.call(silence);
    expect(after).toBe(1);
    expect(lines).toMatchObject([
      {
        level: 'error',
        fields: { plugin: 'bad', hook: 'silence', err: { message: 'boom' } },
        message: 'Plugin "bad" in hook silence failed: boom',
      },
    ]);
  });

  it('logs the rejection of a promise that a plain function gave back', async () => {
    const { clock, hooks, messages } = setUp();
    hooks.silence.tap('bad', () => Promise.reject(new Error('later')) as unknown as undefined);
    hooks.silence.call(silence);
    await clock.advanceAsync(0);
    expect(messages('error')).toEqual(['Plugin "bad" in hook silence failed: later']);
  });

  it('waits for no promise, and logs its rejection', async () => {
    const { clock, hooks, messages } = setUp();
    const hold = gate();
    let after = 0;
    hooks.silence.tapPromise('slow', () => hold.promise);
    hooks.silence.tap('next', () => void after++);
    hooks.silence.call(silence);
    expect(after).toBe(1);
    expect(messages('error')).toEqual([]);
    hold.fail(new Error('no route'));
    await clock.advanceAsync(0);
    expect(messages('error')).toEqual(['Plugin "slow" in hook silence failed: no route']);
  });

  it('gives a tap that hangs up after 30 s, aborts its signal and logs it once', async () => {
    const { clock, hooks, messages } = setUp();
    let signal: AbortSignal | undefined;
    hooks.silence.tapPromise('stuck', (_event, call) => {
      signal = call.signal;
      return never();
    });
    hooks.silence.call(silence);
    await clock.advanceAsync(30_100);
    expect(signal?.aborted).toBe(true);
    expect(messages('error')).toEqual([
      'Plugin "stuck" in hook silence did not end within 30000 ms and was given up.',
    ]);
  });

  it('bounds what is under way in a tap, and says so once', async () => {
    const { clock, hooks, messages } = setUp();
    let started = 0;
    hooks.silence.tapPromise('stuck', () => {
      started += 1;
      return started > 1_000 ? Promise.resolve() : never();
    });
    for (let count = 0; count < 1_500; count++) hooks.silence.call(silence);
    expect(started).toBe(1_000);
    expect(messages('error')).toEqual([
      'Plugin "stuck" in hook silence failed: 1000 calls have not ended; further ones are left out',
    ]);
    await clock.advanceAsync(30_100);
    expect(messages('error')).toContain(
      'Plugin "stuck" in hook silence failed: 500 calls were left out while earlier ones had not ended',
    );
    hooks.silence.call(silence);
    expect(started).toBe(1_001);
  });
});

describe('start and listen', () => {
  it('run one after another, and stop at the first failure with the plugin named', async () => {
    const { hooks } = setUp();
    const seen: string[] = [];
    hooks.start.tapPromise('a', async () => {
      await Promise.resolve();
      seen.push('a');
    });
    hooks.start.tap('b', () => {
      seen.push('b');
      throw new Error('no disk');
    });
    hooks.start.tap('c', () => void seen.push('c'));
    await expect(hooks.start.promise()).rejects.toMatchObject({
      code: 'HOOK_FAILED',
      message: 'Plugin "b" in hook start failed: no disk',
      cause: { message: 'no disk' },
    });
    expect(seen).toEqual(['a', 'b']);
  });

  it('keep a code that says more, such as a port in use', async () => {
    const { hooks } = setUp();
    hooks.listen.tapPromise('door', () => Promise.reject(new RegistryError('ADDRESS_IN_USE', 'port 80')));
    await expect(hooks.listen.promise()).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
      message: 'Plugin "door" in hook listen failed: port 80',
    });
  });

  it('do not wait for ever', async () => {
    const { clock, hooks } = setUp();
    hooks.start.tapPromise('stuck', never);
    const start = expect(hooks.start.promise()).rejects.toMatchObject({
      code: 'HOOK_TIMEOUT',
      message: 'Plugin "stuck" in hook start did not end within 30000 ms and was given up.',
    });
    await clock.advanceAsync(30_100);
    await start;
  });
});

describe('ready, stop and close', () => {
  it('log what fails and hangs, and go on', async () => {
    for (const name of ['ready', 'stop', 'close'] as const) {
      const { clock, hooks, messages } = setUp();
      let after = 0;
      hooks[name].tap('bad', () => {
        throw new Error('boom');
      });
      hooks[name].tapPromise('stuck', never);
      hooks[name].tapPromise('good', async () => void after++);
      const ended = hooks[name].promise();
      await clock.advanceAsync(30_100);
      await ended;
      expect(after).toBe(1);
      expect(messages('error')).toEqual([
        `Plugin "bad" in hook ${name} failed: boom`,
        `Plugin "stuck" in hook ${name} did not end within 30000 ms and was given up.`,
      ]);
    }
  });

  it('close asks all at once', async () => {
    const { hooks } = setUp();
    const hold = gate();
    hooks.close.tapPromise('a', () => hold.promise);
    hooks.close.tap('b', () => hold.open());
    await hooks.close.promise();
  });
});

describe('register', () => {
  it('answers the request where nothing is tapped', async () => {
    expect(await setUp().hooks.register.promise(request)).toBe(request);
  });

  it('passes what one tap amends to the next, and keeps it where a tap says nothing', async () => {
    const { hooks } = setUp();
    hooks.register.tap('a', (given) => ({ ...given, zone: 'north' }));
    hooks.register.tap('quiet', () => undefined);
    hooks.register.tapPromise('b', async (given) => ({ ...given, version: `${given.zone}-1` }));
    const amended = await hooks.register.promise(request);
    expect(amended).toEqual({ ...request, zone: 'north', version: 'north-1' });
  });

  it('is refused by a tap that throws anything, with the plugin named and later taps not asked', async () => {
    const { clock, hooks, messages } = setUp();
    let asked = 0;
    const errors = [
      new Error('no such team'),
      new RegistryError('NOT_FOUND', 'no such team'),
      'no such team',
    ];
    hooks.register.tap('policy', () => {
      throw errors[asked];
    });
    hooks.register.tap('next', () => void expect.fail('a refused request went on'));
    for (; asked < errors.length; asked++) {
      await expect(hooks.register.promise(request)).rejects.toMatchObject({
        code: 'REFUSED',
        message: 'Plugin "policy" in hook register failed: no such team',
      });
    }
    await clock.advanceAsync(0);
    expect(messages('error')).toHaveLength(3);
  });

  it('gives a refusal on purpose to the caller as it is, and logs no fault', async () => {
    const { hooks, lines } = setUp();
    hooks.register.tap('policy', () => {
      throw new RegistryError('REFUSED', 'Name a team.');
    });
    await expect(hooks.register.promise(request)).rejects.toMatchObject({
      code: 'REFUSED',
      message: 'Name a team.',
    });
    expect(lines).toEqual([]);
  });

  it('is refused when a tap hangs', async () => {
    const { clock, hooks } = setUp();
    hooks.register.tapPromise('stuck', never);
    const end = expect(hooks.register.promise(request)).rejects.toMatchObject({
      code: 'REFUSED',
      message: expect.stringContaining('Plugin "stuck" in hook register did not end'),
    });
    await clock.advanceAsync(5_100);
    await end;
  });
});

describe('demand', () => {
  it('answers undefined where nobody taps, and where nobody answers', async () => {
    const { hooks } = setUp();
    expect(await hooks.demand.promise(demand)).toBeUndefined();
    hooks.demand.tap('quiet', () => undefined);
    expect(await hooks.demand.promise(demand)).toBeUndefined();
  });

  it('takes the first answer, and asks the next where a tap fails', async () => {
    const { hooks, messages } = setUp();
    const asked: string[] = [];
    hooks.demand.tapPromise('broken', async () => {
      asked.push('broken');
      throw new Error('boom');
    });
    hooks.demand.tapPromise('good', async ({ name }) => {
      asked.push(name);
      return true as const;
    });
    hooks.demand.tap('third', () => void asked.push('third'));
    expect(await hooks.demand.promise(demand)).toBe(true);
    expect(asked).toEqual(['broken', 'payments']);
    expect(messages('error')).toEqual(['Plugin "broken" in hook demand failed: boom']);
  });
});

describe('authorize', () => {
  it('answers undefined where no access plugin says anything', async () => {
    expect(await setUp().hooks.authorize.promise(access)).toBeUndefined();
  });

  it('fails closed: a tap that throws or hangs refuses, though a later one would allow', async () => {
    const { clock, hooks } = setUp();
    let isStuck = false;
    hooks.authorize.tapPromise('acl', () => (isStuck ? never() : Promise.reject(new Error('no file'))));
    hooks.authorize.tap('lax', () => ({ allow: true, who: 'anyone' }));
    await expect(hooks.authorize.promise(access)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    isStuck = true;
    const end = expect(hooks.authorize.promise(access)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    await clock.advanceAsync(5_100);
    await end;
  });
});

describe('beforeSpawn', () => {
  it('amends what is to be started', async () => {
    const { hooks } = setUp();
    hooks.beforeSpawn.tap('env', (given) => ({ ...given, env: { ...given.env, TOKEN: 'x' } }));
    expect(await hooks.beforeSpawn.promise(spawn)).toEqual({ ...spawn, env: { TOKEN: 'x' } });
  });

  it('stops the start where a tap fails', async () => {
    const { hooks } = setUp();
    hooks.beforeSpawn.tap('policy', () => {
      throw new Error('not at night');
    });
    await expect(hooks.beforeSpawn.promise(spawn)).rejects.toMatchObject({
      code: 'HOOK_FAILED',
      message: 'Plugin "policy" in hook beforeSpawn failed: not at night',
    });
  });
});
