import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type BatchCollection,
  type Change,
  type Collection,
  type IndexDefinition,
  MicroDB,
  MicroDBError,
  type Scalar,
} from '../../../core/microdb/index.js';
import { elements, Model, type Step, sortedJson, type Thing, type Write } from './model.js';
import { batchWrites, commits, indexes, options, query, scalar, step, thing } from './things.js';

function makeThings(given: { readonly [name: string]: IndexDefinition }) {
  const db = new MicroDB({ ringSize: 20 });
  const things = db.collection<Thing>('things', { key: ['a', 'b'], indexes: { ...given } });
  return { db, things, model: new Model(given) };
}
type Made = ReturnType<typeof makeThings>;

function write(writer: Collection<Thing> | BatchCollection<Thing>, one: Write): void {
  if (one.op === 'insert') writer.insert(one.value);
  else if (one.op === 'put') writer.put(one.value);
  else if (one.op === 'update') writer.update([one.a, one.b], one.patch);
  else writer.remove(one.a, one.b);
}

function run({ db, things }: Made, one: Step): void {
  if (one.op === 'createIndex') things.createIndex(one.name, one.index);
  else if (one.op === 'dropIndex') things.dropIndex(one.name);
  else if (!one.isBatch) write(things, one.writes[0] as Write);
  else {
    db.batch((batch) => {
      for (const each of one.writes) write(batch.collection<Thing>('things'), each);
      if (one.fails) throw 'meant to fail';
    });
  }
}

/** The code of what something throws, null where it throws nothing; what is thrown by mistake is not caught. */
function codeOf(attempt: () => void): string | null {
  try {
    attempt();
    return null;
  } catch (error) {
    if (error instanceof MicroDBError) return error.code;
    if (typeof error === 'string') return error;
    throw error;
  }
}

/** Does the same to the database and to its model, which must agree on how it ends. */
function runBoth(made: Made, one: Step): string | null {
  const code = codeOf(() => run(made, one));
  expect(code).toBe(codeOf(() => made.model.run(one)));
  return code;
}

/** Everything the indexes say, in an order that says whether anything was touched. */
function contents({ things, model }: Made): string {
  const values = ['p', 'q', 1, '1', true, 0] as Scalar[];
  const answers = [...model.indexes].map(([name, { fields }]) =>
    values.map((value) => [...things.by(name, ...fields.map(() => value))]),
  );
  return JSON.stringify([things.definition, answers]);
}

/** Holds every index against a look at each record. */
function checkIndexes({ things, model }: Made, values: readonly Scalar[]): void {
  expect(Object.keys(things.definition.indexes).sort()).toEqual([...model.indexes.keys()].sort());
  for (const [name, { fields, unique }] of model.indexes) {
    const asked = fields.map((_, at) => values[at] as Scalar);
    const expected = model.records.filter((record) =>
      fields.every((field, at) => elements(record[field]).includes(asked[at])),
    );
    expect(sortedJson(things.by(name, ...asked))).toEqual(sortedJson(expected));
    expect(things.by(name, ...asked).size).toBe(expected.length);
    expect(things.countBy(name, ...asked)).toBe(expected.length);
    if (unique) expect(things.getBy(name, ...asked)).toEqual(expected[0]);
    if (fields.length > 1) continue;
    const present = model.records.flatMap((record) => elements(record[fields[0] as string]));
    const all = [...things.valuesOf(name)];
    expect(new Set(all)).toEqual(new Set(present));
    expect(all.length).toBe(new Set(present).size);
    // A whole equality looks at its bucket only.
    const field = fields[0] as string;
    expect(things.explain({ [field]: asked[0] }).examined).toBeLessThanOrEqual(expected.length);
  }
}

/** Applies changes to the records a watcher holds, as a replica would. */
function replay(replica: Map<string, object>, changes: readonly Change[]): void {
  for (const { key, op, value, previous } of changes) {
    const name = JSON.stringify(key);
    expect(replica.get(name) ?? null).toEqual(previous);
    if (op === 'remove') replica.delete(name);
    else replica.set(name, value as object);
  }
}

const keys = (records: readonly Thing[]) => records.map((record) => [record.a, record.b]);
const asked = fc.tuple(scalar, scalar, scalar) as fc.Arbitrary<Scalar[]>;

