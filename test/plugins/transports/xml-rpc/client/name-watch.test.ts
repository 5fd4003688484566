import { expect, onTestFinished, test, vi } from 'vitest';
import type { NameChange } from '../../../../../plugins/transports/xml-rpc/client/name-cache.js';
import { NameFeed } from '../../../../../plugins/transports/xml-rpc/client/name-feed.js';
import { NameWatch } from '../../../../../plugins/transports/xml-rpc/client/name-watch.js';
import { FakeClock } from '../../../../support/fake-clock.js';
import { FakeRegistry } from '../../../../support/fake-registry.js';

function setUp() {
  const clock = new FakeClock();
  const registry = new FakeRegistry(clock);
  const feed = new NameFeed('payments', {
    calls: registry,
    clock,
    settings: { maxNames: 1, idleMs: 600_000, pollMs: 20_000, rememberMs: 30_000 },
    onEvent: () => {},
  });
  onTestFinished(() => feed.close());
  let ended = 0;
  const watch = (signal?: AbortSignal) =>
    new NameWatch({
      signals: [signal],
      begin: () => ({
        cache: feed.cache,
        ready: () => feed.ready(),
        end: () => {
          ended += 1;
        },
      }),
    });
  return { clock, registry, feed, watch, ended: () => ended };
}

const tell = ({ kind, instance }: NameChange) => `${kind} ${instance.instance} ${instance.status}`;

async function take(watch: NameWatch, count: number): Promise<string[]> {
  const told: string[] = [];
  while (told.length < count) {
    const { done, value } = await watch.next();
    if (done) break;
    told.push(tell(value));
  }
  return told;
}

test('a watch tells what is there, then what changes', async () => {
  const { clock, registry, watch } = setUp();
  registry.put('payments', 'one');
  const changes = watch();
  expect(await take(changes, 1)).toEqual(['registered one running']);
  registry.put('payments', 'two', { status: 2 });
  registry.put('payments', 'one', { status: 3 });
  registry.put('billing', 'other');
  await clock.advanceAsync(0);
  expect((await take(changes, 2)).sort()).toEqual(['changed one draining', 'registered two starting']);
  registry.remove('payments', 'one');
  await clock.advanceAsync(0);
  expect(await take(changes, 1)).toEqual(['unregistered one draining']);
});

test('a consumer that is slow is told what became of each instance, once', async () => {
  const { clock, registry, watch } = setUp();
  const changes = watch();
  const first = changes.next();
  registry.put('payments', 'one');
  await clock.advanceAsync(0);
  await first;
  for (let step = 0; step < 100; step++) {
    registry.put('payments', 'one', { weight: step });
    registry.put('payments', 'gone');
    registry.remove('payments', 'gone');
    await clock.advanceAsync(0);
  }
  registry.put('payments', 'two');
  await clock.advanceAsync(0);
  expect((await take(changes, 2)).sort()).toEqual(['changed one running', 'registered two running']);
});

test('a consumer that asks seldom keeps nothing of what came and went meanwhile', async () => {
  const { clock, registry, feed, watch } = setUp();
  registry.put('payments', 'one');
  const changes = watch();
  await changes.next();
  for (let step = 0; step < 100; step++) {
    registry.put('payments', `short-lived ${step}`);
    await clock.advanceAsync(0);
    registry.remove('payments', `short-lived ${step}`);
    await clock.advanceAsync(0);
  }
  registry.put('payments', 'two');
  await clock.advanceAsync(0);
  const looked = vi.spyOn(feed.cache, 'get');
  expect(await take(changes, 1)).toEqual(['registered two running']);
  expect(looked).toHaveBeenCalledTimes(1);
});

test('a restart of the registry shows only in what it changed', async () => {
  const { clock, registry, watch } = setUp();
  registry.put('payments', 'one');
  registry.put('payments', 'two');
  const changes = watch();
  await take(changes, 2);
  registry.restart();
  registry.put('payments', 'one');
  await clock.advanceAsync(0);
  const { value } = await changes.next();
  expect(value).toMatchObject({ kind: 'changed', instance: { instance: 'two', isStale: true } });
  const last = changes.next();
  await clock.advanceAsync(30_000);
  expect((await last).value).toMatchObject({ kind: 'unregistered', instance: { instance: 'two' } });
});

test('a watch ends with its loop, with return and with its signal, and lets go of the name', async () => {
  const { registry, feed, watch, ended } = setUp();
  registry.put('payments', 'one');
  for await (const change of watch()) {
    expect(change.kind).toBe('registered');
    break;
  }
  expect([ended(), feed.cache.isWatched]).toEqual([1, false]);

  const controller = new AbortController();
  const changes = watch(controller.signal);
  expect(await take(changes, 1)).toHaveLength(1);
  const waiting = changes.next();
  setImmediate(() => controller.abort());
  expect(await waiting).toEqual({ done: true, value: undefined });
  expect(await changes.next()).toEqual({ done: true, value: undefined });
  expect(await watch(controller.signal).next()).toEqual({ done: true, value: undefined });

  expect(ended()).toBe(2);
  const returned = watch();
  await returned.return();
  expect(await returned.next()).toEqual({ done: true, value: undefined });
  watch();
  // Those of which nothing was asked had taken nothing.
  expect([ended(), feed.cache.isWatched]).toEqual([2, false]);
});

test('a watch that can not begin says why', async () => {
  const { registry, watch } = setUp();
  registry.goAway();
  await expect(watch().next()).rejects.toMatchObject({ code: 'UNREACHABLE' });
});
