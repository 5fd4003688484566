import { describe, expect, it } from 'vitest';
import { MicroDB } from '../../../core/microdb/index.js';
import { instance, makeInstances } from './instances.js';

const collection = 'instances';

function filled() {
  const made = makeInstances();
  for (const at of [1, 2, 3]) made.instances.insert(instance('payments', at, { port: 80 + (at % 2) }));
  return made;
}

/** A database with so many records in one collection, made in one commit. */
function crowd(size: number, ringSize?: number): MicroDB {
  const db = new MicroDB(ringSize === undefined ? {} : { ringSize });
  const definition = { key: ['id'], indexes: { kind: { fields: ['kind'] }, even: { fields: ['even'] } } };
  db.collection('things', definition);
  db.batch((batch) => {
    const things = batch.collection('things');
    for (let id = 0; id < size; id++) things.insert({ id, kind: `k${id}`, even: id % 2 === 0 });
  });
  return db;
}

describe('reading an index by the JSON API', () => {
  it('gives the record of a unique index', () => {
    const { db } = filled();
    const command = { op: 'getBy', collection, index: 'id' };
    expect(db.execute({ ...command, values: [2] })).toMatchObject({ ok: true, value: { id: 2 } });
    expect(db.execute({ ...command, values: [9] })).toEqual({ ok: true, revision: 3, value: null });
    expect(db.execute({ ...command, index: 'name', values: ['payments'] })).toMatchObject({
      error: { code: 'INVALID_QUERY' },
    });
  });

  it('gives and counts the records of any index, a page at a time', () => {
    const { db } = filled();
    const command = { op: 'by', collection, index: 'port', values: [81] };
    expect(db.execute(command)).toMatchObject({ records: [{ id: 1 }, { id: 3 }], more: false });
    expect(db.execute({ ...command, limit: 1 })).toMatchObject({ records: [{ id: 1 }], more: true });
    expect(db.execute({ ...command, limit: 1, skip: 1 })).toMatchObject({
      records: [{ id: 3 }],
      more: false,
    });
    expect(db.execute({ ...command, limit: 0 })).toMatchObject({ records: [], more: true });
    expect(db.execute({ ...command, op: 'countBy' })).toEqual({ ok: true, revision: 3, count: 2 });
  });

  it('gives the values that it holds, a page at a time', () => {
    const db = crowd(1001);
    const command = { op: 'valuesOf', collection: 'things', index: 'kind' };
    const first = db.execute(command);
    expect('values' in first && first.values.length).toBe(1000);
    expect(first).toMatchObject({ more: true });
    expect(db.execute({ ...command, skip: 1000 })).toMatchObject({ values: ['k1000'], more: false });
    expect(db.execute({ ...command, limit: 10_001 })).toMatchObject({ error: { code: 'INVALID_COMMAND' } });
  });
});

describe('changing many records by the JSON API', () => {
  it('updates those a query asks for in one commit', () => {
    const { db, instances } = filled();
    const command = { op: 'updateMany', collection, query: { port: 81 }, patch: { tags: ['a'] } };
    expect(db.execute({ ...command, unset: ['port'] })).toEqual({
      ...{ ok: true, revision: 4, count: 2, more: false },
    });
    expect(instances.find({ tags: 'a' }).map(({ id, port }) => [id, port])).toEqual([
      [1, undefined],
      [3, undefined],
    ]);
    expect(db.execute(command)).toEqual({ ok: true, revision: 4, count: 0, more: false });
  });

  it('removes those a query asks for, no more at once than it is told to', () => {
    const { db, instances } = filled();
    const command = { op: 'removeMany', collection, query: { name: 'payments' }, limit: 2 };
    expect(db.execute(command)).toEqual({ ok: true, revision: 4, count: 2, more: true });
    expect(db.execute(command)).toEqual({ ok: true, revision: 5, count: 1, more: false });
    expect(instances.size).toBe(0);
  });

  it('changes all of them or none', () => {
    const { db } = filled();
    const before = JSON.stringify(db);
    const patch = { id: 7 };
    expect(db.execute({ op: 'updateMany', collection, query: {}, patch })).toMatchObject({
      error: { code: 'DUPLICATE_KEY' },
    });
    expect(JSON.stringify(db)).toBe(before);
  });

  it('asks for a query, so that one left out by mistake changes nothing', () => {
    const { db } = filled();
    for (const command of [
      { op: 'removeMany', collection },
      { op: 'updateMany', collection, patch: { port: 1 } },
    ]) {
      expect(db.execute(command)).toMatchObject({ error: { code: 'INVALID_COMMAND' } });
    }
  });

  it('refuses more than 10,000 without a limit, as the rest would be left without a word', () => {
    const db = crowd(10_001);
    const command = { op: 'removeMany', collection: 'things', query: {} };
    expect(db.execute(command)).toMatchObject({ error: { code: 'LIMIT_REACHED' } });
    expect(db.collection('things').size).toBe(10_001);
    expect(db.execute({ ...command, limit: 10_000 })).toMatchObject({ count: 10_000, more: true });
    expect(db.execute(command)).toMatchObject({ count: 1, more: false });
  });

  it('works in a batch, which sees what was changed before', () => {
    const { db } = filled();
    const commands = [
      { op: 'removeMany', collection, query: { port: 80 } },
      { op: 'updateMany', collection, query: {}, patch: { port: 9 } },
      { op: 'count', collection, query: { port: 9 } },
    ];
    expect(db.execute({ op: 'batch', commands })).toEqual({
      ok: true,
      revision: 4,
      results: [{ count: 1, more: false }, { count: 2, more: false }, { count: 2 }],
    });
  });
});

