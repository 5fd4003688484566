import { describe, expect, it } from 'vitest';
import { type FeedEvent, MicroDB } from '../../../core/microdb/index.js';
import { codeOf, DEFINITION, type Instance, instance, makeInstances } from './instances.js';
import { revisionsOf } from './ledger.js';

describe('dropping a collection', () => {
  it('takes it out, and says whether it was there', () => {
    const { db, instances } = makeInstances();
    instances.insert(instance('payments', 1));
    expect(db.dropCollection('instances')).toBe(true);
    expect(db.collections).toEqual([]);
    expect(codeOf(() => db.collection('instances'))).toBe('UNKNOWN_COLLECTION');
    expect(db.dropCollection('instances')).toBe(false);
    expect(JSON.parse(JSON.stringify(db))).toEqual({ format: 1, revision: 2, collections: [] });
  });

  it('is one commit in which each of its records is removed', () => {
    const { db, instances } = makeInstances();
    for (const at of [1, 2]) instances.insert(instance('payments', at));
    const told: FeedEvent[] = [];
    db.watch({ collection: 'instances' }, (event) => told.push(event));
    db.dropCollection('instances');
    const removal = { revision: 3, collection: 'instances', op: 'remove', value: null };
    expect(told).toEqual([
      [
        { ...removal, key: ['payments', '10.0.0.1:9000'], previous: instance('payments', 1) },
        { ...removal, key: ['payments', '10.0.0.2:9000'], previous: instance('payments', 2) },
      ],
    ]);
    expect(db.changes({ since: 2 })).toEqual({ revision: 3, changes: told[0] });
  });

  it('is no commit where it held nothing, unless it is given a revision', () => {
    const { db } = makeInstances();
    const told: string[] = [];
    db.watch({}, (event) => told.push(revisionsOf(event)));
    db.dropCollection('instances');
    expect(db.revision).toBe(0);
    db.collection('instances', DEFINITION);
    db.dropCollection('instances', { revision: 7 });
    expect(db.revision).toBe(7);
    expect(told).toEqual([]);
  });

  it('leaves whoever still holds it with nothing to read, and no way to write', () => {
    const { db, instances } = makeInstances();
    instances.insert(instance('payments', 1));
    db.dropCollection('instances');
    const again = db.collection<Instance>('instances', { key: ['id'] });
    again.insert(instance('orders', 2));
    expect(instances.size).toBe(0);
    expect(instances.get('payments', '10.0.0.1:9000')).toBeUndefined();
    expect(instances.getBy('id', 1)).toBeUndefined();
    expect(instances.find({ name: 'payments' })).toEqual([]);
    for (const write of [
      () => instances.insert(instance('payments', 1)),
      () => instances.put(instance('payments', 1)),
      () => instances.load(Object.freeze(instance('payments', 1))),
    ]) {
      expect(codeOf(write)).toBe('UNKNOWN_COLLECTION');
    }
    expect(instances.size).toBe(0);
    expect(db.revision).toBe(3);
    expect([...again]).toEqual([instance('orders', 2)]);
  });

  it('lets those who watch its name hear of the next collection that has it', () => {
    const { db, instances } = makeInstances();
    instances.insert(instance('payments', 1));
    const told: string[] = [];
    db.watch({ collection: 'instances' }, (event) => told.push(revisionsOf(event)));
    db.dropCollection('instances');
    db.collection<Instance>('instances', { key: ['id'] }).insert(instance('payments', 1));
    expect(told).toEqual(['2', '3']);
    const changes = db.changes({ since: 1, collection: 'instances' });
    expect(changes).toMatchObject({ changes: [{ key: ['payments', '10.0.0.1:9000'] }, { key: [1] }] });
  });

  it('may not happen inside a batch, and takes no revision of the past', () => {
    const { db, instances } = makeInstances();
    instances.insert(instance('payments', 1));
    for (const name of ['instances', 'none']) {
      expect(codeOf(() => db.batch(() => db.dropCollection(name)))).toBe('INVALID_BATCH');
    }
    expect(codeOf(() => db.dropCollection('instances', { revision: 1 }))).toBe('INVALID_REVISION');
    expect(instances.size).toBe(1);
  });

  it('makes room for another', () => {
    const db = new MicroDB();
    for (let at = 0; at < 1024; at++) db.collection(`c${at}`, { key: ['id'] });
    expect(codeOf(() => db.collection('more', { key: ['id'] }))).toBe('LIMIT_REACHED');
    db.dropCollection('c7');
    expect(db.collection('more', { key: ['id'] }).size).toBe(0);
  });
});
