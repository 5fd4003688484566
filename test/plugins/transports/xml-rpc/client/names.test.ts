import { describe, expect, onTestFinished, test } from 'vitest';
import { RegistryError } from '../../../../../core/index.js';
import type { ClientEvent } from '../../../../../plugins/transports/xml-rpc/client/events.js';
import { instanceFrom } from '../../../../../plugins/transports/xml-rpc/client/instance.js';
import { NameCache } from '../../../../../plugins/transports/xml-rpc/client/name-cache.js';
import type { NameFeed } from '../../../../../plugins/transports/xml-rpc/client/name-feed.js';
import { Names } from '../../../../../plugins/transports/xml-rpc/client/names.js';
import { FakeClock } from '../../../../support/fake-clock.js';
import { FakeRegistry } from '../../../../support/fake-registry.js';
import { gate } from '../../../../support/gate.js';

const SECOND = 1_000;

function setUp(settings = {}) {
  const clock = new FakeClock();
  const registry = new FakeRegistry(clock);
  const events: ClientEvent[] = [];
  const names = new Names({
    calls: registry,
    clock,
    settings: { maxNames: 100, idleMs: 600_000, pollMs: 20_000, rememberMs: 30_000, ...settings },
    onEvent: (event) => void events.push(event),
  });
  onTestFinished(() => names.close());
  const follow = async (name = 'payments'): Promise<NameFeed> => {
    const feed = names.use(name);
    await feed.ready();
    return feed;
  };
  return { clock, registry, events, names, follow };
}

const shown = ({ cache }: NameFeed) =>
  cache.callable().map(({ instance, isStale }) => (isStale ? `${instance} (stale)` : instance));

