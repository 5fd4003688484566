import { describe, expect, it } from 'vitest';
import type { Change, Compacted } from '../../../core/microdb/index.js';
import { codeOf, type Instance, instance, makeInstances } from './instances.js';
import { revisionsOf } from './ledger.js';

describe('asking for changes', () => {
  it('gives those after a revision, with the record before and after', () => {
    const { db, instances } = makeInstances();
    instances.insert(instance('payments', 1));
    instances.put(instance('payments', 1, { port: 80 }));
    instances.remove('payments', '10.0.0.1:9000');
    expect(db.changes({ since: 1 })).toEqual({
      revision: 3,
      changes: [
        {
          revision: 2,
          collection: 'instances',
          key: ['payments', '10.0.0.1:9000'],
          op: 'put',
          value: instance('payments', 1, { port: 80 }),
          previous: instance('payments', 1),
        },
        {
          revision: 3,
          collection: 'instances',
          key: ['payments', '10.0.0.1:9000'],
          op: 'remove',
          value: null,
          previous: instance('payments', 1, { port: 80 }),
        },
      ],
    });
    expect(db.changes({ since: 3 })).toEqual({ revision: 3, changes: [] });
  });

  it('gives those of one collection', () => {
    const { db, instances } = makeInstances();
    const others = db.collection('others', { key: ['id'] });
    instances.insert(instance('payments', 1));
    others.insert({ id: 1 });
    const result = db.changes({ since: 0, collection: 'others' });
    expect(result).toMatchObject({ revision: 2, changes: [{ collection: 'others' }] });
    expect(codeOf(() => db.changes({ since: 0, collection: 'other' }))).toBe('UNKNOWN_COLLECTION');
  });

  it('says compacted when some are gone, and never gives part of a commit', () => {
    const { db, instances } = makeInstances({ ringSize: 3 });
    instances.insert(instance('payments', 1));
    db.batch((batch) => {
      for (const at of [2, 3, 4]) batch.collection<Instance>('instances').insert(instance('payments', at));
    });
    expect(db.changes({ since: 0 })).toEqual({ compacted: true, revision: 2 });
    expect(db.changes({ since: 1 })).toMatchObject({
      changes: [{ revision: 2 }, { revision: 2 }, { revision: 2 }],
    });
    instances.insert(instance('payments', 5));
    expect(db.changes({ since: 1 })).toEqual({ compacted: true, revision: 3 });
    expect(db.changes({ since: 2 })).toMatchObject({ revision: 3, changes: [{ revision: 3 }] });
  });

  it('says compacted for a revision of another history, and refuses one that is none', () => {
    const { db, instances } = makeInstances();
    instances.insert(instance('payments', 1));
    expect(db.changes({ since: 2 })).toEqual({ compacted: true, revision: 1 });
    for (const since of [-1, 0.5, Number.NaN, '1', undefined]) {
      expect(codeOf(() => db.changes({ since: since as never }))).toBe('INVALID_QUERY');
    }
  });

  it('keeps nothing where the ring has no room', () => {
    const { db, instances } = makeInstances({ ringSize: 0 });
    expect(db.changes({ since: 0 })).toEqual({ revision: 0, changes: [] });
    instances.insert(instance('payments', 1));
    expect(db.changes({ since: 0 })).toEqual({ compacted: true, revision: 1 });
    expect(db.changes({ since: 1 })).toEqual({ revision: 1, changes: [] });
  });
});

