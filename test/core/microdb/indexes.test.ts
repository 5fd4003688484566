import { describe, expect, it } from 'vitest';
import { type CollectionDefinition, MicroDB } from '../../../core/microdb/index.js';
import { codeOf, errorOf, instance, makeInstances } from './instances.js';

interface Thing {
  readonly id: number;
  readonly [field: string]: unknown;
}

function makeThings(indexes: CollectionDefinition['indexes'] = {}) {
  const db = new MicroDB();
  return { db, things: db.collection<Thing>('things', { key: ['id'], indexes }) };
}

const ids = (records: Iterable<Thing>) => [...records].map(({ id }) => id);

describe('an index on lists', () => {
  const tagged = { tag: { fields: ['tags'] } };

  it('finds a record by each of its elements, and only through them', () => {
    const { things } = makeThings(tagged);
    things.insert({ id: 1, tags: ['a', 'b', 'a'] });
    things.insert({ id: 2, tags: 'b' });
    things.insert({ id: 3, tags: ['c', ['b', 'd'], null, { e: 1 }] });
    things.insert({ id: 4, tags: [] });
    expect(ids(things.by('tag', 'b'))).toEqual([1, 2, 3]);
    expect(things.countBy('tag', 'd')).toBe(1);
    expect([...things.valuesOf('tag')]).toEqual(['a', 'b', 'c', 'd']);
    expect(things.explain({ tags: 'a' })).toMatchObject({ index: 'tag', examined: 1 });
    expect(ids(things.find({ tags: 'b' }))).toEqual([1, 2, 3]);
  });

  it('gives a record once that several of the values asked for find', () => {
    const { things } = makeThings(tagged);
    things.insert({ id: 1, tags: ['a', 'b'] });
    things.insert({ id: 2, tags: ['b'] });
    expect(ids(things.find({ tags: { $in: ['a', 'b'] } }))).toEqual([1, 2]);
    expect(things.count({ tags: { $in: ['a', 'b'] } })).toBe(2);
    expect(ids(things.find({ $or: [{ tags: 'a' }, { tags: 'b' }] }))).toEqual([1, 2]);
  });

  it('takes the rarest element of $all, of a whole list and of $elemMatch', () => {
    const { things } = makeThings(tagged);
    for (let id = 0; id < 50; id++) things.insert({ id, tags: id === 7 ? ['all', 'rare'] : ['all'] });
    for (const query of [
      { tags: { $all: ['all', 'rare'] } },
      { tags: ['all', 'rare'] },
      { tags: { $elemMatch: { $eq: 'rare', $ne: 'all' } } },
      { $and: [{ tags: 'all' }, { tags: 'rare' }] },
    ]) {
      expect(things.explain(query)).toMatchObject({ index: 'tag', examined: 1 });
      expect(ids(things.find(query))).toEqual([7]);
    }
  });

  it('follows a list as it changes, and keeps the record in its place under what stays', () => {
    const { things } = makeThings(tagged);
    things.insert({ id: 1, tags: ['a', 'b'] });
    things.insert({ id: 2, tags: ['b'] });
    things.put({ id: 1, tags: ['b', 'c'] });
    expect(things.countBy('tag', 'a')).toBe(0);
    expect(ids(things.by('tag', 'b'))).toEqual([1, 2]);
    expect(ids(things.by('tag', 'c'))).toEqual([1]);
    things.put({ id: 1 });
    expect(ids(things.by('tag', 'b'))).toEqual([2]);
    expect([...things.valuesOf('tag')]).toEqual(['b']);
  });

  it.each([[false], [true]])(
    'lets no two records share an element where it is unique (ordered: %s)',
    (ordered) => {
      const { db, things } = makeThings({ alias: { fields: ['aliases'], unique: true, ordered } });
      things.insert({ id: 1, aliases: ['a', 'b', 'a'] });
      expect(codeOf(() => things.insert({ id: 2, aliases: ['c', 'b'] }))).toBe('DUPLICATE_KEY');
      expect(codeOf(() => things.insert({ id: 2, aliases: 'a' }))).toBe('DUPLICATE_KEY');
      expect(things.getBy('alias', 'c')).toBeUndefined();
      things.put({ id: 1, aliases: ['b', 'c'] });
      things.insert({ id: 2, aliases: ['a'] });
      expect(things.getBy('alias', 'c')?.id).toBe(1);
      // Within a batch two records may exchange what they have.
      db.batch((batch) => {
        const staged = batch.collection<Thing>('things');
        staged.put({ id: 2, aliases: [] });
        staged.put({ id: 1, aliases: ['a', 'b'] });
        staged.put({ id: 2, aliases: ['c'] });
      });
      expect([things.getBy('alias', 'a')?.id, things.getBy('alias', 'c')?.id]).toEqual([1, 2]);
      const before = JSON.stringify(db);
      const run = () =>
        db.batch((batch) => {
          const staged = batch.collection<Thing>('things');
          staged.put({ id: 3, aliases: ['d', 'e'] });
          staged.put({ id: 4, aliases: ['e', 'f'] });
        });
      expect(codeOf(run)).toBe('DUPLICATE_KEY');
      expect(JSON.stringify(db)).toBe(before);
      expect(things.countBy('alias', 'd')).toBe(0);
    },
  );

  it.each([[false], [true]])('finds by every choice from several lists (ordered: %s)', (ordered) => {
    const { things } = makeThings({ both: { fields: ['x', 'y'], ordered } });
    things.insert({ id: 1, x: [1, 2], y: ['p', 'q'] });
    things.insert({ id: 2, x: 2, y: ['q'] });
    expect(ids(things.by('both', 2, 'q'))).toEqual([1, 2]);
    expect(ids(things.find({ x: 1, y: 'q' }))).toEqual([1]);
    expect(things.explain({ x: 1, y: 'q' })).toMatchObject({ index: 'both', examined: 1 });
  });

  it.each([[false], [true]])('takes at most 1000 entries from one record (ordered: %s)', (ordered) => {
    const { db, things } = makeThings({ both: { fields: ['x', 'y'], ordered } });
    const list = (length: number) => Array.from({ length }, (_, at) => at);
    things.insert({ id: 1, x: list(40), y: list(25) });
    for (const write of [
      () => things.insert({ id: 2, x: list(40), y: list(26) }),
      () => things.update(1, { y: list(26) }),
      () => things.load(Object.freeze({ id: 2, x: list(1001), y: 1 })),
      () => db.batch((batch) => batch.collection<Thing>('things').put({ id: 2, x: list(1001), y: 1 })),
    ]) {
      const error = errorOf(write);
      expect(error.code).toBe('INVALID_RECORD');
      expect(error.message).toContain('"both"');
    }
    expect(things.countBy('both', 39, 24)).toBe(1);
    expect(things.size).toBe(1);
  });
});

