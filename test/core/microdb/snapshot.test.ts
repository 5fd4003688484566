import { describe, expect, it } from 'vitest';
import { MicroDB } from '../../../core/microdb/index.js';
import { codeOf, errorOf, type Instance, instance, makeInstances } from './instances.js';

describe('a snapshot', () => {
  it('makes the same database again: definitions, records, order, revision', () => {
    const { db, instances } = makeInstances();
    for (const at of [3, 1, 2]) instances.insert(instance('payments', at, { tags: ['a'], meta: { b: 'c' } }));
    instances.remove('payments', '10.0.0.1:9000');
    const text = JSON.stringify(db);
    const again = MicroDB.fromJSON(JSON.parse(text));
    expect(JSON.stringify(again)).toBe(text);
    expect(again.revision).toBe(4);
    const records = again.collection<Instance>('instances');
    expect(records.getBy('id', 2)).toEqual(instances.getBy('id', 2));
    expect(records.find({ name: 'payments' }).map(({ id }) => id)).toEqual([3, 2]);
    expect(again.changes({ since: 3 })).toEqual({ compacted: true, revision: 4 });
    records.insert(instance('payments', 9));
    expect(again.changes({ since: 4 })).toMatchObject({ changes: [{ revision: 5 }] });
  });

  it('shares nothing with what it was made from', () => {
    const json = {
      format: 1,
      revision: 0,
      collections: [{ name: 'a', key: ['id'], indexes: {}, records: [{ id: 1, x: [1] }] }],
    };
    const db = MicroDB.fromJSON(json);
    json.collections[0]?.records[0]?.x.push(2);
    expect(db.collection('a').get(1)).toEqual({ id: 1, x: [1] });
  });

  const good = { name: 'a', key: ['id'], indexes: { x: { fields: ['x'], unique: true } }, records: [] };
  it.each([
    ['is nothing', null, 'no snapshot'],
    ['is of another format', { format: 2, revision: 0, collections: [] }, 'format'],
    ['has a broken revision', { format: 1, revision: -1, collections: [] }, 'revision'],
    ['has an unknown member', { format: 1, revision: 0, collections: [], more: 1 }, 'more'],
    [
      'has more collections than a database may',
      {
        format: 1,
        revision: 0,
        collections: Array.from({ length: 1025 }, (_, at) => ({ ...good, name: `c${at}` })),
      },
      'collections',
    ],
    ['has a collection twice', { format: 1, revision: 0, collections: [good, good] }, 'twice'],
    [
      'has a bad definition',
      { format: 1, revision: 0, collections: [{ ...good, key: [] }] },
      'collection "a"',
    ],
    [
      'has a record without key',
      { format: 1, revision: 0, collections: [{ ...good, records: [{}] }] },
      'record 0',
    ],
    [
      'has a key twice',
      { format: 1, revision: 0, collections: [{ ...good, records: [{ id: 1 }, { id: 1 }] }] },
      'record 1',
    ],
    [
      'has a unique value twice',
      {
        format: 1,
        revision: 0,
        collections: [
          {
            ...good,
            records: [
              { id: 1, x: 1 },
              { id: 2, x: 1 },
            ],
          },
        ],
      },
      'record 1',
    ],
  ])('is refused when it %s, saying where', (_, json, where) => {
    const error = errorOf(() => MicroDB.fromJSON(json));
    expect(error.code).toBe('INVALID_SNAPSHOT');
    expect(error.message).toContain(where);
    expect(codeOf(() => MicroDB.fromJSON(json))).toBe('INVALID_SNAPSHOT');
  });
});
