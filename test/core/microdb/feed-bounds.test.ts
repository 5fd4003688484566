import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FeedEvent, Watch } from '../../../core/microdb/index.js';
import { type Instance, instance, makeInstances } from './instances.js';
import { collectGarbage, heldOf, Ledger, revisionsOf } from './ledger.js';

describe('a watcher that falls behind', () => {
  it('is told so when others write more from inside their callbacks than is kept, and goes on from there', () => {
    const { db, instances } = makeInstances({ ringSize: 10 });
    let isFirst = true;
    db.watch({}, () => {
      if (!isFirst) return;
      isFirst = false;
      for (let at = 0; at < 10_500; at++) instances.put(instance('payments', 1, { port: at }));
    });
    const told: string[] = [];
    db.watch({}, (event) => told.push(revisionsOf(event)));
    instances.put(instance('payments', 1));
    // 10,000 waited; the next one made all of them give way, and those after it are told again.
    expect(told.slice(0, 3)).toEqual(['1', 'compacted 10002', '10003']);
    expect(told.at(-1)).toBe('10501');
    expect(told).toHaveLength(2 + 499);
  });

  it('is not told so by one commit, however large', () => {
    const { db } = makeInstances({ ringSize: 10 });
    const told: number[] = [];
    db.watch({}, (event) => told.push('compacted' in event ? -1 : event.length));
    db.batch((batch) => {
      for (let at = 0; at < 20_000; at++)
        batch.collection<Instance>('instances').put(instance('payments', at));
    });
    expect(told).toEqual([20_000]);
  });

  it('is told so while it is told what it missed, when its own callback outruns the ring', () => {
    const { db, instances } = makeInstances({ ringSize: 4 });
    for (const at of [1, 2, 3, 4]) instances.insert(instance('payments', at));
    const told: string[] = [];
    db.watch({ since: 1 }, (event) => {
      told.push(revisionsOf(event));
      for (let at = 0; told.length === 1 && at < 5; at++) instances.put(instance('orders', at + 10));
    });
    instances.insert(instance('payments', 5));
    expect(told).toEqual(['2', 'compacted 9', '10']);
  });

  it('may end itself while it is told what it missed', () => {
    const { db, instances } = makeInstances();
    for (const at of [1, 2, 3]) instances.insert(instance('payments', at));
    const told: string[] = [];
    const given: unknown[] = [];
    const watch = db.watch({ since: 0 }, (event, itself) => {
      told.push(revisionsOf(event));
      given.push(itself);
      if (told.length === 2) itself.close();
    });
    instances.insert(instance('payments', 4));
    expect(told).toEqual(['1', '2']);
    expect(given).toEqual([watch, watch]);
  });

  it('misses nothing when it begins inside a callback', () => {
    const { db, instances } = makeInstances();
    for (const at of [1, 2, 3]) instances.insert(instance('payments', at));
    const told: string[] = [];
    db.watch({}, () => db.watch({ since: 2 }, (event) => told.push(revisionsOf(event))));
    instances.insert(instance('payments', 4));
    expect(told).toEqual(['3', '4']);
    instances.insert(instance('payments', 5));
    expect(told).toEqual(['3', '4', '3', '4', '5', '5']);
  });

  it('is told when the state is restored from elsewhere, also from inside a callback', () => {
    const { db, instances } = makeInstances();
    const told: string[] = [];
    db.watch({}, (event) => {
      told.push(`a ${revisionsOf(event)}`);
      if (db.revision === 1) {
        instances.insert(instance('payments', 2));
        db.startAt(10);
      }
    });
    db.watch({ collection: 'instances' }, (event) => told.push(`b ${revisionsOf(event)}`));
    instances.insert(instance('payments', 1));
    instances.insert(instance('payments', 3));
    expect(told).toEqual(['a 1', 'b 1', 'a compacted 10', 'b compacted 10', 'a 11', 'b 11']);
  });
});

