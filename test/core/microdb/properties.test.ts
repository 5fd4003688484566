import fc from 'fast-check';
import sift from 'sift';
import { describe, expect, it } from 'vitest';
import { type Change, MicroDB, MicroDBError } from '../../../core/microdb/index.js';

interface Thing {
  readonly a: string | number;
  readonly b: string;
  readonly [field: string]: unknown;
}

const INDEXES = {
  u: { fields: ['u'], unique: true },
  x: { fields: ['x'] },
  xy: { fields: ['x', 'y'] },
};

const scalar = fc.constantFrom<unknown>('p', 'q', 1, '1', true, 0);
const fieldValue = fc.oneof(
  { weight: 5, arbitrary: scalar },
  fc.constantFrom<unknown>(null, [], ['p'], ['q', 1], [['p']], { p: 1 }),
);
const a = fc.constantFrom<string | number>('s', 't', 1);
const b = fc.constantFrom('', 'v', 'v\u0000');
const fields = {
  x: fieldValue,
  y: fieldValue,
  u: fc.oneof(fc.constantFrom<unknown>(1, 2, '2', 3), fieldValue),
};
const thing: fc.Arbitrary<Thing> = fc.record({ a, b, ...fields }, { requiredKeys: ['a', 'b'] });
const patch = fc.record(fields, { requiredKeys: [] });

const write = fc.oneof(
  fc.record({ op: fc.constant('insert' as const), value: thing }),
  fc.record({ op: fc.constant('put' as const), value: thing }),
  fc.record({ op: fc.constant('update' as const), a, b, patch }),
  fc.record({ op: fc.constant('remove' as const), a, b }),
);
type Write = typeof write extends fc.Arbitrary<infer W> ? W : never;
const commit = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ writes: fc.tuple(write), isBatch: fc.constant(false), fails: fc.constant(false) }),
  },
  fc.record({ writes: fc.array(write, { maxLength: 8 }), isBatch: fc.constant(true), fails: fc.boolean() }),
);

/** A condition on a field that holds these values. */
function conditionOn(value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 4, arbitrary: value },
    fc.record({ $eq: value }),
    fc.record({ $ne: value }),
    fc.record({ $in: fc.array(value, { maxLength: 3 }) }),
    fc.record({ $in: fc.array(value, { maxLength: 3 }), $ne: value }),
    fc.record({ $exists: fc.boolean() }),
    fc.record({ $gt: fc.constantFrom<unknown>(0, 'p') }),
  );
}

const conditions = {
  ...{ a: conditionOn(a), b: conditionOn(b), x: conditionOn(fieldValue), y: conditionOn(fieldValue) },
  u: conditionOn(fields.u),
};
const flat = fc.record(conditions, { requiredKeys: [] });
// Few fields are what indexes answer whole, without a test of each record.
const narrow = fc
  .constantFrom<string[]>(['x'], ['u'], ['x', 'y'], ['a', 'b'], ['a', 'b', 'x'], ['x', 'y', 'u'])
  .chain((names) =>
    fc.record(Object.fromEntries(Object.entries(conditions).filter(([name]) => names.includes(name)))),
  );
const query: fc.Arbitrary<Record<string, unknown>> = fc.oneof(
  { weight: 4, arbitrary: narrow },
  { weight: 2, arbitrary: flat },
  fc.tuple(flat, fc.array(flat, { minLength: 1, maxLength: 2 })).map(([top, $and]) => ({ ...top, $and })),
  fc.tuple(flat, fc.array(flat, { minLength: 1, maxLength: 2 })).map(([top, $or]) => ({ ...top, $or })),
);

/** What everything is held against: a list of records, searched from one end to the other. */
class Model {
  records: Thing[] = [];

  run(step: Write): void {
    const key = step.op === 'insert' || step.op === 'put' ? step.value : step;
    const at = this.records.findIndex((record) => record.a === key.a && record.b === key.b);
    if (step.op === 'remove') {
      if (at >= 0) this.records.splice(at, 1);
      return;
    }
    if (step.op === 'insert' && at >= 0) throw new Error('there already');
    if (step.op === 'update' && at < 0) throw new Error('not there');
    const next = step.op === 'update' ? ({ ...this.records[at], ...step.patch } as Thing) : step.value;
    const { u } = next;
    const isTaken = this.records.some((record, other) => other !== at && record.u === u);
    if (['string', 'number', 'boolean'].includes(typeof u) && isTaken) throw new Error('not unique');
    if (at < 0) this.records.push(next);
    else this.records[at] = next;
  }

  /** The order is the database's own: a record that a batch removes and puts again keeps its place. */
  sorted(): unknown[] {
    return sortedJson(this.records);
  }
}

function sortedJson(records: Iterable<object>): string[] {
  return [...records].map((record) => JSON.stringify(record, Object.keys(record).sort())).sort();
}

interface Writer {
  insert(value: Thing): unknown;
  put(value: Thing): unknown;
  update(key: (string | number)[], patch: Partial<Thing>): unknown;
  remove(...key: (string | number)[]): unknown;
}

function runOn(writer: Writer, step: Write): void {
  if (step.op === 'insert') writer.insert(step.value);
  else if (step.op === 'put') writer.put(step.value);
  else if (step.op === 'update') writer.update([step.a, step.b], step.patch);
  else writer.remove(step.a, step.b);
}

/** Whether it went through; errors that MicroDB doesn't raise on purpose are not caught. */
function succeeds(run: () => void): boolean {
  try {
    run();
    return true;
  } catch (error) {
    if (error instanceof MicroDBError || (error as Error).message === 'meant to fail') return false;
    throw error;
  }
}