describe('against a list of records', () => {
  it('holds the same after any writes and changes of indexes; what fails leaves no trace; watchers are told all', () => {
    fc.assert(
      fc.property(indexes, fc.array(step, { maxLength: 30 }), asked, (given, steps, values) => {
        const made = makeThings(given);
        const replica = new Map<string, object>();
        let last = 0;
        made.db.watch({}, (event) => {
          const changes = event as readonly Change[];
          expect(changes.every(({ revision }) => revision === changes[0]?.revision)).toBe(true);
          expect(changes[0]?.revision).toBeGreaterThan(last);
          last = changes[0]?.revision ?? 0;
          replay(replica, changes);
        });
        for (const one of steps) {
          const before = JSON.stringify(made.db.toJSON());
          const answers = contents(made);
          if (runBoth(made, one) !== null) {
            expect(JSON.stringify(made.db.toJSON())).toBe(before);
            expect(contents(made)).toBe(answers);
          }
          expect(sortedJson(made.things)).toEqual(sortedJson(made.model.records));
          expect(sortedJson(replica.values())).toEqual(sortedJson(made.model.records));
          checkIndexes(made, values);
        }
        for (const record of made.things) expect(made.things.get(record.a, record.b)).toBe(record);
      }),
      { numRuns: 300 },
    );
  });

  it('answers queries as sift does over all records, sorted, skipped and limited, whatever the indexes', () => {
    const setup = fc.record({
      given: indexes,
      records: fc.array(thing, { minLength: 5, maxLength: 30 }),
      queries: fc.array(fc.tuple(query, options), { minLength: 10, maxLength: 20 }),
    });
    fc.assert(
      fc.property(setup, ({ given, records, queries }) => {
        const made = makeThings(given);
        for (const value of records) {
          runBoth(made, { op: 'commit', writes: [{ op: 'put', value }], isBatch: false, fails: false });
        }
        const { things, model } = made;
        for (const [one, how] of queries) {
          const expected = model.matches(one);
          const { examined } = things.explain(one);
          expect(sortedJson(things.find(one))).toEqual(sortedJson(expected));
          expect(things.count(one)).toBe(expected.length);
          expect(examined).toBeLessThanOrEqual(things.size);
          expect(examined).toBeGreaterThanOrEqual(expected.length);
          expect(keys(things.find(one, how))).toEqual(keys(model.find(one, how)));
          // Without a sort any of them may come, but each once.
          const cut = keys(things.find(one, { ...how, sort: {} })).map(String);
          const { skip = 0, limit = 1000 } = how;
          expect(cut.length).toBe(Math.max(0, Math.min(limit, expected.length - skip)));
          expect(new Set([...cut, ...keys(expected).map(String)]).size).toBe(expected.length);
          expect(new Set(cut).size).toBe(cut.length);
        }
      }),
      { numRuns: 400 },
    );
  });

  it('answers queries inside a batch as after it', () => {
    const setup = fc.record({
      given: indexes,
      records: fc.array(thing, { maxLength: 15 }),
      writes: batchWrites,
    });
    fc.assert(
      fc.property(setup, fc.array(fc.tuple(query, options), { maxLength: 8 }), (start, queries) => {
        const made = makeThings(start.given);
        for (const value of start.records) {
          runBoth(made, { op: 'commit', writes: [{ op: 'put', value }], isBatch: false, fails: false });
        }
        made.db.batch((batch) => {
          const staged = batch.collection<Thing>('things');
          for (const one of start.writes) {
            expect(codeOf(() => write(staged, one))).toBe(codeOf(() => made.model.write(one)));
          }
          for (const [one, how] of queries) {
            expect(sortedJson(staged.find(one))).toEqual(sortedJson(made.model.matches(one)));
            expect(keys(staged.find(one, how))).toEqual(keys(made.model.find(one, how)));
          }
        });
        for (const [one, how] of queries) {
          expect(keys(made.things.find(one, how))).toEqual(keys(made.model.find(one, how)));
        }
      }),
      { numRuns: 200 },
    );
  });

  it('is the same after JSON and back', () => {
    fc.assert(
      fc.property(indexes, fc.array(step, { maxLength: 20 }), query, options, (given, steps, one, how) => {
        const made = makeThings(given);
        for (const each of steps) codeOf(() => run(made, each));
        const text = JSON.stringify(made.db);
        const back = MicroDB.fromJSON(JSON.parse(text));
        expect(JSON.stringify(back)).toBe(text);
        expect(back.collection('things').find(one, how)).toEqual(made.things.find(one, how));
      }),
      { numRuns: 100 },
    );
  });

  it('gives since any revision either all changes after it or word that they are gone', () => {
    fc.assert(
      fc.property(commits(40), fc.nat(50), (steps, since) => {
        const made = makeThings({ u: { fields: ['u'], unique: true } });
        const told: Change[] = [];
        made.db.watch({}, (event) => told.push(...(event as Change[])));
        for (const one of steps) runBoth(made, one);
        const after = told.filter(({ revision }) => revision > since);
        const result = made.db.changes({ since });
        if ('compacted' in result) expect(after.length > 20 || since > made.db.revision).toBe(true);
        else expect(result.changes).toEqual(after);
      }),
      { numRuns: 300 },
    );
  });
});
