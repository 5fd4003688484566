import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commandSchema, MicroDB } from '../../../core/microdb/index.js';
import { instance, makeInstances } from './instances.js';

function filled() {
  const made = makeInstances();
  for (const at of [1, 2, 3]) made.instances.insert(instance('payments', at, { port: 80 + at }));
  return made;
}

const collection = 'instances';
const key = ['payments', '10.0.0.1:9000'];

describe('the JSON API', () => {
  it('makes a collection and says so, once', () => {
    const db = new MicroDB();
    const command = {
      op: 'createCollection',
      collection: 'a',
      key: ['id'],
      indexes: { x: { fields: ['x'] } },
    };
    expect(db.execute(command)).toEqual({ ok: true, revision: 0, created: true });
    expect(db.execute(command)).toEqual({ ok: true, revision: 0, created: false });
    expect(db.execute({ op: 'collections' })).toEqual({
      ok: true,
      revision: 0,
      collections: [
        { name: 'a', size: 0, key: ['id'], indexes: { x: { fields: ['x'], unique: false, ordered: false } } },
      ],
    });
  });

  it('writes and reads records', () => {
    const { db } = filled();
    const value = instance('orders', 4);
    expect(db.execute({ op: 'insert', collection, value })).toEqual({ ok: true, revision: 4, value });
    expect(db.execute({ op: 'put', collection, value })).toEqual({ ok: true, revision: 5, value });
    expect(db.execute({ op: 'get', collection, key })).toMatchObject({ ok: true, value: { id: 1 } });
    expect(db.execute({ op: 'get', collection, key: ['a', 'b'] })).toMatchObject({ ok: true, value: null });
    const updated = db.execute({ op: 'update', collection, key, patch: { id: 9 }, unset: ['port'] });
    expect(updated).toEqual({ ok: true, revision: 6, value: { ...instance('payments', 1), id: 9 } });
    expect(db.execute({ op: 'remove', collection, key })).toMatchObject({ ok: true, value: { id: 9 } });
    expect(db.execute({ op: 'remove', collection, key })).toEqual({ ok: true, revision: 7, value: null });
    expect(db.execute({ op: 'put', collection, value, revision: 20 })).toMatchObject({
      ok: true,
      revision: 20,
    });
  });

  it('finds, counts and explains', () => {
    const { db } = filled();
    const query = { name: 'payments', port: { $gt: 81 } };
    const found = db.execute({ op: 'find', collection, query, sort: { port: -1 }, limit: 1 });
    expect(found).toMatchObject({ ok: true, records: [{ id: 3 }], more: true });
    expect(db.execute({ op: 'find', collection, query, skip: 1 })).toMatchObject({
      records: [{ id: 3 }],
      more: false,
    });
    expect(db.execute({ op: 'count', collection, query })).toEqual({ ok: true, revision: 3, count: 2 });
    expect(db.execute({ op: 'explain', collection, query })).toMatchObject({ index: 'name', examined: 3 });
  });

  it('makes an index of what is there, explains with it, and drops it', () => {
    const { db } = filled();
    const definition = { fields: ['port'], ordered: true };
    const create = { op: 'createIndex', collection, index: 'ports', definition };
    const explain = { op: 'explain', collection, query: { port: { $gt: 81 } }, sort: { port: -1 }, limit: 1 };
    expect(db.execute(create)).toEqual({ ok: true, revision: 3, created: true });
    expect(db.execute(create)).toEqual({ ok: true, revision: 3, created: false });
    expect(db.execute(explain)).toEqual({
      ...{ ok: true, revision: 3 },
      ...{ index: 'ports', kind: 'range', examined: 1, sorted: true },
    });
    expect(db.execute({ op: 'dropIndex', collection, index: 'ports' })).toMatchObject({ dropped: true });
    expect(db.execute(explain)).toMatchObject({ index: null, kind: 'scan', examined: 3, sorted: false });
    const unknown = db.execute({ op: 'dropIndex', collection, index: 'prt' });
    expect(unknown).toMatchObject({ ok: false, error: { code: 'INVALID_QUERY' } });
    const other = db.execute({ ...create, index: 'name' });
    expect(other).toMatchObject({ ok: false, error: { code: 'INVALID_DEFINITION' } });
    const batch = db.execute({ op: 'batch', commands: [create] });
    expect(batch).toMatchObject({ ok: false, error: { code: 'INVALID_COMMAND' } });
  });

  it('answers at most 1000 records unless told otherwise, and says that there are more', () => {
    const db = new MicroDB();
    const things = db.collection<{ id: number }>('things', { key: ['id'] });
    for (let id = 0; id < 1001; id++) things.insert({ id });
    const result = db.execute({ op: 'find', collection: 'things' });
    expect(result).toMatchObject({ more: true });
    expect('records' in result && result.records.length).toBe(1000);
    expect(db.execute({ op: 'find', collection: 'things', limit: 1001 })).toMatchObject({ more: false });
    expect(db.execute({ op: 'find', collection: 'things', limit: 10_001 })).toMatchObject({ ok: false });
  });

  it('gives the changes since a revision', () => {
    const { db } = filled();
    expect(db.execute({ op: 'changes', since: 2 })).toMatchObject({ ok: true, changes: [{ revision: 3 }] });
    expect(db.execute({ op: 'changes', since: 9 })).toEqual({ ok: true, revision: 3, compacted: true });
  });

  it('runs a batch wholly', () => {
    const { db } = filled();
    const commands = [
      { op: 'insert', collection, value: instance('orders', 4) },
      { op: 'update', collection, key, patch: { port: 1 } },
      { op: 'remove', collection, key: ['payments', '10.0.0.2:9000'] },
      { op: 'count', collection },
    ];
    expect(db.execute({ op: 'batch', commands })).toMatchObject({
      ok: true,
      revision: 4,
      results: [{ value: { id: 4 } }, { value: { port: 1 } }, { value: { id: 2 } }, { count: 3 }],
    });
  });

  it('runs a batch not at all when a command fails, and says which', () => {
    const { db } = filled();
    const before = JSON.stringify(db);
    const commands = [
      { op: 'remove', collection, key },
      { op: 'insert', collection, value: { ...instance('orders', 4), id: 2 } },
    ];
    expect(db.execute({ op: 'batch', commands })).toMatchObject({
      ok: false,
      error: { code: 'DUPLICATE_KEY', command: 1 },
    });
    expect(JSON.stringify(db)).toBe(before);
  });

  it.each([
    ['nothing', undefined, 'INVALID_COMMAND', 'undefined'],
    ['a list', [], 'INVALID_COMMAND', 'list|array'],
    ['no operation', {}, 'INVALID_COMMAND', 'op'],
    ['a misspelt operation', { op: 'instert' }, 'INVALID_COMMAND', 'Did you mean "insert"'],
    ['an unknown member', { op: 'get', collection, key, limit: 1 }, 'INVALID_COMMAND', 'limit'],
    ['a missing member', { op: 'get', collection }, 'INVALID_COMMAND', 'key'],
    ['a value that is none', { op: 'put', collection, value: 1 }, 'INVALID_COMMAND', 'value'],
    [
      'a batch in a batch',
      { op: 'batch', commands: [{ op: 'batch', commands: [] }] },
      'INVALID_COMMAND',
      'commands',
    ],
    ['an unknown collection', { op: 'count', collection: 'x' }, 'UNKNOWN_COLLECTION', '"x"'],
    ['an unknown operator', { op: 'count', collection, query: { a: { $x: 1 } } }, 'INVALID_QUERY', r('$x')],
    ['code', { op: 'count', collection, query: { $where: '1' } }, 'INVALID_QUERY', r('$where')],
    ['a key of one part', { op: 'get', collection, key: 'a' }, 'INVALID_QUERY', 'key'],
    ['a record without key', { op: 'put', collection, value: {} }, 'INVALID_RECORD', 'name'],
    ['an unknown record', { op: 'update', collection, key: ['a', 'b'], patch: {} }, 'NOT_FOUND', 'key'],
    [
      '__proto__',
      JSON.parse('{"op":"count","collection":"instances","query":{"__proto__":1}}'),
      'INVALID_COMMAND',
      '__proto__',
    ],
    ['an old revision', { op: 'remove', collection, key, revision: 1 }, 'INVALID_REVISION', '1'],
    [
      'a bad definition',
      { op: 'createCollection', collection: 'b', key: ['a.b'] },
      'INVALID_DEFINITION',
      'a.b',
    ],
  ])('answers an error for %s', (_, command, code, words) => {
    const { db } = filled();
    const before = JSON.stringify(db);
    const result = db.execute(command);
    expect(result).toMatchObject({ ok: false, error: { code } });
    expect('error' in result && result.error.message).toMatch(new RegExp(words));
    expect(JSON.stringify(db)).toBe(before);
  });

  it('answers an error for what is far too deep', () => {
    const { db } = filled();
    const query = JSON.parse(`${'{"$and":['.repeat(5000)}{}${']}'.repeat(5000)}`);
    expect(db.execute({ op: 'count', collection, query })).toMatchObject({
      error: { code: 'INVALID_COMMAND' },
    });
  });

  it('never throws, whatever it is given', () => {
    const { db } = filled();
    const word = fc.constantFrom(
      'insert',
      'find',
      'batch',
      'update',
      'instances',
      '$and',
      '$in',
      '$regex',
      '(',
      'name',
    );
    const json = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        word,
        fc.integer(),
        fc.constant(null),
        tie('list'),
        tie('object'),
      ),
      list: fc.array(tie('value'), { maxLength: 3 }),
      object: fc.dictionary(word, tie('value'), { maxKeys: 4 }),
    }));
    const op = fc.constantFrom(...commandSchema.options.map((option) => option.shape.op.value));
    const near = fc.record(
      {
        ...{
          op,
          collection: fc.constant(collection),
          query: json.object,
          key: json.value,
          value: json.object,
        },
        ...{ index: fc.constantFrom('id', 'name'), values: json.list, patch: json.object, since: fc.nat(4) },
      },
      { requiredKeys: ['op'] },
    );
    fc.assert(
      fc.property(fc.oneof(near, json.value, fc.anything()), (command) => {
        expect(typeof db.execute(command).ok).toBe('boolean');
      }),
      { numRuns: 500 },
    );
  });
});

/** A word as a pattern that matches just it. */
function r(word: string): string {
  return word.replace('$', '\\$');
}
