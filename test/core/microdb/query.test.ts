import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MicroDB } from '../../../core/microdb/index.js';
import { codeOf, errorOf, instance, makeInstances } from './instances.js';

function filled() {
  const made = makeInstances();
  for (let at = 1; at <= 30; at++) {
    const tags = at % 2 === 0 ? ['even', `t${at % 5}`] : ['odd'];
    made.instances.insert(instance(`service-${at % 3}`, at, { port: 9000 + (at % 10), tags }));
  }
  return made;
}

describe('finding records', () => {
  it.each([
    [{ name: 'service-1' }, 10],
    [{ name: 'service-1', port: { $gt: 9005 } }, 4],
    [{ name: { $in: ['service-1', 'service-2', 'service-2', 'none'] } }, 20],
    [{ name: 'service-1', instance: '10.0.0.1:9000' }, 1],
    [{ id: 7 }, 1],
    [{ id: { $in: [1, 2, 99] } }, 2],
    [{ id: '7' }, 0],
    [{ tags: 'even' }, 15],
    [{ tags: { $all: ['even', 't0'] } }, 3],
    [{ tags: { $size: 1 } }, 15],
    [{ tags: ['odd'] }, 15],
    [{ $or: [{ id: 1 }, { id: 2 }] }, 2],
    [{ $and: [{ name: 'service-1' }, { port: 9001 }] }, 1],
    [{ $nor: [{ name: 'service-1' }] }, 20],
    [{ name: { $not: { $eq: 'service-1' } } }, 20],
    [{ name: { $regex: '^SERVICE-1', $options: 'i' } }, 10],
    [{ port: { $mod: [10, 3] } }, 3],
    [{ missing: { $exists: false } }, 30],
    [{ missing: null }, 30],
    [{ port: { $type: 'number' } }, 30],
    [{ tags: { $elemMatch: { $eq: 'odd' } } }, 15],
    [{ 'tags.0': 'odd' }, 15],
    [{}, 30],
  ])('answers %j', (query, count) => {
    const { instances } = filled();
    expect(instances.find(query)).toHaveLength(count);
    expect(instances.count(query)).toBe(count);
  });

  it('sorts by several fields, then by key, and cuts', () => {
    const { instances } = filled();
    const found = instances.find(
      { name: { $in: ['service-1', 'service-2'] } },
      { sort: { port: -1, name: 1 }, limit: 3 },
    );
    // 9, 19 and 29 have port 9009; 9 is of service-0.
    expect(found.map(({ name, port, id }) => [name, port, id])).toEqual([
      ['service-1', 9009, 19],
      ['service-2', 9009, 29],
      ['service-1', 9008, 28],
    ]);
    const ports = instances.find({}, { sort: { port: -1 } }).map(({ port }) => port ?? 0);
    expect(ports).toEqual(ports.toSorted((a, b) => b - a));
    const page = instances.find({}, { sort: { id: 1 }, skip: 10, limit: 5 }).map(({ id }) => id);
    expect(page).toEqual([11, 12, 13, 14, 15]);
  });

  it('gives the same first ones of an order as sorting all would, however many are asked for', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ port: fc.nat(5), tags: fc.constantFrom(['a'], ['b']) }), { maxLength: 60 }),
        fc.nat(70),
        fc.nat(70),
        (rows, skip, limit) => {
          const { instances } = makeInstances();
          for (const [at, row] of rows.entries()) instances.insert(instance('payments', at + 1, row));
          const sort = { port: -1, 'tags.0': 1 } as const;
          const all = instances.find({}, { sort });
          expect(instances.find({}, { sort, skip, limit })).toEqual(all.slice(skip, skip + limit));
        },
      ),
    );
  });

  it('takes no longer over a pattern that keeps a backtracking engine busy for years', () => {
    const { instances } = makeInstances();
    instances.insert(instance('payments', 1, { meta: { text: `${'a'.repeat(200)}!` } }));
    for (const $regex of ['^(a+)+$', '^(a|aa)+$', '^(a|a?)+$', '(.*a){60}b']) {
      expect(instances.find({ 'meta.text': { $regex } })).toEqual([]);
    }
    expect(instances.find({ 'meta.text': { $regex: '^a+!$' } })).toHaveLength(1);
  });

  it('orders by key what the sort leaves equal, whichever index found it', () => {
    const { instances } = makeInstances();
    for (const at of [3, 1, 2]) instances.insert(instance('payments', at, { port: 80 }));
    for (const query of [{}, { port: 80 }, { name: 'payments' }]) {
      expect(instances.find(query, { sort: { port: -1 } }).map(({ id }) => id)).toEqual([1, 2, 3]);
    }
  });

  it('puts missing before numbers, strings and booleans when it sorts', () => {
    const db = new MicroDB();
    const things = db.collection<{ id: number; v?: unknown }>('things', { key: ['id'] });
    for (const [id, v] of [true, 'b', 2, null, 'a', 1, undefined, false].entries()) things.insert({ id, v });
    const sorted = things.find({}, { sort: { v: 1 } }).map(({ v }) => v);
    expect(sorted).toEqual([null, undefined, 1, 2, 'a', 'b', false, true]);
  });

  it('skips and limits without a sort too', () => {
    const { instances } = filled();
    expect(instances.find({}, { skip: 28, limit: 10 }).map(({ id }) => id)).toEqual([29, 30]);
    expect(instances.find({ name: 'service-1' }, { limit: 0 })).toEqual([]);
  });

  it('takes queries made of objects without a prototype', () => {
    const { instances } = filled();
    const bare = (members: object) => Object.assign(Object.create(null), members);
    expect(instances.find(bare({ name: 'service-1', port: bare({ $gt: 9005 }) }))).toHaveLength(4);
    expect(instances.find(bare({ $or: [bare({ id: 1 }), bare({ id: 2 })] }))).toHaveLength(2);
  });

  it('finds records by an element of a list in an indexed field', () => {
    const db = new MicroDB();
    const things = db.collection('things', { key: ['id'], indexes: { tag: { fields: ['tag'] } } });
    things.insert({ id: 1, tag: 'a' });
    things.insert({ id: 2, tag: ['a', 'b'] });
    things.insert({ id: 3, tag: null });
    things.insert({ id: 4 });
    expect(things.find({ tag: 'a' }).map(({ id }) => id)).toEqual([1, 2]);
    expect(things.find({ tag: null }).map(({ id }) => id)).toEqual([3, 4]);
    expect(things.explain({ tag: null }).index).toBeNull();
    things.put({ id: 2, tag: 'b' });
    expect(things.find({ tag: 'a' }).map(({ id }) => id)).toEqual([1]);
  });

  it('refuses the misspelt operator with the right one', () => {
    const { instances } = filled();
    const error = errorOf(() => instances.find({ port: { $gtt: 80 } }));
    expect(error.code).toBe('INVALID_QUERY');
    expect(error.message).toContain('"$gtt"');
    expect(error.message).toContain('Did you mean "$gt"');
  });

  it('refuses to run code', () => {
    const { instances } = filled();
    expect(errorOf(() => instances.find({ $where: 'process.exit(1)' })).message).toContain('$where');
    expect(codeOf(() => instances.find({ name: { $where: () => true } }))).toBe('INVALID_QUERY');
    expect(codeOf(() => instances.find({ name: () => true }))).toBe('INVALID_QUERY');
  });

  it.each([
    ['no object', null],
    ['a list', []],
    ['undefined, which would match what is missing', { name: undefined }],
    ['a RegExp', { name: /x/ }],
    ['a date', { name: new Date(0) }],
    ['operators mixed with members', { meta: { $gt: 1, a: 1 } }],
    ['$in without a list', { name: { $in: 'a' } }],
    ['operators within $in', { name: { $in: [{ $gt: 1 }] } }],
    ['$gt of null', { port: { $gt: null } }],
    ['an empty $or', { $or: [] }],
    ['$and of scalars', { $and: ['a'] }],
    ['$or on a field', { port: { $or: [{ $gt: 1 }] } }],
    ['$size of a string', { tags: { $size: '1' } }],
    ['$mod by nothing', { port: { $mod: [] } }],
    ['$exists of a string', { port: { $exists: 'yes' } }],
    ['an unknown $type', { port: { $type: 'date' } }],
    ['a broken $regex', { name: { $regex: '(' } }],
    ['a $regex with lookaround', { name: { $regex: '(?=a)' } }],
    ['a $regex that refers back', { name: { $regex: '(a)\\1' } }],
    ['too many $regex', { $or: Array.from({ length: 9 }, (_, at) => ({ name: { $regex: `^${at}` } })) }],
    ['a long $regex', { name: { $regex: 'x'.repeat(257) } }],
    ['$options alone', { name: { $options: 'i' } }],
    ['$options that keep a place', { name: { $regex: 'a', $options: 'g' } }],
    ['$elemMatch of a scalar', { tags: { $elemMatch: 1 } }],
    ['a field every object has', { constructor: 'x' }],
    ['a path into it', { 'meta.__proto__.x': 'x' }],
    ['a class of sift', { tags: { $Size: 1 } }],
  ])('refuses a query with %s', (_, query) => {
    const { instances } = filled();
    expect(codeOf(() => instances.find(query as never))).toBe('INVALID_QUERY');
    expect(codeOf(() => instances.count(query as never))).toBe('INVALID_QUERY');
    expect(codeOf(() => instances.explain(query as never))).toBe('INVALID_QUERY');
  });

  it('refuses a query that is too deep or too large', () => {
    const { instances } = filled();
    let deep: Record<string, unknown> = { id: 1 };
    for (let level = 0; level < 40; level++) deep = { $and: [deep] };
    expect(codeOf(() => instances.find(deep))).toBe('INVALID_QUERY');
    expect(codeOf(() => instances.find({ id: { $in: Array.from({ length: 20_001 }, (_, at) => at) } }))).toBe(
      'INVALID_QUERY',
    );
  });

  it.each([
    [{ limit: -1 }],
    [{ limit: '10' }],
    [{ skip: 0.5 }],
    [{ sort: { id: 2 } }],
    [{ sort: ['id'] }],
    [{ sort: { valueOf: 1 } }],
    [{ order: { id: 1 } }],
    [null],
  ])('refuses the options %j', (options) => {
    const { instances } = filled();
    expect(codeOf(() => instances.find({ name: 'service-1' }, options as never))).toBe('INVALID_QUERY');
  });
});

