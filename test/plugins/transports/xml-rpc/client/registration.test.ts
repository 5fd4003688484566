import { describe, expect, test } from 'vitest';
import { type Clock, RegistryError } from '../../../../../core/index.js';
import type { ClientEvent } from '../../../../../plugins/transports/xml-rpc/client/events.js';
import { Hold } from '../../../../../plugins/transports/xml-rpc/client/hold.js';
import {
  type RegisterOptions,
  registrationRequest,
} from '../../../../../plugins/transports/xml-rpc/client/options.js';
import { Registration } from '../../../../../plugins/transports/xml-rpc/client/registration.js';
import { FakeClock } from '../../../../support/fake-clock.js';
import { FakeRegistry } from '../../../../support/fake-registry.js';

const SECOND = 1_000;

function setUp(clock = new FakeClock()) {
  const registry = new FakeRegistry(clock);
  const events: ClientEvent[] = [];
  const parts = {
    calls: registry,
    clock: clock as Clock,
    hold: new Hold(),
    onEvent: (event: ClientEvent) => void events.push(event),
    kept: new Set<Registration>(),
  };
  const register = (options: Partial<RegisterOptions> = {}, signal?: AbortSignal) =>
    Registration.begin(
      registrationRequest('payments', { port: 9000, unregisterOnExit: false, ...options }),
      parts,
      signal,
    );
  return { clock, registry, events, register, kept: parts.kept };
}

const refused = () => new RegistryError('REFUSED', '"payments" is none of billing.');