function modelSucceeds(model: Model, steps: readonly Write[], fails: boolean): boolean {
  const before = [...model.records];
  try {
    for (const step of steps) model.run(step);
    if (!fails) return true;
  } catch {
    // Undone like one that is meant to fail.
  }
  model.records = before;
  return false;
}

type Commit = typeof commit extends fc.Arbitrary<infer C> ? C : never;

function makeThings(indexes: object) {
  const db = new MicroDB({ ringSize: 20 });
  const things = db.collection<Thing>('things', { key: ['a', 'b'], indexes: indexes as typeof INDEXES });
  return { db, things };
}

function runCommit(
  { db, things }: ReturnType<typeof makeThings>,
  { writes, isBatch, fails }: Commit,
): boolean {
  return succeeds(() => {
    if (!isBatch) return runOn(things, writes[0] as Write);
    db.batch((batch) => {
      for (const step of writes) runOn(batch.collection<Thing>('things'), step);
      if (fails) throw new Error('meant to fail');
    });
  });
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

describe('against a list of records', () => {
  it('holds the same after any writes, batches that fail included, and tells watchers all of it', () => {
    fc.assert(
      fc.property(fc.array(commit, { maxLength: 30 }), (commits) => {
        const made = makeThings(INDEXES);
        const model = new Model();
        const replica = new Map<string, object>();
        let last = 0;
        made.db.watch({}, (event) => {
          const changes = event as readonly Change[];
          expect(changes.every(({ revision }) => revision === changes[0]?.revision)).toBe(true);
          expect(changes[0]?.revision).toBeGreaterThan(last);
          last = changes[0]?.revision ?? 0;
          replay(replica, changes);
        });
        for (const one of commits) {
          const before = JSON.stringify(made.db);
          const went = runCommit(made, one);
          expect(went).toBe(modelSucceeds(model, one.writes, one.fails));
          if (!went) expect(JSON.stringify(made.db)).toBe(before);
          expect(sortedJson(made.things)).toEqual(model.sorted());
          expect(sortedJson(replica.values())).toEqual(model.sorted());
        }
      }),
      { numRuns: 300 },
    );
  });

  it('answers queries as sift does over all records, with indexes and without', () => {
    const setup = fc.record({
      records: fc.array(thing, { minLength: 5, maxLength: 30 }),
      queries: fc.array(query, { minLength: 10, maxLength: 20 }),
    });
    fc.assert(
      fc.property(setup, ({ records, queries }) => {
        const made = makeThings(INDEXES);
        for (const record of records) succeeds(() => made.things.put(record));
        const plain = makeThings({});
        for (const record of [...made.things].reverse()) plain.things.insert(record);
        const all = [...made.things];
        for (const one of queries) {
          const expected = sortedJson(
            all.filter(
              sift.createQueryTester(JSON.parse(JSON.stringify(one)), { operations: { ...sift } as never }),
            ),
          );
          expect(sortedJson(made.things.find(one))).toEqual(expected);
          expect(sortedJson(plain.things.find(one))).toEqual(expected);
          expect(made.things.count(one)).toBe(expected.length);
          made.db.batch((batch) => {
            expect(sortedJson(batch.collection<Thing>('things').find(one))).toEqual(expected);
          });
          // Sorted, even the order is the same whichever index found them.
          const options = { sort: { x: 1, y: -1 }, skip: 1, limit: 3 } as const;
          expect(made.things.find(one, options).map(({ a, b }) => [a, b])).toEqual(
            plain.things.find(one, options).map(({ a, b }) => [a, b]),
          );
        }
      }),
      { numRuns: 300 },
    );
  });

  it('finds through each index exactly the records that have its values', () => {
    fc.assert(
      fc.property(fc.array(commit, { maxLength: 30 }), scalar, scalar, (commits, x, y) => {
        const made = makeThings(INDEXES);
        for (const one of commits) runCommit(made, one);
        const all = [...made.things];
        const [vx, vy] = [x, y] as [string, string];
        expect(sortedJson(made.things.by('x', vx))).toEqual(sortedJson(all.filter((one) => one.x === x)));
        expect(sortedJson(made.things.by('xy', vx, vy))).toEqual(
          sortedJson(all.filter((one) => one.x === x && one.y === y)),
        );
        expect(made.things.countBy('x', vx)).toBe(all.filter((one) => one.x === x).length);
        expect(made.things.getBy('u', vx)).toBe(all.find((one) => one.u === x));
        for (const one of all) expect(made.things.get(one.a, one.b)).toBe(one);
        const values = new Set(
          all.map((one) => one.x).filter((one) => typeof one !== 'object' && one !== undefined),
        );
        expect(new Set(made.things.valuesOf('x'))).toEqual(values);
      }),
      { numRuns: 300 },
    );
  });

  it('is the same after JSON and back', () => {
    fc.assert(
      fc.property(fc.array(commit, { maxLength: 20 }), (commits) => {
        const made = makeThings(INDEXES);
        for (const one of commits) runCommit(made, one);
        const text = JSON.stringify(made.db);
        expect(JSON.stringify(MicroDB.fromJSON(JSON.parse(text)))).toBe(text);
      }),
      { numRuns: 100 },
    );
  });

  it('gives since any revision either all changes after it or word that they are gone', () => {
    fc.assert(
      fc.property(fc.array(commit, { maxLength: 40 }), fc.nat(50), (commits, since) => {
        const made = makeThings(INDEXES);
        const told: Change[] = [];
        made.db.watch({}, (event) => told.push(...(event as Change[])));
        for (const one of commits) runCommit(made, one);
        const after = told.filter(({ revision }) => revision > since);
        const result = made.db.changes({ since });
        if ('compacted' in result) expect(after.length > 20 || since > made.db.revision).toBe(true);
        else expect(result.changes).toEqual(after);
      }),
      { numRuns: 300 },
    );
  });
});