describe('explaining a query', () => {
  it.each([
    [{ name: 'service-1' }, { index: 'name', examined: 10 }],
    [
      { name: 'service-1', port: { $gt: 1 } },
      { index: 'name', examined: 10 },
    ],
    [
      { name: 'service-1', port: 9001 },
      { index: 'port', examined: 3 },
    ],
    [
      { id: { $eq: 7 }, name: 'service-1' },
      { index: 'id', examined: 1 },
    ],
    [
      { name: 'service-1', instance: '10.0.0.1:9000' },
      { index: 'primary', examined: 1 },
    ],
    [
      { name: 'service-1', instance: { $in: ['10.0.0.1:9000', 'x'] } },
      { index: 'primary', examined: 1 },
    ],
    [{ $and: [{ name: 'service-1' }] }, { index: 'name', examined: 10 }],
    [{ port: { $gt: 9000 } }, { index: null, examined: 30 }],
    [{ $or: [{ name: 'service-1' }] }, { index: 'name', examined: 10, kind: 'union' }],
    [{ $or: [{ name: 'service-1' }, { tags: 'odd' }] }, { index: null, examined: 30, kind: 'scan' }],
    [{ $or: [{ id: 1 }, { port: 9003 }] }, { index: 'id, port', examined: 4 }],
  ])('names the index and the records looked at for %j', (query, expected) => {
    expect(filled().instances.explain(query)).toMatchObject(expected);
  });

  it('uses an index on several fields when the query has all of them', () => {
    const db = new MicroDB();
    const things = db.collection('things', { key: ['id'], indexes: { both: { fields: ['a', 'b'] } } });
    for (let id = 0; id < 20; id++) things.insert({ id, a: id % 2, b: `${id % 3}` });
    expect(things.explain({ a: 1, b: '1' })).toMatchObject({ index: 'both', examined: 4 });
    expect(things.find({ a: 1, b: '1' }).map(({ id }) => id)).toEqual([1, 7, 13, 19]);
    expect([...things.by('both', 1, '1')].map(({ id }) => id)).toEqual([1, 7, 13, 19]);
    expect(things.explain({ a: 1 }).index).toBeNull();
    expect(codeOf(() => things.valuesOf('both'))).toBe('INVALID_QUERY');
  });
});