describe('a registration', () => {
  test('says all that it was given, under the address from which this machine reaches the registry', async () => {
    const { registry, register } = setUp();
    registry.localAddress = undefined;
    const me = await register({
      instance: 'one',
      tags: ['blue'],
      meta: { team: 'x' },
      weight: 2,
      zone: 'eu',
    });
    expect(registry.calls).toEqual([
      ['get_reg_count'],
      [
        'register',
        'payments',
        '10.0.0.7',
        9000,
        1,
        { instance: 'one', tags: ['blue'], meta: { team: 'x' }, weight: 2, zone: 'eu', ttl: 15_000 },
      ],
    ]);
    expect({ id: me.id, host: me.host, port: me.port, status: me.status, is: me.isRegistered }).toEqual({
      id: 1,
      host: '10.0.0.7',
      port: 9000,
      status: 'running',
      is: true,
    });
  });

  test('stays under its address, whatever further connections are made from; with another registry it has another', async () => {
    const { clock, registry, register } = setUp();
    const me = await register();
    registry.localAddress = '10.0.0.8';
    registry.restart();
    await clock.advanceAsync(6 * SECOND);
    expect(registry.instances.map(({ host }) => host)).toEqual(['10.0.0.7']);

    registry.moveOn();
    await clock.advanceAsync(6 * SECOND);
    expect(registry.instances.map(({ host }) => host)).toEqual(['10.0.0.8']);
    expect(me.host).toBe('10.0.0.8');
  });

  test('heartbeats three times in each ttl, never at the same distance', async () => {
    const { clock, registry, register } = setUp();
    const times: number[] = [];
    const call = registry.call.bind(registry);
    registry.call = (method, ...rest) => {
      if (method === 'heartbeat') times.push(clock.monotonic());
      return call(method, ...rest);
    };
    await register({ ttlMs: 15_000 });
    await clock.advanceAsync(600 * SECOND);
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(gaps.length).toBeGreaterThan(100);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(4_500);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(5_500);
    expect(new Set(gaps.map(Math.round)).size).toBeGreaterThan(50);
    expect(registry.methods().filter((method) => method === 'register')).toHaveLength(1);
  });

  test('is made again when the registry does not know it', async () => {
    const { clock, registry, events, register } = setUp();
    const me = await register();
    registry.remove('payments');
    await clock.advanceAsync(6 * SECOND);
    expect(registry.instances).toMatchObject([{ name: 'payments', host: '10.0.0.7' }]);
    expect(me.id).toBe(2);
    expect(events.at(-1)).toEqual({ type: 'registered', name: 'payments', id: 2, isAgain: true });
  });

  test("is made again after a restart, also where its id has become another instance's", async () => {
    const { clock, registry, register } = setUp();
    const me = await register();
    registry.restart();
    const other = registry.put('payments', 'other');
    expect(other.id).toBe(me.id);
    await clock.advanceAsync(6 * SECOND);
    expect(registry.instances.map(({ instance }) => instance)).toEqual(['other', '10.0.0.7:9000']);
    await me.close();
    expect(registry.instances.map(({ instance }) => instance)).toEqual(['other']);
  });

  test('is made again where the answer to its heartbeat comes from another process', async () => {
    const { clock, registry, register } = setUp();
    await register();
    const call = registry.call.bind(registry);
    registry.call = (method, ...rest) => {
      if (method === 'heartbeat' && registry.methods().at(-1) === 'register') {
        registry.restart();
        registry.put('payments', 'other');
      }
      return call(method, ...rest);
    };
    await clock.advanceAsync(6 * SECOND);
    expect(registry.methods()).toEqual(['register', 'heartbeat', 'register']);
    expect(registry.instances).toHaveLength(2);
  });

  test('closed after a restart it takes no other instance with it that has its id now', async () => {
    const { registry, register } = setUp();
    const me = await register();
    registry.restart();
    registry.put('payments', 'other');
    await me.close();
    expect(registry.instances.map(({ instance }) => instance)).toEqual(['other']);
  });

  test('is made again soon after the registry is back, and tried ever less often while it is away', async () => {
    const { clock, registry, register } = setUp();
    const me = await register({ ttlMs: 60_000 });
    registry.goAway();
    registry.restart();
    await clock.advanceAsync(25 * SECOND);
    const tried = registry.calls.length;
    await clock.advanceAsync(600 * SECOND);
    const perMinute = (registry.calls.length - tried) / 10;
    expect(perMinute).toBeGreaterThanOrEqual(3);
    expect(perMinute).toBeLessThanOrEqual(6);
    expect(me.isRegistered).toBe(false);
    registry.comeBack();
    await clock.advanceAsync(20 * SECOND);
    expect(me.isRegistered).toBe(true);
    expect(registry.instances).toHaveLength(1);
  });

  test('a heartbeat that fails is tried again at once, not a whole interval later', async () => {
    const { clock, registry, register } = setUp();
    await register();
    registry.goAway();
    await clock.advanceAsync(5_600);
    const tried = registry.calls.length;
    expect(tried).toBeGreaterThan(1);
    registry.comeBack();
    await clock.advanceAsync(300);
    expect(registry.methods().at(-1)).toBe('register');
  });

  test('goes on while a policy refuses to take it again, and tells of it', async () => {
    const { clock, registry, events, register } = setUp();
    const me = await register();
    registry.restart();
    registry.failures.set('register', refused());
    await clock.advanceAsync(6 * SECOND);
    expect(events).toContainEqual({
      type: 'problem',
      what: '"payments" could not be kept registered',
      error: refused(),
    });
    await clock.advanceAsync(6 * SECOND);
    expect(me.isRegistered).toBe(true);
  });

  test('waits for a registry that is not there yet, so long and no longer', async () => {
    const { clock, registry, register } = setUp();
    registry.goAway();
    const waiting = register({ waitMs: 20_000 });
    await clock.advanceAsync(8 * SECOND);
    registry.comeBack();
    await clock.advanceAsync(6 * SECOND);
    await expect(waiting).resolves.toMatchObject({ isRegistered: true });

    registry.goAway();
    const inVain = register({ waitMs: 3_000 });
    inVain.catch(() => {});
    await clock.advanceAsync(3 * SECOND);
    await expect(inVain).rejects.toMatchObject({ code: 'UNREACHABLE' });
    await expect(register({ waitMs: 0 })).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });

  test('waits for nothing where it is refused, and ends with its signal', async () => {
    const { registry, register } = setUp();
    registry.failures.set('register', refused());
    await expect(register()).rejects.toMatchObject({ code: 'REFUSED' });
    registry.goAway();
    const controller = new AbortController();
    const waiting = register({ waitMs: Number.POSITIVE_INFINITY }, controller.signal);
    setImmediate(() => controller.abort(new Error('enough')));
    await expect(waiting).rejects.toThrow('enough');
  });

  test.each(['its signal', 'its client'] as const)(
    'leaves nothing behind where %s ends it while the registry registers it',
    async (ending) => {
      const { registry, register, kept, events } = setUp();
      const controller = new AbortController();
      const call = registry.call.bind(registry);
      registry.call = async (method, params, options) => {
        const answer = await call(method, params, options);
        if (method !== 'register' || controller.signal.aborted) return answer;
        // It has done so, but its answer does not come any more.
        controller.abort(new Error('enough'));
        if (ending === 'its client') for (const one of kept) void one.close();
        throw controller.signal.reason;
      };
      await expect(register({}, controller.signal)).rejects.toThrow('enough');
      expect(registry.instances).toEqual([]);
      expect(kept.size).toBe(0);
      expect(events).toEqual([]);
    },
  );

  test('asks for nothing more where it is given up while no registry answers', async () => {
    const { clock, registry, register, kept, events } = setUp();
    registry.goAway();
    const controller = new AbortController();
    const waiting = register({}, controller.signal);
    waiting.catch(() => {});
    await clock.advanceAsync(1 * SECOND);
    const { length } = registry.calls;
    controller.abort(new Error('enough'));
    for (const one of kept) await one.close();
    await expect(waiting).rejects.toThrow('enough');
    expect(registry.calls).toHaveLength(length);
    expect({ kept: kept.size, timers: clock.timers, events }).toEqual({ kept: 0, timers: 0, events: [] });
  });

  test('tells a new status by its name, and again until a registry has heard it', async () => {
    const { clock, registry, register } = setUp();
    const me = await register();
    await me.updateStatus('draining');
    expect(registry.instances).toMatchObject([{ status: 3 }]);
    registry.goAway();
    await expect(me.updateStatus('running')).rejects.toMatchObject({ code: 'UNREACHABLE' });
    expect(me.status).toBe('running');
    registry.comeBack();
    await clock.advanceAsync(1 * SECOND);
    expect(registry.instances).toMatchObject([{ status: 1 }]);
    await expect(me.updateStatus('runing' as 'running')).rejects.toThrow('expected one of running');
  });

  test('is over when it is closed: no heartbeat, no status, and no second unregister', async () => {
    const { clock, registry, register, kept } = setUp();
    const me = await register();
    expect([...kept]).toEqual([me]);
    await Promise.all([me.close(), me.close(), me[Symbol.asyncDispose]()]);
    expect(registry.instances).toEqual([]);
    expect(registry.methods()).toEqual(['register', 'unregister']);
    await clock.advanceAsync(60 * SECOND);
    expect(registry.calls).toHaveLength(2);
    expect(clock.timers).toBe(0);
    expect(kept.size).toBe(0);
    await expect(me.updateStatus('running')).rejects.toMatchObject({ code: 'STOPPING' });
  });

  test('can be closed while no registry answers, or one that hangs, and tells of it', async () => {
    const { clock, registry, events, register } = setUp();
    const one = await register();
    registry.goAway();
    await one.close();
    expect(events.at(-1)).toMatchObject({ type: 'problem', error: { code: 'UNREACHABLE' } });

    registry.comeBack();
    const two = await register();
    registry.call = (_method, _params, { signal } = {}) =>
      new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
    const closing = two.close();
    await clock.advanceAsync(5 * SECOND);
    await closing;
    expect(events.at(-1)).toMatchObject({ type: 'problem', error: { code: 'UNREACHABLE' } });
  });

  test('that is being closed holds a process that is to end for a second, not for the five of close', async () => {
    const { clock, registry, register, kept } = setUp();
    const me = await register({ unregisterOnExit: true });
    registry.call = (_method, _params, { signal } = {}) =>
      new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
    void me.close();
    await clock.advanceAsync(1 * SECOND);
    const leaveAll = process.listeners('beforeExit').at(-1) as (code: number) => void;
    leaveAll(0);
    await clock.advanceAsync(999);
    expect(kept.size).toBe(1);
    await clock.advanceAsync(1);
    expect({ kept: kept.size, timers: clock.timers }).toEqual({ kept: 0, timers: 0 });
  });

  test.each([
    [{ port: 0 }, 'port must be 1 to 65535, not 0.'],
    [{ port: '80' as unknown as number }, 'port must be 1 to 65535, not 80.'],
    [{ ttlMs: 10 }, 'ttlMs must be 1000 to 2592000000, not 10.'],
    [{ status: 'up' as 'running' }, 'status must be one of running'],
    [{ heartbeatMs: 20_000 }, 'heartbeatMs must be 100 to 15000, not 20000.'],
    [{ hots: '::1' } as object, 'register has no option "hots". Did you mean "host"?'],
  ])('refuses %j and says what was expected', (options, message) => {
    expect(() => registrationRequest('payments', { port: 9000, ...options })).toThrow(message);
  });
});