describe('watching', () => {
  it('is told of every commit at once, until it is closed', () => {
    const { db, instances } = makeInstances();
    const told: string[] = [];
    const watch = db.watch({}, (event) => told.push(revisionsOf(event)));
    instances.insert(instance('payments', 1));
    expect(told).toEqual(['1']);
    instances.insert(instance('payments', 2));
    watch.close();
    watch.close();
    instances.insert(instance('payments', 3));
    expect(told).toEqual(['1', '2']);
  });

  it('is told only of its collection', () => {
    const { db, instances } = makeInstances();
    db.collection('others', { key: ['id'] });
    const told: (readonly Change[] | Compacted)[] = [];
    db.watch({ collection: 'others' }, (event) => told.push(event));
    instances.insert(instance('payments', 1));
    db.batch((batch) => {
      batch.collection<Instance>('instances').insert(instance('payments', 2));
      batch.collection('others').insert({ id: 1 });
    });
    expect(told).toMatchObject([[{ collection: 'others', revision: 2 }]]);
    expect(told[0]).toHaveLength(1);
    expect(codeOf(() => db.watch({ collection: 'none' }, () => {}))).toBe('UNKNOWN_COLLECTION');
  });

  it('begins with what came after the revision it knows, commit by commit', () => {
    const { db, instances } = makeInstances();
    instances.insert(instance('payments', 1));
    db.batch((batch) => {
      for (const at of [2, 3]) batch.collection<Instance>('instances').insert(instance('payments', at));
    });
    instances.insert(instance('payments', 4));
    const told: string[] = [];
    db.watch({ since: 1 }, (event) => told.push(revisionsOf(event)));
    expect(told).toEqual(['2,2', '3']);
    instances.insert(instance('payments', 5));
    expect(told).toEqual(['2,2', '3', '4']);
  });

  it('is told when what it asks for is gone, and goes on from there', () => {
    const { db, instances } = makeInstances({ ringSize: 1 });
    for (const at of [1, 2, 3]) instances.insert(instance('payments', at));
    const told: string[] = [];
    db.watch({ since: 1 }, (event) => told.push(revisionsOf(event)));
    instances.insert(instance('payments', 4));
    expect(told).toEqual(['compacted 3', '4']);
  });

  it('may write: everyone is told of the first commit before anyone of the second', () => {
    const { db, instances } = makeInstances();
    const told: string[] = [];
    db.watch({}, (event) => {
      told.push(`a begins ${revisionsOf(event)}`);
      if (instances.size < 3) instances.insert(instance('payments', instances.size + 1));
      told.push('a ends');
    });
    db.watch({}, (event) => told.push(`b ${revisionsOf(event)}`));
    instances.insert(instance('payments', 1));
    expect(told).toEqual([
      ...['a begins 1', 'a ends', 'b 1'],
      ...['a begins 2', 'a ends', 'b 2'],
      ...['a begins 3', 'a ends', 'b 3'],
    ]);
  });

  it('may begin and end within a call without missing or hearing twice', () => {
    const { db, instances } = makeInstances();
    const told: string[] = [];
    const first = db.watch({}, (event) => {
      told.push(`first ${revisionsOf(event)}`);
      first.close();
      instances.insert(instance('payments', 2));
      db.watch({}, (inner) => told.push(`new ${revisionsOf(inner)}`));
      db.watch({ since: 0 }, (inner) => told.push(`late ${revisionsOf(inner)}`));
    });
    const second = db.watch({}, (event) => told.push(`second ${revisionsOf(event)}`));
    instances.insert(instance('payments', 1));
    second.close();
    instances.insert(instance('payments', 3));
    expect(told).toEqual(['first 1', 'late 1', 'late 2', 'second 1', 'second 2', 'new 3', 'late 3']);
  });

  it('that was closed by another is not called any more', () => {
    const { db, instances } = makeInstances();
    const told: string[] = [];
    db.watch({}, () => second.close());
    const second = db.watch({}, () => told.push('second'));
    instances.insert(instance('payments', 1));
    expect(told).toEqual([]);
  });

  it('harms nobody when it throws or rejects, and is reported', async () => {
    const reported: unknown[] = [];
    const { db, instances } = makeInstances({ onWatcherError: (error) => reported.push(error) });
    const told: string[] = [];
    db.watch({}, () => {
      throw new Error('thrown');
    });
    db.watch({}, (async () => {
      throw new Error('rejected');
    }) as () => void);
    db.watch({}, (event) => told.push(revisionsOf(event)));
    instances.insert(instance('payments', 1));
    await Promise.resolve();
    await Promise.resolve();
    expect(reported).toEqual([new Error('thrown'), new Error('rejected')]);
    expect(told).toEqual(['1']);
    expect(instances.size).toBe(1);
  });

  it('survives a reporter that throws', () => {
    const { db, instances } = makeInstances({
      onWatcherError: () => {
        throw new Error('and again');
      },
    });
    db.watch({}, () => {
      throw new Error('thrown');
    });
    instances.insert(instance('payments', 1));
    instances.insert(instance('payments', 2));
    expect(db.revision).toBe(2);
  });

  it('that answers its own changes for ever is stopped, and everything goes on', () => {
    const reported: unknown[] = [];
    const { db, instances } = makeInstances({
      ringSize: 10,
      onWatcherError: (error) => reported.push(error),
    });
    const watch = db.watch({}, () => instances.put(instance('payments', 1)));
    instances.put(instance('payments', 1));
    expect(reported).toMatchObject([{ code: 'LIMIT_REACHED' }]);
    watch.close();
    expect(instances.put(instance('payments', 2)).id).toBe(2);
  });

  it('gets events that it can not change', () => {
    const { db, instances } = makeInstances();
    db.watch({}, (event) => {
      expect(Object.isFrozen(event)).toBe(true);
      expect(Object.isFrozen((event as Change[])[0])).toBe(true);
      expect(Object.isFrozen((event as Change[])[0]?.key)).toBe(true);
    });
    instances.insert(instance('payments', 1));
    expect.assertions(3);
  });

  it('needs a function, and room for it', () => {
    const { db } = makeInstances();
    expect(codeOf(() => db.watch({}, undefined as never))).toBe('INVALID_QUERY');
    expect(codeOf(() => db.watch({ since: -1 }, () => {}))).toBe('INVALID_QUERY');
    for (let at = 0; at < 10_000; at++) db.watch({}, () => {});
    expect(codeOf(() => db.watch({}, () => {}))).toBe('LIMIT_REACHED');
  });
});
