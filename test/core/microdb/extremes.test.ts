import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../core/json.js';
import { MicroDB, type MicroDBError } from '../../../core/microdb/index.js';

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as MicroDBError).code;
  }
  return 'nothing was thrown';
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

describe('what would take for ever', () => {
  const fields = ['a', 'b', 'c'];

  it('long lists in some fields of an index, of which another is missing, make no entries', () => {
    const things = new MicroDB().collection<JsonObject>('things', {
      key: ['id'],
      indexes: { i: { fields } },
    });
    things.insert({ id: 1, a: numbers(40_000), b: numbers(40_000) });
    expect(things.size).toBe(1);
    expect(things.find({ a: 1, b: 1, c: 1 })).toEqual([]);
  });

  it('long $in lists beside an empty one find nothing', () => {
    const things = new MicroDB().collection<JsonObject>('things', {
      key: ['id'],
      indexes: { i: { fields } },
    });
    things.insert({ id: 1, a: 1, b: 1, c: 1 });
    const $in = numbers(9_000);
    expect(things.find({ a: { $in }, b: { $in }, c: { $in: [] } })).toEqual([]);
  });

  it('a large patch for many records is refused', () => {
    const db = new MicroDB();
    const things = db.collection<JsonObject>('things', { key: ['id'] });
    for (let id = 0; id < 1_000; id += 1) things.insert({ id });
    const patch = { list: numbers(5_000) };
    const refused = db.execute({ op: 'updateMany', collection: 'things', query: {}, patch });
    expect(refused).toMatchObject({ ok: false, error: { code: 'LIMIT_REACHED' } });
    expect(things.get(1)).toEqual({ id: 1 });
    const taken = db.execute({ op: 'updateMany', collection: 'things', query: {}, patch, limit: 10 });
    expect(taken).toMatchObject({ ok: true, count: 10 });
  });

  it('going through the values of a unique index on lists ends, though records are put meanwhile', () => {
    const things = new MicroDB().collection<JsonObject>('things', {
      key: ['id'],
      indexes: { tag: { fields: ['tags'], unique: true } },
    });
    things.insert({ id: 1, tags: ['a', 'b'] });
    let met = 0;
    for (const _ of things.valuesOf('tag')) {
      met += 1;
      things.update(1, { n: met });
      if (met > 10) break;
    }
    expect(met).toBe(2);
    things.update(1, { tags: ['b', 'c'] });
    expect([...things.valuesOf('tag')]).toEqual(['b', 'c']);
    expect(things.getBy('tag', 'a')).toBeUndefined();
  });
});

describe('what would be the end', () => {
  it('a revision after which no other could be told from it is refused', () => {
    const db = new MicroDB();
    const things = db.collection<JsonObject>('things', { key: ['id'] });
    expect(codeOf(() => things.put({ id: 1 }, { revision: Number.MAX_SAFE_INTEGER }))).toBe(
      'INVALID_REVISION',
    );
    expect(codeOf(() => db.startAt(Number.MAX_SAFE_INTEGER))).toBe('INVALID_REVISION');
    things.put({ id: 1 }, { revision: 2 ** 52 });
    things.put({ id: 2 });
    expect(db.revision).toBe(2 ** 52 + 1);
  });

  it('a command that is wrong in a hundred thousand places is answered in a few lines', () => {
    const unset = numbers(100_000);
    const answer = new MicroDB().execute({ op: 'update', collection: 'things', key: 1, patch: {}, unset });
    expect(answer).toMatchObject({ ok: false, error: { code: 'INVALID_COMMAND' } });
    expect(JSON.stringify(answer).length).toBeLessThan(2_000);
  });
});
