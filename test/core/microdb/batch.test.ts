import { describe, expect, it } from 'vitest';
import type { BatchCollection, Change } from '../../../core/microdb/index.js';
import { codeOf, type Instance, instance, makeInstances } from './instances.js';

function filled() {
  const made = makeInstances();
  for (const at of [1, 2, 3]) made.instances.insert(instance('payments', at));
  return made;
}

describe('a batch', () => {
  it('is one commit with one revision, seen whole by watchers', () => {
    const { db, instances } = filled();
    const seen: unknown[] = [];
    db.watch({}, (changes) => seen.push(changes));
    db.batch((batch) => {
      const staged = batch.collection<Instance>('instances');
      staged.insert(instance('orders', 4));
      staged.update(['payments', '10.0.0.1:9000'], { port: 80 });
      staged.remove('payments', '10.0.0.2:9000');
    });
    expect(db.revision).toBe(4);
    expect(seen).toMatchObject([
      [
        { revision: 4, op: 'put', key: ['orders', '10.0.0.4:9000'], previous: null },
        { revision: 4, op: 'put', value: { port: 80 }, previous: { id: 1 } },
        { revision: 4, op: 'remove', value: null, previous: { id: 2 } },
      ],
    ]);
    expect(instances.find({}).map(({ id }) => id)).toEqual([1, 3, 4]);
  });

  it('leaves no trace when its function throws', () => {
    const { db, instances } = filled();
    const before = JSON.stringify(db);
    const failure = new Error('no');
    const run = () =>
      db.batch((batch) => {
        const staged = batch.collection<Instance>('instances');
        staged.remove('payments', '10.0.0.1:9000');
        staged.put(instance('payments', 2, { port: 80 }));
        staged.insert(instance('orders', 4));
        throw failure;
      });
    expect(run).toThrow(failure);
    expect(JSON.stringify(db)).toBe(before);
    expect(instances.countBy('name', 'orders')).toBe(0);
    expect(db.changes({ since: 3 })).toEqual({ revision: 3, changes: [] });
  });

  it('leaves no trace when a unique index refuses in the middle', () => {
    const { db } = filled();
    const before = JSON.stringify(db);
    const run = () =>
      db.batch((batch) => {
        const staged = batch.collection<Instance>('instances');
        staged.remove('payments', '10.0.0.1:9000');
        staged.insert({ ...instance('orders', 4), id: 3 });
      });
    expect(codeOf(run)).toBe('DUPLICATE_KEY');
    expect(JSON.stringify(db)).toBe(before);
  });

  it('goes on after an error that its function catches', () => {
    const { db, instances } = filled();
    db.batch((batch) => {
      const staged = batch.collection<Instance>('instances');
      expect(codeOf(() => staged.put({ ...instance('payments', 1), id: 2 }))).toBe('DUPLICATE_KEY');
      staged.insert(instance('orders', 4));
    });
    expect(instances.getBy('id', 1)).toBeDefined();
    expect(instances.getBy('id', 4)).toBeDefined();
  });

  it('may hand a unique value from one record to another', () => {
    const { db, instances } = filled();
    db.batch((batch) => {
      const staged = batch.collection<Instance>('instances');
      // The taker is touched first, so that it is put in its place before the giver.
      staged.update(['payments', '10.0.0.2:9000'], { id: 20 });
      staged.update(['payments', '10.0.0.1:9000'], { id: 2 });
      staged.update(['payments', '10.0.0.2:9000'], { id: 1 });
    });
    expect(instances.getBy('id', 1)?.instance).toBe('10.0.0.2:9000');
    expect(instances.getBy('id', 2)?.instance).toBe('10.0.0.1:9000');
    expect(instances.getBy('id', 20)).toBeUndefined();
  });

  it('may use a unique value that it has given up again', () => {
    const { db, instances } = filled();
    db.batch((batch) => {
      const staged = batch.collection<Instance>('instances');
      staged.update(['payments', '10.0.0.1:9000'], { id: 20 });
      staged.update(['payments', '10.0.0.1:9000'], { id: 21 });
      staged.insert({ ...instance('orders', 4), id: 20 });
      staged.remove('payments', '10.0.0.1:9000');
      staged.insert({ ...instance('orders', 5), id: 21 });
    });
    expect(instances.getBy('id', 20)?.instance).toBe('10.0.0.4:9000');
    expect(instances.getBy('id', 21)?.instance).toBe('10.0.0.5:9000');
  });

  it('refuses a unique value that two of its own records want', () => {
    const { db } = filled();
    const run = () =>
      db.batch((batch) => {
        const staged = batch.collection<Instance>('instances');
        staged.insert(instance('orders', 4));
        staged.insert({ ...instance('orders', 5), id: 4 });
      });
    expect(codeOf(run)).toBe('DUPLICATE_KEY');
  });

  it('sees its own writes, and nobody else does before it ends', () => {
    const { db, instances } = filled();
    const count = db.batch((batch) => {
      const staged = batch.collection<Instance>('instances');
      staged.put(instance('payments', 1, { port: 80 }));
      staged.remove('payments', '10.0.0.2:9000');
      staged.insert(instance('payments', 4));
      expect(staged.get('payments', '10.0.0.1:9000')?.port).toBe(80);
      expect(staged.get('payments', '10.0.0.2:9000')).toBeUndefined();
      expect(staged.find({ name: 'payments' }, { sort: { id: 1 } }).map(({ id }) => id)).toEqual([1, 3, 4]);
      expect(instances.find({ name: 'payments' }).map(({ id }) => id)).toEqual([1, 2, 3]);
      return staged.count({ port: 80 });
    });
    expect(count).toBe(1);
  });

  it('tells of each key once, as it was before and is after', () => {
    const { db } = filled();
    const seen: Change[] = [];
    db.watch({}, (event) => seen.push(...(event as Change[])));
    db.batch((batch) => {
      const staged = batch.collection<Instance>('instances');
      staged.insert(instance('orders', 4));
      staged.remove('orders', '10.0.0.4:9000');
      staged.put(instance('payments', 1, { port: 80 }));
      staged.put(instance('payments', 1, { port: 81 }));
      staged.remove('payments', '10.0.0.2:9000');
      staged.insert(instance('payments', 2));
    });
    expect(seen.map(({ key, value, previous }) => [key[1], value, previous])).toEqual([
      ['10.0.0.1:9000', instance('payments', 1, { port: 81 }), instance('payments', 1)],
      ['10.0.0.2:9000', instance('payments', 2), instance('payments', 2)],
    ]);
  });

  it('that changes nothing is no commit', () => {
    const { db } = filled();
    db.batch((batch) => {
      const staged = batch.collection<Instance>('instances');
      staged.insert(instance('orders', 4));
      staged.remove('orders', '10.0.0.4:9000');
      staged.remove('orders', 'none');
    });
    expect(db.revision).toBe(3);
  });

  it('takes a revision that is greater than the last, with gaps, also when it changes nothing', () => {
    const { db, instances } = filled();
    db.batch((batch) => batch.collection<Instance>('instances').insert(instance('orders', 4)), {
      revision: 10,
    });
    expect(db.revision).toBe(10);
    db.batch(() => {}, { revision: 12 });
    expect(db.revision).toBe(12);
    instances.put(instance('orders', 5), { revision: 20 });
    instances.put(instance('orders', 6));
    expect(db.revision).toBe(21);
    for (const revision of [21, 0, -1, 30.5, Number.NaN, '30' as never]) {
      expect(codeOf(() => instances.put(instance('orders', 7), { revision }))).toBe('INVALID_REVISION');
      expect(codeOf(() => db.batch(() => {}, { revision }))).toBe('INVALID_REVISION');
    }
    expect(instances.getBy('id', 7)).toBeUndefined();
  });

  it('refuses an async function, and nothing it does later counts', async () => {
    const { db, instances } = filled();
    let late: unknown;
    const run = () =>
      db.batch(async (batch) => {
        const staged = batch.collection<Instance>('instances');
        staged.insert(instance('orders', 4));
        await Promise.resolve();
        late = codeOf(() => staged.insert(instance('orders', 5)));
        throw new Error('nobody waits for this');
      });
    expect(codeOf(run)).toBe('INVALID_BATCH');
    await Promise.resolve();
    await Promise.resolve();
    expect(late).toBe('INVALID_BATCH');
    expect(instances.size).toBe(3);
    instances.insert(instance('orders', 6));
    expect(db.revision).toBe(4);
  });

  it('refuses what writes past it, a batch within it, and its use after its end', () => {
    const { db, instances } = filled();
    let kept: BatchCollection<Instance> | undefined;
    db.batch((batch) => {
      kept = batch.collection<Instance>('instances');
      expect(codeOf(() => instances.insert(instance('orders', 4)))).toBe('INVALID_BATCH');
      expect(codeOf(() => db.batch(() => {}))).toBe('INVALID_BATCH');
      expect(codeOf(() => batch.collection('none'))).toBe('UNKNOWN_COLLECTION');
    });
    expect(codeOf(() => kept?.insert(instance('orders', 4)))).toBe('INVALID_BATCH');
    expect(codeOf(() => kept?.get('payments', 'x'))).toBe('INVALID_BATCH');
    expect(codeOf(() => kept?.find())).toBe('INVALID_BATCH');
    expect(instances.size).toBe(3);
  });
});