describe('a name that is followed', () => {
  test('is read once, and then costs no call, whatever happens to it', async () => {
    const { clock, registry, follow } = setUp();
    registry.put('payments', 'one');
    registry.put('billing', 'other');
    const feed = await follow();
    expect(shown(feed)).toEqual(['one']);
    registry.put('payments', 'two', { port: 9001 });
    registry.put('payments', 'one', { status: -1 });
    await clock.advanceAsync(0);
    expect(shown(feed)).toEqual(['two']);
    registry.remove('payments', 'two');
    await clock.advanceAsync(0);
    expect(shown(feed)).toEqual([]);
    expect(registry.methods().filter((method) => method === 'find')).toHaveLength(1);
  });

  test('is read in parts where it has many instances, and misses none though some go meanwhile', async () => {
    const { clock, registry, follow } = setUp();
    for (let index = 0; index < 2_500; index++) registry.put('payments', `i${index}`);
    const call = registry.call.bind(registry);
    let pages = 0;
    registry.call = async (method, ...rest) => {
      const answer = await call(method, ...rest);
      if (method === 'find') registry.remove('payments', `i${pages++}`);
      return answer;
    };
    const feed = await follow();
    await clock.advanceAsync(0);
    expect(pages).toBe(3);
    expect(new Set(shown(feed))).toEqual(
      new Set(Array.from({ length: 2_497 }, (_, index) => `i${index + 3}`)),
    );
  });

  test('shows degraded instances only where none runs, and none that starts, drains or is stopped', async () => {
    const { clock, registry, follow } = setUp();
    registry.put('payments', 'good');
    registry.put('payments', 'poor', { status: 4 });
    for (const status of [0, 2, 3, 99]) registry.put('payments', `status ${status}`, { status });
    const feed = await follow();
    expect(shown(feed)).toEqual(['good']);
    registry.remove('payments', 'good');
    await clock.advanceAsync(0);
    expect(shown(feed)).toEqual(['poor']);
  });

  test('keeps an instance that was read anew when it is told, late, that the one before it is gone', () => {
    const cache = new NameCache();
    const struct = { name: 'payments', instance: 'one', host: '10.0.0.1', port: 9000, status: 1 };
    const [before, now] = [instanceFrom({ ...struct, id: 1 }), instanceFrom({ ...struct, id: 2 })];
    cache.replace([now], undefined);
    cache.apply([{ kind: 'unregistered', instance: before }]);
    expect(cache.callable()).toEqual([now]);
    cache.apply([{ kind: 'unregistered', instance: now }]);
    expect(cache.callable()).toEqual([]);
  });

  test('stays as it was while no registry answers, and says how old that is', async () => {
    const { clock, registry, follow } = setUp({ idleMs: 86_400 * SECOND });
    registry.put('payments', 'one');
    const feed = await follow();
    await clock.advanceAsync(15 * SECOND);
    expect({ isLive: feed.isLive, ageMs: feed.ageMs }).toEqual({ isLive: true, ageMs: 15_000 });
    registry.goAway();
    await clock.advanceAsync(3_600 * SECOND);
    expect(shown(feed)).toEqual(['one']);
    expect({ isLive: feed.isLive, ageMs: feed.ageMs }).toEqual({ isLive: false, ageMs: 3_615_000 });
    registry.put('payments', 'two');
    registry.comeBack();
    await clock.advanceAsync(5 * SECOND);
    expect(shown(feed)).toEqual(['one', 'two']);
    expect(feed.isLive).toBe(true);
    expect(feed.ageMs).toBeLessThan(5 * SECOND);
  });

  test('keeps what a restarted registry has not heard of yet, as stale, for a while', async () => {
    const { clock, registry, follow } = setUp();
    registry.put('payments', 'one');
    registry.put('payments', 'two');
    registry.put('payments', 'broken', { status: -1 });
    const feed = await follow();
    registry.restart();
    await clock.advanceAsync(0);
    expect(shown(feed)).toEqual(['one (stale)', 'two (stale)']);
    registry.put('payments', 'one');
    await clock.advanceAsync(0);
    expect(shown(feed)).toEqual(['one', 'two (stale)']);
    await clock.advanceAsync(30 * SECOND);
    expect(shown(feed)).toEqual(['one']);
  });

  test('keeps nobody longer, however often the registry is restarted', async () => {
    const { clock, registry, follow } = setUp();
    registry.put('payments', 'i0');
    const feed = await follow();
    for (let restart = 1; restart <= 20; restart++) {
      registry.restart();
      registry.put('payments', `i${restart}`);
      await clock.advanceAsync(20 * SECOND);
    }
    expect(shown(feed)).toEqual(['i20', 'i19 (stale)']);
  });

  test('passes on who is stale in mass silence, without an answer that leaves them out', async () => {
    const { clock, registry, follow } = setUp();
    registry.put('payments', 'one');
    const feed = await follow();
    registry.stale.add('one');
    registry.put('payments', 'one', { status: -1, reason: 'no heartbeat' });
    const call = registry.call.bind(registry);
    const { promise: answered, open: answer } = gate();
    registry.call = async (...args) => {
      if (args[0] === 'lookup') await answered;
      return call(...args);
    };
    await clock.advanceAsync(0);
    expect(feed.isSettled).toBe(false);
    const ready = feed.ready();
    answer();
    await ready;
    expect(shown(feed)).toEqual(['one (stale)']);
    // It ends, which no change tells.
    registry.stale.clear();
    await clock.advanceAsync(60 * SECOND);
    expect(shown(feed)).toEqual([]);
    registry.put('payments', 'one', { status: 1, reason: '' });
    await clock.advanceAsync(0);
    expect(shown(feed)).toEqual(['one']);
  });

  test('asks seldom who is stale while others can be called, however much changes', async () => {
    const { clock, registry, follow } = setUp();
    registry.put('payments', 'good');
    registry.put('payments', 'bad', { status: -1 });
    const feed = await follow();
    for (let step = 0; step < 60; step++) {
      registry.put('payments', 'bad', { reason: `no heartbeat, ${step}` });
      await clock.advanceAsync(SECOND);
    }
    expect(registry.methods().filter((method) => method === 'lookup').length).toBeLessThanOrEqual(6);
    registry.stale.add('bad');
    await clock.advanceAsync(40 * SECOND);
    expect(shown(feed)).toEqual(['good', 'bad (stale)']);
    registry.remove('payments', 'good');
    await clock.advanceAsync(0);
    expect(shown(feed)).toEqual(['bad (stale)']);
  });

  test('rejects where there is nothing to answer from, and tries again at the next use', async () => {
    const { registry, follow } = setUp();
    registry.put('payments', 'one');
    registry.goAway();
    await expect(follow()).rejects.toMatchObject({ code: 'UNREACHABLE' });
    registry.comeBack();
    registry.failures.set('find', new RegistryError('UNAUTHORIZED', 'no'));
    await expect(follow()).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    expect(shown(await follow())).toEqual(['one']);
  });

  test('tells of what goes wrong while it is followed, and goes on', async () => {
    const { clock, registry, events, follow } = setUp();
    const feed = await follow();
    registry.failures.set('wait_for_change', new RegistryError('UNAUTHORIZED', 'no'));
    await clock.advanceAsync(20 * SECOND);
    expect(events).toMatchObject([
      { type: 'problem', what: '"payments" could not be followed', error: { code: 'UNAUTHORIZED' } },
    ]);
    registry.put('payments', 'one');
    await clock.advanceAsync(SECOND);
    expect(shown(feed)).toEqual(['one']);
  });

  test('does not ask a registry in a tight loop that knows no cursor of its own', async () => {
    const { clock, registry, follow } = setUp();
    const call = registry.call.bind(registry);
    registry.call = (method, [cursor = '', ...rest], options) =>
      call(method, method === 'wait_for_change' ? ['0:0', ...rest] : [cursor, ...rest], options);
    await follow();
    await clock.advanceAsync(60 * SECOND);
    expect(registry.calls.length).toBeLessThan(90);
  });

  test('does not ask a registry in a tight loop that answers at once', async () => {
    const { clock, registry, follow } = setUp();
    const call = registry.call.bind(registry);
    registry.call = async (method, params, options) => {
      const [cursor = ''] = params;
      if (method !== 'wait_for_change' || cursor === '') return call(method, params, options);
      registry.calls.push([method]);
      return { value: { cursor, changes: [], reset: false }, from: { link: {}, session: 1 } };
    };
    await follow();
    await clock.advanceAsync(10 * SECOND);
    expect(registry.calls.length).toBeLessThan(90);
  });

  test('is let go of when it was not used for long, or others make it the one too many', async () => {
    const { clock, registry, names, follow } = setUp({ maxNames: 2, idleMs: 60_000 });
    const idle = await follow('idle');
    const used = await follow('used');
    for (let minute = 0; minute < 3; minute++) {
      await clock.advanceAsync(50 * SECOND);
      await follow('used');
    }
    expect([idle.isClosed, used.isClosed]).toEqual([true, false]);
    await follow('two');
    await follow('used');
    await follow('three');
    expect(used.isClosed).toBe(false);
    const end = used.cache.subscribe(() => {});
    names.use('three').cache.subscribe(() => {});
    expect(() => names.use('four')).toThrow(/2 names are watched, which is the limit/);
    end();
    names.use('four');
    names.close();
    await clock.advanceAsync(60 * SECOND);
    const before = registry.calls.length;
    await clock.advanceAsync(60 * SECOND);
    expect(registry.calls).toHaveLength(before);
    expect(clock.timers).toBe(0);
  });

  test('is answered though more names than may be followed are asked for at once', async () => {
    const { registry, names, follow } = setUp({ maxNames: 2 });
    const all = ['a', 'b', 'c', 'd', 'e'];
    for (const name of all) registry.put(name, 'one');
    const feeds = await Promise.all(all.map(follow));
    expect(feeds.map(shown)).toEqual(all.map(() => ['one']));
    expect(feeds.filter((feed) => !feed.isClosed)).toHaveLength(2);
    names.use('f');
    expect(feeds.filter((feed) => !feed.isClosed)).toHaveLength(1);
  });

  test('is not let go of while no registry answers: it could not be read again', async () => {
    const { clock, registry, follow } = setUp({ idleMs: 60_000 });
    registry.put('payments', 'one');
    const feed = await follow();
    registry.goAway();
    await clock.advanceAsync(3_600 * SECOND);
    expect(feed.isClosed).toBe(false);
    expect(shown(await follow())).toEqual(['one']);
  });
});