describe('what the JSON API answers', () => {
  it('is bounded for a batch as well', () => {
    const db = crowd(10_000);
    const find = { op: 'find', collection: 'things', limit: 10_000 };
    const ten = Array.from({ length: 10 }, () => find);
    expect(db.execute({ op: 'batch', commands: ten })).toMatchObject({ ok: true });
    const remove = { op: 'removeMany', collection: 'things', query: { even: true } };
    expect(db.execute({ op: 'batch', commands: [...ten, remove] })).toMatchObject({
      error: { code: 'LIMIT_REACHED', command: 10 },
    });
    expect(db.collection('things').size).toBe(10_000);
  });

  it('is a page of the changes, whole commits only', () => {
    const { db, instances } = filled();
    db.batch((batch) => {
      for (const at of [4, 5]) batch.collection(collection).insert({ ...instance('payments', at) });
    });
    instances.insert(instance('payments', 6));
    const command = { op: 'changes', since: 2, limit: 2 };
    expect(db.execute(command)).toMatchObject({ changes: [{ revision: 3 }], next: 3, more: true });
    expect(db.execute({ ...command, since: 3, limit: 1 })).toMatchObject({
      changes: [{ revision: 4 }, { revision: 4 }],
      ...{ next: 4, more: true },
    });
    expect(db.execute({ ...command, since: 4 })).toMatchObject({
      changes: [{ revision: 5 }],
      ...{ next: 5, more: false },
    });
    expect(db.execute({ ...command, since: 5 })).toMatchObject({ changes: [], next: 5, more: false });
    for (const limit of [0, 10_001]) {
      expect(db.execute({ ...command, limit })).toMatchObject({ error: { code: 'INVALID_COMMAND' } });
    }
  });

  it('is word that they are lost where one commit alone is too large to answer', () => {
    const db = crowd(10_001, 20_000);
    expect(db.execute({ op: 'changes', since: 0 })).toEqual({ ok: true, revision: 1, compacted: true });
    const fits = crowd(10_000, 20_000).execute({ op: 'changes', since: 0 });
    expect('changes' in fits && fits.changes.length).toBe(10_000);
  });
});

it('drops a collection by the JSON API', () => {
  const { db } = filled();
  const command = { op: 'dropCollection', collection };
  expect(db.execute(command)).toEqual({ ok: true, revision: 4, dropped: true });
  expect(db.execute(command)).toEqual({ ok: true, revision: 4, dropped: false });
  expect(db.execute({ op: 'collections' })).toMatchObject({ collections: [] });
});

interface Answer {
  readonly revision: number;
  readonly records: readonly { readonly id: number }[];
  readonly changes: readonly { readonly key: readonly [number]; readonly value: unknown }[];
  readonly more: boolean;
  readonly next: number;
}

it('lets a copy be made page by page while others write, as the docs say', () => {
  const db = crowd(100);
  const copy = new Map<unknown, unknown>();
  const ask = (command: object) => db.execute(command) as unknown as Answer;
  let since = 0;
  let round = 0;
  for (let last = -1, isDone = false; !isDone; round++) {
    const query = { id: { $gt: last } };
    const { records, more, revision } = ask({
      op: 'find',
      collection: 'things',
      query,
      sort: { id: 1 },
      limit: 7,
    });
    since ||= revision;
    for (const record of records) {
      copy.set(record.id, record);
      last = record.id;
    }
    isDone = !more;
    // Some of what was read, of what is still to be read, and of neither.
    ask({ op: 'remove', collection: 'things', key: round * 3 });
    ask({ op: 'remove', collection: 'things', key: 99 - round * 2 });
    ask({ op: 'put', collection: 'things', value: { id: round * 5, kind: 'new' } });
    ask({ op: 'insert', collection: 'things', value: { id: -round - 1 } });
  }
  expect(round).toBeGreaterThan(10);
  for (let more = true; more; ) {
    const answer = ask({ op: 'changes', since, collection: 'things', limit: 5 });
    for (const { key, value } of answer.changes) {
      if (value === null) copy.delete(key[0]);
      else copy.set(key[0], value);
    }
    since = answer.next;
    more = answer.more;
  }
  const byId = (a: unknown, b: unknown) => (a as { id: number }).id - (b as { id: number }).id;
  expect([...copy.values()].sort(byId)).toEqual([...db.collection('things')].sort(byId));
});