describe('an ordered index', () => {
  const byPort = { port: { fields: ['port'], ordered: true } };

  function filled() {
    const { db, things } = makeThings(byPort);
    for (let id = 0; id < 1000; id++) things.insert({ id, port: (id * 7) % 500, even: id % 2 === 0 });
    return { db, things };
  }

  it.each([
    [{ port: { $gt: 490 } }, 18],
    [{ port: { $gte: 490 } }, 20],
    [{ port: { $lt: 3 } }, 6],
    [{ port: { $lte: 3 } }, 8],
    [{ port: { $gte: 10, $lt: 20 } }, 20],
    [{ $and: [{ port: { $gte: 10 } }, { port: { $lt: 20 } }] }, 20],
    [{ port: { $gt: 20, $lt: 10 } }, 0],
    [{ port: { $gt: 'a' } }, 0],
    [{ port: { $gt: 5, $lt: 'a' } }, 0],
    [{ port: { $gt: Number.NaN } }, 0],
    [{ port: Number.NaN }, 0],
    [{ port: 7 }, 2],
    [{ port: { $in: [7, 8] } }, 4],
  ])('looks at no more than the records of %j', (query, count) => {
    const { things } = filled();
    expect(things.explain(query)).toMatchObject({ index: 'port', examined: count });
    expect(things.find(query)).toHaveLength(count);
    expect(things.count(query)).toBe(count);
  });

  it('keeps a range to the values of its type', () => {
    const { things } = makeThings({ v: { fields: ['v'], ordered: true } });
    const values = [null, undefined, -1, 5, Number.MAX_VALUE, '', 'a', '\uffff', false, true, { a: 1 }];
    for (const [id, v] of values.entries()) things.insert({ id, v });
    expect(ids(things.find({ v: { $gte: -1 } }))).toEqual([2, 3, 4]);
    expect(ids(things.find({ v: { $lte: 5 } }))).toEqual([2, 3]);
    expect(ids(things.find({ v: { $gt: '' } }))).toEqual([6, 7]);
    expect(ids(things.find({ v: { $lt: 'b' } }))).toEqual([5, 6]);
    expect(ids(things.find({ v: { $gte: false } }))).toEqual([8, 9]);
    expect(ids(things.find({ v: { $lt: true } }))).toEqual([8]);
    expect([...things.valuesOf('v')]).toEqual([-1, 5, Number.MAX_VALUE, '', 'a', '\uffff', false, true]);
  });

  it('brings the order, so that a limit reads no further', () => {
    const { things } = filled();
    for (const direction of [1, -1] as const) {
      const options = { sort: { port: direction }, skip: 5, limit: 10 };
      const expected = [...things]
        .sort((a, b) => direction * ((a.port as number) - (b.port as number)) || a.id - b.id)
        .slice(5, 15);
      expect(things.find({}, options)).toEqual(expected);
      expect(things.explain({}, options)).toEqual({
        index: 'port',
        kind: 'order',
        examined: 15,
        sorted: true,
      });
    }
    const range = { port: { $gte: 10, $lt: 20 } };
    expect(things.explain(range, { sort: { port: -1 }, limit: 3 })).toEqual({
      ...{ index: 'port', kind: 'range', examined: 3, sorted: true },
    });
    // Whatever has to be tested may take all of them.
    expect(things.explain({ even: true }, { sort: { port: 1 }, limit: 3 })).toEqual({
      ...{ index: 'port', kind: 'order', examined: 1000, sorted: true },
    });
    expect(things.explain({}, { sort: { port: 1, even: 1 } })).toMatchObject({ index: null, sorted: false });
  });

  it('serves equality on its first fields, a range on the next, and the order of those after', () => {
    const { things } = makeThings({ abc: { fields: ['a', 'b', 'c'], ordered: true } });
    for (let id = 0; id < 300; id++) things.insert({ id, a: id % 3, b: id % 5, c: `${id % 10}` });
    expect(things.explain({ a: 1 })).toMatchObject({ index: 'abc', kind: 'equality', examined: 100 });
    expect(things.explain({ a: 1, b: { $gt: 2 } })).toMatchObject({ kind: 'range', examined: 40 });
    expect(things.explain({ a: 1, b: 2, c: { $gte: '5' } })).toMatchObject({ kind: 'range', examined: 10 });
    expect(things.explain({ a: { $in: [0, 1] }, b: 2 })).toMatchObject({ kind: 'equality', examined: 40 });
    expect(things.explain({ b: 2 })).toMatchObject({ index: null });
    expect(things.explain({ a: 1, b: 2 }, { sort: { c: -1 }, limit: 4 })).toMatchObject({
      examined: 4,
      sorted: true,
    });
    expect(things.explain({ a: 1 }, { sort: { b: 1, c: 1 }, limit: 4 })).toMatchObject({
      examined: 4,
      sorted: true,
    });
    expect(things.explain({ a: 1 }, { sort: { b: 1, c: -1 }, limit: 4 })).toMatchObject({ sorted: false });
    expect(things.explain({ a: 1 }, { sort: { b: 1 }, limit: 4 })).toMatchObject({ sorted: false });
    // A field that is missing keeps nobody out of a prefix.
    things.insert({ id: 300, a: 9 });
    expect(ids(things.find({ a: 9 }))).toEqual([300]);
  });

  it('finds lists by an element in a range, where another element may keep the other end', () => {
    const { things } = makeThings(byPort);
    things.insert({ id: 1, port: [1, 9] });
    things.insert({ id: 2, port: [5, 6, 7] });
    things.insert({ id: 3, port: 5 });
    things.insert({ id: 4, port: [1] });
    expect(ids(things.find({ port: { $gt: 4, $lt: 8 } })).sort()).toEqual([1, 2, 3]);
    expect(ids(things.find({ port: { $elemMatch: { $gt: 4, $lt: 8 } } }))).toEqual([2]);
    expect(things.explain({ port: { $elemMatch: { $gt: 5, $lt: 7 } } })).toMatchObject({ examined: 1 });
    expect(things.count({ port: { $gt: 0 } })).toBe(4);
    expect(things.explain({}, { sort: { port: 1 } }).sorted).toBe(false);
    for (const id of [1, 2, 4]) things.remove(id);
    expect(things.explain({}, { sort: { port: 1 } }).sorted).toBe(true);
  });

  it('lets records be removed while iterating over them', () => {
    const { things } = makeThings({ even: { fields: ['even'], ordered: true } });
    for (let id = 0; id < 300; id++) things.insert({ id, even: id % 2 === 0 });
    for (const { id } of things.by('even', true)) things.remove(id);
    expect(ids(things.by('even', false))).toHaveLength(150);
    expect(things.size).toBe(150);
    for (const value of things.valuesOf('even')) things.by('even', value);
  });

  it('is unique where it says so', () => {
    const { things } = makeThings({ port: { fields: ['port'], ordered: true, unique: true } });
    things.insert({ id: 1, port: 80 });
    expect(codeOf(() => things.insert({ id: 2, port: 80 }))).toBe('DUPLICATE_KEY');
    things.insert({ id: 2 });
    things.insert({ id: 3, port: null });
    expect(things.getBy('port', 80)?.id).toBe(1);
    expect(ids(things.find({ port: { $gte: 80 } }))).toEqual([1]);
  });
});

