import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NameFeed } from '../../../../../plugins/transports/xml-rpc/client/name-feed.js';
import { NameWatch } from '../../../../../plugins/transports/xml-rpc/client/name-watch.js';
import { FakeClock } from '../../../../support/fake-clock.js';
import { FakeRegistry } from '../../../../support/fake-registry.js';

const instance = fc.constantFrom('a', 'b', 'c', 'd');
const step = fc.oneof(
  fc.record({ do: fc.constant('put' as const), instance, status: fc.constantFrom(1, 1, 1, 4, -1, 3) }),
  fc.record({ do: fc.constant('remove' as const), instance }),
  fc.record({ do: fc.constant('stale' as const), instance }),
  fc.record({ do: fc.constantFrom('restart' as const, 'goAway' as const, 'comeBack' as const) }),
  fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(0, 1, 300, 5_000, 25_000) }),
  fc.record({
    do: fc.constant('fail' as const),
    method: fc.constantFrom('find', 'wait_for_change', 'lookup'),
  }),
);

/** What the registry itself would answer to `lookup`, and all that it has. */
function truth(registry: FakeRegistry) {
  const all = registry.instances.filter(({ name }) => name === 'payments');
  const of = (status: number) =>
    all.filter((one) => one.status === status).map((one) => one.instance as string);
  const stale = of(-1).filter((one) => registry.stale.has(one));
  return {
    callable: [...(of(1).length > 0 ? of(1) : of(4)), ...stale].sort(),
    all: all.map((one) => `${one.instance} ${one.status}`).sort(),
  };
}

const CODES: Record<string, number> = { running: 1, degraded: 4, error: -1, draining: 3 };

test('whatever happens to the registry and on the way, cache and watch end up with what it has', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), fc.integer(), async (steps, seed) => {
      const clock = new FakeClock({ seed });
      const registry = new FakeRegistry(clock);
      const feed = new NameFeed('payments', {
        calls: registry,
        clock,
        settings: { maxNames: 1, idleMs: Number.POSITIVE_INFINITY, pollMs: 20_000, rememberMs: 30_000 },
        onEvent: () => {},
      });
      const watch = new NameWatch({
        signals: [],
        begin: () => ({ cache: feed.cache, ready: () => feed.ready(), end: () => {} }),
      });
      const seen = new Map<string, string>();
      const watching = (async () => {
        for await (const { kind, instance } of watch) {
          const key = instance.instance;
          // Each change follows from the last: nothing is registered twice, and nothing unknown changes.
          expect(kind === 'registered').toBe(!seen.has(key));
          if (kind === 'unregistered') seen.delete(key);
          else seen.set(key, `${key} ${CODES[instance.status]}`);
        }
      })();
      watching.catch(() => {});
      await clock.advanceAsync(0);
      for (const one of steps) {
        if (one.do === 'put') registry.put('payments', one.instance, { status: one.status });
        else if (one.do === 'remove') registry.remove('payments', one.instance);
        else if (one.do === 'stale') registry.stale.add(one.instance);
        else if (one.do === 'advance') await clock.advanceAsync(one.ms);
        else if (one.do === 'fail') registry.failures.set(one.method, new Error('broken off'));
        else registry[one.do]();
      }
      registry.comeBack();
      registry.failures.clear();
      await clock.advanceAsync(120_000);
      await feed.ready();
      await clock.advanceAsync(0);
      const { callable, all } = truth(registry);
      expect(
        feed.cache
          .callable()
          .map((one) => one.instance)
          .sort(),
      ).toEqual(callable);
      expect([...seen.values()].sort()).toEqual(all);
      expect(feed.isLive).toBe(true);
      feed.close();
      await watch.return();
      await watching;
      expect(clock.timers).toBe(0);
    }),
    { numRuns: 300 },
  );
});