describe('what the feed holds', () => {
  it('is the ring, not what watchers were told', async () => {
    const { db, instances } = makeInstances({ ringSize: 10 });
    const records: WeakRef<object>[] = [];
    db.watch({}, () => {
      if (records.length < 20_000) put();
    });
    db.watch({}, () => {}).close();
    const put = () => {
      records.push(new WeakRef(instances.put(instance('payments', 1, { port: records.length }))));
    };
    put();
    expect(records.length).toBeGreaterThanOrEqual(20_000);
    expect(await heldOf(records)).toBe(11);
  });

  it('does not grow with what waits while watchers are called', () => {
    const { db, instances } = makeInstances({ ringSize: 10 });
    const numbers = Array.from({ length: 200 }, (_, at) => at);
    const grown: number[] = [];
    let isFirst = true;
    db.watch({}, () => {
      if (!isFirst) return;
      isFirst = false;
      const before = process.memoryUsage().heapUsed;
      for (let at = 0; at < 60_000; at++) instances.put({ ...instance('payments', 1), numbers } as Instance);
      collectGarbage();
      grown.push(process.memoryUsage().heapUsed - before);
    });
    instances.put(instance('payments', 1));
    // All 60,000 records would take 100 MB; the 10,000 that may wait take 17 MB.
    expect(grown[0]).toBeLessThan(40_000_000);
  });
});

it('never skips in silence, tells in part or twice, whatever watchers do in their callbacks', () => {
  const deed = fc.oneof(
    fc.record({ put: fc.integer({ min: 0, max: 5 }) }),
    fc.record({ batch: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ remove: fc.integer({ min: 0, max: 5 }) }),
    fc.record({
      watch: fc.constant(true),
      since: fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }),
    }),
    fc.record({ close: fc.nat() }),
    fc.record({ throw: fc.constant(true) }),
  );
  const property = fc.property(
    fc.integer({ min: 0, max: 6 }),
    fc.array(deed, { maxLength: 12 }),
    fc.array(fc.array(deed, { maxLength: 3 }), { maxLength: 30 }),
    (ringSize, steps, inCallbacks) => {
      const { db, instances } = makeInstances({ ringSize, onWatcherError: () => {} });
      const open: { readonly ledger: Ledger; readonly watch: Watch }[] = [];
      const ledgers: Ledger[] = [];
      let count = 0;
      const put = (target: { put(value: Instance): Instance }) => {
        target.put(instance('payments', count % 6, { port: count++ }));
      };
      const run = (deeds: readonly Partial<Record<string, number>>[]) => {
        for (const one of deeds) {
          if (one.put !== undefined) put(instances);
          if (one.batch !== undefined) {
            db.batch((batch) => {
              for (let at = 0; at < (one.batch ?? 0); at++) put(batch.collection<Instance>('instances'));
            });
          }
          if (one.remove !== undefined) instances.remove('payments', `10.0.0.${one.remove}:9000`);
          if (one.watch !== undefined) begin(one.since);
          if (one.close !== undefined) open.splice(one.close % (open.length + 1), 1)[0]?.watch.close();
          if (one.throw !== undefined) throw new Error('A watcher that fails.');
        }
      };
      const begin = (behind: number | undefined) => {
        const since = behind === undefined ? undefined : Math.max(0, db.revision - behind);
        const ledger = new Ledger(since ?? db.revision, () => instances);
        ledgers.push(ledger);
        const callback = (event: FeedEvent) => {
          ledger.take(event);
          run((inCallbacks.pop() ?? []) as Partial<Record<string, number>>[]);
        };
        open.push({ ledger, watch: db.watch(since === undefined ? {} : { since }, callback) });
      };
      begin(undefined);
      for (const one of steps) {
        try {
          run([one] as Partial<Record<string, number>>[]);
        } catch {
          // One that was to throw in a callback.
        }
      }
      expect(ledgers.flatMap(({ faults }) => faults)).toEqual([]);
      for (const { ledger } of open) {
        expect(ledger.known).toBe(db.revision);
        expect([...ledger.copy.keys()].sort()).toEqual(
          [...instances].map(({ name, instance }) => `${name},${instance}`).sort(),
        );
      }
    },
  );
  fc.assert(property, { numRuns: 1000 });
});