describe('making and dropping indexes', () => {
  it('makes one of the records there are, says so in the definition, and keeps it after JSON', () => {
    const { db, instances } = makeInstances();
    for (let at = 1; at <= 20; at++) instances.insert(instance('payments', at, { tags: [`t${at % 4}`] }));
    expect(instances.createIndex('tag', { fields: ['tags'] })).toBe(true);
    expect(instances.createIndex('tag', { fields: ['tags'], unique: false })).toBe(false);
    expect(instances.countBy('tag', 't1')).toBe(5);
    expect(instances.definition.indexes.tag).toEqual({ fields: ['tags'], unique: false, ordered: false });
    const again = MicroDB.fromJSON(JSON.parse(JSON.stringify(db)));
    expect(again.collection('instances').countBy('tag', 't1')).toBe(5);
    expect(db.revision).toBe(20);
    instances.dropIndex('tag');
    expect(instances.definition.indexes.tag).toBeUndefined();
    expect(codeOf(() => instances.by('tag', 't1'))).toBe('INVALID_QUERY');
    expect(instances.find({ tags: 't1' })).toHaveLength(5);
    expect(Object.isFrozen(instances.definition)).toBe(true);
  });

  it('refuses what the records are not unique in, and changes nothing', () => {
    const { db, instances } = makeInstances();
    for (const at of [1, 2]) instances.insert(instance('payments', at, { port: 80 }));
    const before = JSON.stringify(db);
    for (const ordered of [false, true]) {
      const error = errorOf(() => instances.createIndex('only', { fields: ['port'], unique: true, ordered }));
      expect(error.code).toBe('DUPLICATE_KEY');
      expect(error.message).toContain('port 80');
    }
    expect(JSON.stringify(db)).toBe(before);
    expect(codeOf(() => instances.by('only', 80))).toBe('INVALID_QUERY');
    instances.insert(instance('payments', 3, { port: 80 }));
  });

  it('refuses lists that are too long, and changes nothing', () => {
    const { things } = makeThings();
    things.insert({ id: 1, tags: Array.from({ length: 1001 }, (_, at) => at) });
    for (const ordered of [false, true]) {
      expect(codeOf(() => things.createIndex('tag', { fields: ['tags'], ordered }))).toBe('INVALID_RECORD');
    }
    expect(things.definition.indexes).toEqual({});
  });

  it('makes and drops none of a collection that is gone', () => {
    const { db, instances } = makeInstances();
    db.dropCollection('instances');
    expect(codeOf(() => instances.createIndex('x', { fields: ['x'] }))).toBe('UNKNOWN_COLLECTION');
    expect(codeOf(() => instances.dropIndex('port'))).toBe('UNKNOWN_COLLECTION');
  });

  it('drops a unique index with what it forbade', () => {
    const { db, instances } = makeInstances();
    instances.insert(instance('payments', 1));
    instances.dropIndex('id');
    instances.insert({ ...instance('payments', 2), id: 1 });
    db.batch((batch) => batch.collection('instances').insert({ ...instance('payments', 3), id: 1 }));
    expect(instances.find({ id: 1 })).toHaveLength(3);
  });

  it.each([
    ['another definition', 'port', { fields: ['name'] }],
    ['another kind', 'port', { fields: ['port'], ordered: true }],
    ['a bad name', 'primary', { fields: ['name'] }],
    ['an unknown member', 'x', { fields: ['name'], sorted: true }],
    ['ordered that is no boolean', 'x', { fields: ['name'], ordered: 1 }],
  ])('refuses %s', (_, name, index) => {
    const { instances } = makeInstances();
    expect(codeOf(() => instances.createIndex(name, index as never))).toBe('INVALID_DEFINITION');
  });

  it('refuses more than 32 indexes, one that is not there, and both inside a batch', () => {
    const { db, instances } = makeInstances();
    for (let at = 3; at < 32; at++) instances.createIndex(`i${at}`, { fields: ['name'] });
    expect(codeOf(() => instances.createIndex('more', { fields: ['name'] }))).toBe('INVALID_DEFINITION');
    expect(errorOf(() => instances.dropIndex('prt')).message).toContain('Did you mean "port"');
    expect(codeOf(() => db.batch(() => instances.createIndex('x', { fields: ['x'] })))).toBe('INVALID_BATCH');
    expect(codeOf(() => db.batch(() => instances.dropIndex('port')))).toBe('INVALID_BATCH');
    expect(instances.definition.indexes.port).toBeDefined();
  });
});
