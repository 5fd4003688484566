import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Follow } from '../../../core/microdb/index.js';
import { codeOf, type Instance, instance, makeInstances } from './instances.js';
import { heldOf, Ledger, revisionsOf } from './ledger.js';

/** The next event as revisions, or 'end'. */
async function nextOf(follow: Follow): Promise<string> {
  const { done, value } = await follow.next();
  return done === true ? 'end' : revisionsOf(value);
}

describe('following', () => {
  it('gives what a watcher is told, commit by commit', async () => {
    const { db, instances } = makeInstances();
    instances.insert(instance('payments', 1));
    const told: unknown[] = [];
    db.watch({}, (event) => told.push(event));
    const follow = db.follow();
    instances.insert(instance('payments', 2));
    db.batch((batch) => {
      for (const at of [3, 4]) batch.collection<Instance>('instances').insert(instance('payments', at));
    });
    instances.remove('payments', '10.0.0.1:9000');
    for (const event of told) {
      const { value } = await follow.next();
      expect(value).toEqual(event);
      expect(Object.isFrozen(value)).toBe(true);
    }
    expect(told).toHaveLength(3);
  });

  it('begins with what came after the revision it knows', async () => {
    const { db, instances } = makeInstances();
    for (const at of [1, 2, 3]) instances.insert(instance('payments', at));
    const follow = db.follow({ since: 1 });
    expect([await nextOf(follow), await nextOf(follow)]).toEqual(['2', '3']);
    const next = nextOf(follow);
    instances.insert(instance('payments', 4));
    expect(await next).toBe('4');
  });

  it('waits for the next commit, also when that comes from elsewhere', async () => {
    const { db, instances } = makeInstances();
    const told: string[] = [];
    const end = new AbortController();
    const loop = (async () => {
      for await (const event of db.follow({ signal: end.signal })) {
        told.push(revisionsOf(event));
        if (told.length === 3) end.abort();
      }
    })();
    for (const at of [1, 2, 3]) {
      await Promise.resolve();
      instances.insert(instance('payments', at));
    }
    await loop;
    expect(told).toEqual(['1', '2', '3']);
  });

  it('is told when it fell behind the ring, and goes on from there', async () => {
    const { db, instances } = makeInstances({ ringSize: 3 });
    const follow = db.follow();
    for (const at of [1, 2, 3]) instances.insert(instance('payments', at));
    expect(await nextOf(follow)).toBe('1');
    for (const at of [4, 5]) instances.insert(instance('payments', at));
    expect(await nextOf(follow)).toBe('compacted 5');
    instances.insert(instance('payments', 6));
    expect(await nextOf(follow)).toBe('6');
  });

  it('is told when it asks for what is gone, or for another history', async () => {
    const { db, instances } = makeInstances({ ringSize: 1 });
    for (const at of [1, 2]) instances.insert(instance('payments', at));
    expect(await nextOf(db.follow({ since: 0 }))).toBe('compacted 2');
    expect(await nextOf(db.follow({ since: 9 }))).toBe('compacted 2');
    expect(await nextOf(db.follow({ since: 1 }))).toBe('2');
  });

  it('is told of a commit larger than the ring that it was waiting for', async () => {
    const { db } = makeInstances({ ringSize: 2 });
    const next = nextOf(db.follow());
    db.batch((batch) => {
      for (const at of [1, 2, 3]) batch.collection<Instance>('instances').insert(instance('payments', at));
    });
    expect(await next).toBe('compacted 1');
  });

  it('gives those of one collection, and does not fall behind by what others write while it waits', async () => {
    const { db, instances } = makeInstances({ ringSize: 4 });
    const others = db.collection('others', { key: ['id'] });
    const next = nextOf(db.follow({ collection: 'others' }));
    for (let at = 1; at <= 9; at += 3) {
      for (const more of [0, 1, 2]) instances.insert(instance('payments', at + more));
      await new Promise((resolve) => setImmediate(resolve));
    }
    others.insert({ id: 1 });
    expect(await next).toBe('10');
  });

  it('is told when the state was restored from elsewhere', async () => {
    const { db, instances } = makeInstances();
    const follow = db.follow();
    const next = nextOf(follow);
    instances.load(Object.freeze(instance('payments', 1)));
    db.startAt(0);
    expect(await next).toBe('compacted 0');
    instances.insert(instance('payments', 2));
    expect(await nextOf(follow)).toBe('1');
  });

  it('gives no event twice when it is asked for several at once', async () => {
    const { db, instances } = makeInstances();
    const follow = db.follow();
    const all = Promise.all([1, 2, 3, 4].map(() => nextOf(follow)));
    for (const at of [1, 2, 3]) instances.insert(instance('payments', at));
    await Promise.resolve();
    instances.insert(instance('payments', 4));
    expect(await all).toEqual(['1', '2', '3', '4']);
  });

  it('ends at once when it is told to, also while it waits', async () => {
    const { db, instances } = makeInstances();
    const follow = db.follow();
    const waiting = [nextOf(follow), nextOf(follow)];
    expect(await follow.return()).toEqual({ done: true, value: undefined });
    expect(await Promise.all(waiting)).toEqual(['end', 'end']);
    instances.insert(instance('payments', 1));
    expect(await nextOf(follow)).toBe('end');
    await follow.return();
  });

  it('ends with its signal, without an error', async () => {
    const { db } = makeInstances();
    const end = new AbortController();
    const follow = db.follow({ signal: end.signal });
    const next = nextOf(follow);
    end.abort();
    expect(await next).toBe('end');
    expect(await nextOf(db.follow({ signal: end.signal }))).toBe('end');
  });

  it('refuses what it can not follow', () => {
    const { db } = makeInstances();
    expect(codeOf(() => db.follow({ since: -1 }))).toBe('INVALID_QUERY');
    expect(codeOf(() => db.follow({ collection: 'none' }))).toBe('UNKNOWN_COLLECTION');
    expect(codeOf(() => db.follow({ signal: 1 as never }))).toBe('INVALID_QUERY');
    expect(codeOf(() => db.follow({ signal: null as never }))).toBe('INVALID_QUERY');
  });

  it('has room for so many, watchers among them, and for another when one has ended', async () => {
    const { db, instances } = makeInstances();
    const watch = db.watch({}, () => {});
    const follows = Array.from({ length: 9_999 }, () => db.follow());
    expect(codeOf(() => db.follow())).toBe('LIMIT_REACHED');
    expect(codeOf(() => db.watch({}, () => {}))).toBe('LIMIT_REACHED');
    watch.close();
    instances.insert(instance('payments', 1));
    for await (const event of db.follow({ since: 0 })) {
      expect(revisionsOf(event)).toBe('1');
      expect(codeOf(() => db.follow())).toBe('LIMIT_REACHED');
      break;
    }
    await db.follow().return();
    for (const follow of follows) await follow.return();
    for (let at = 0; at < 10_000; at++) db.follow();
    expect(codeOf(() => db.follow())).toBe('LIMIT_REACHED');
  });

  it('holds nothing for a reader that is slow', async () => {
    const { db, instances } = makeInstances({ ringSize: 10 });
    const follow = db.follow();
    const next = follow.next();
    const records: WeakRef<object>[] = [];
    for (let at = 0; at < 1000; at++) {
      records.push(new WeakRef(instances.put(instance('payments', 1, { port: at }))));
    }
    // Ten writes in the ring, which hold the record before as well.
    expect(await heldOf(records)).toBe(11);
    expect(await next).toEqual({ done: false, value: { compacted: true, revision: 1000 } });
  });

  it('never skips in silence, tells in part or twice, however slowly it is read', async () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ write: fc.integer({ min: 1, max: 6 }) }) },
      { weight: 1, arbitrary: fc.record({ batch: fc.integer({ min: 1, max: 6 }) }) },
      { weight: 1, arbitrary: fc.record({ remove: fc.integer({ min: 0, max: 5 }) }) },
      { weight: 4, arbitrary: fc.record({ read: fc.integer({ min: 1, max: 4 }) }) },
      { weight: 1, arbitrary: fc.constant({ pause: true as const }) },
    );
    const property = fc.asyncProperty(
      fc.integer({ min: 0, max: 8 }),
      fc.array(step, { maxLength: 40 }),
      async (ringSize, steps) => {
        const { db, instances } = makeInstances({ ringSize });
        const follow = db.follow();
        const ledger = new Ledger(0, () => instances);
        let count = 0;
        const put = (target: { put(value: Instance): Instance }) => {
          target.put(instance('payments', count % 6, { port: count++ }));
        };
        const reads: Promise<void>[] = [];
        for (const { write, batch, remove, read } of steps as Partial<Record<string, number>>[]) {
          for (let at = 0; at < (write ?? 0); at++) put(instances);
          if (batch !== undefined) {
            db.batch((inner) => {
              for (let at = 0; at < batch; at++) put(inner.collection<Instance>('instances'));
            });
          }
          if (remove !== undefined) instances.remove('payments', `10.0.0.${remove}:9000`);
          for (let at = 0; at < (read ?? 0); at++) {
            const read = follow.next().then(({ done, value }) => {
              if (done !== true) ledger.take(value);
            });
            reads.push(read);
          }
          if (write === undefined && read === undefined) await Promise.resolve();
        }
        // When every read under way has had its chance, whatever is left is there for those that follow.
        await new Promise((resolve) => setImmediate(resolve));
        while (ledger.known < db.revision && ledger.faults.length === 0) {
          const { done, value } = await follow.next();
          if (done !== true) ledger.take(value);
        }
        await follow.return();
        await Promise.all(reads);
        expect(ledger.faults).toEqual([]);
        expect(ledger.known).toBe(db.revision);
        expect([...ledger.copy.values()].sort(byId)).toEqual([...instances].sort(byId));
      },
    );
    await fc.assert(property, { numRuns: 300 });
  });
});

function byId(a: Instance, b: Instance): number {
  return a.id - b.id;
}
