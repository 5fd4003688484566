import fc from 'fast-check';
import type { IndexDefinition } from '../../../core/microdb/index.js';
import type { Step, Thing, Write } from './model.js';

/** Few values, so that they meet often; among them what looks alike, and what no index can hold. */
export const scalar = fc.constantFrom<unknown>('p', 'q', 1, '1', true, 0, -1.5, '', false);
const fieldValue = fc.oneof(
  { weight: 6, arbitrary: scalar },
  {
    weight: 2,
    arbitrary: fc.constantFrom<unknown>(['p'], ['q', 1], ['p', 'q', 'p'], [1, 5, '1'], [0, true], [['p'], 1]),
  },
  fc.constantFrom<unknown>(null, [], [null, 'q'], [[]], [{ p: 1 }], { p: 1 }),
);
export const a = fc.constantFrom<string | number>('s', 't', 1);
export const b = fc.constantFrom('', 'v', 'w', 'v\u0000');
const members = {
  x: fieldValue,
  y: fieldValue,
  z: scalar,
  u: fc.oneof(fc.integer({ min: 0, max: 5 }), fieldValue),
};
export const thing: fc.Arbitrary<Thing> = fc.record({ a, b, ...members }, { requiredKeys: ['a', 'b'] });
const patch = fc.record(members, { requiredKeys: [] });

const write: fc.Arbitrary<Write> = fc.oneof(
  fc.record({ op: fc.constant('insert' as const), value: thing }),
  fc.record({ op: fc.constant('put' as const), value: thing }),
  fc.record({ op: fc.constant('update' as const), a, b, patch }),
  fc.record({ op: fc.constant('remove' as const), a, b }),
);

export const index: fc.Arbitrary<IndexDefinition> = fc.record(
  {
    fields: fc.oneof(
      fc.constantFrom(['x'], ['y'], ['u'], ['z'], ['x', 'y'], ['z', 'x'], ['z', 'u']),
      fc.shuffledSubarray(['a', 'x', 'y', 'z', 'u'], { minLength: 1, maxLength: 3 }),
    ),
    unique: fc.constantFrom(false, false, false, true),
    ordered: fc.boolean(),
  },
  { requiredKeys: ['fields'] },
);
const indexName = fc.constantFrom('i', 'j', 'k');
export const indexes = fc.dictionary(indexName, index, { maxKeys: 3 });

const commit = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ writes: fc.tuple(write), isBatch: fc.constant(false), fails: fc.constant(false) }),
  },
  fc.record({ writes: fc.array(write, { maxLength: 8 }), isBatch: fc.constant(true), fails: fc.boolean() }),
);
export const commits = (maxLength: number) =>
  fc.array(
    commit.map((one): Step => ({ op: 'commit', ...one })),
    { maxLength },
  );
export const batchWrites = fc.array(write, { maxLength: 6 });
export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: commit.map((one): Step => ({ op: 'commit', ...one })) },
  fc.record({ op: fc.constant('createIndex' as const), name: indexName, index }),
  fc.record({ op: fc.constant('dropIndex' as const), name: indexName }),
);

const range = fc
  .dictionary(fc.constantFrom('$gt', '$gte', '$lt', '$lte'), scalar, { minKeys: 1, maxKeys: 3 })
  .map((one) => ({ ...one }));

/** A condition on a field that holds these values. */
function conditionOn(value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const list = fc.array(value, { maxLength: 3 });
  return fc.oneof(
    { weight: 5, arbitrary: value },
    { weight: 3, arbitrary: range },
    fc.record({ $eq: value }),
    fc.record({ $ne: value }),
    fc.record({ $in: list }),
    fc.record({ $nin: list }),
    fc.record({ $in: list, $ne: value }),
    fc.record({ $eq: value, $gte: scalar }),
    fc.record({ $all: fc.array(scalar, { maxLength: 3 }) }),
    fc.record({ $all: list.filter((all) => all.every((one) => one === null || typeof one !== 'object')) }),
    fc.record({
      $elemMatch: fc.oneof(range, fc.record({ $eq: value }), fc.record({ $in: list, $ne: scalar })),
    }),
    fc.record({ $size: fc.nat(3) }),
    fc.record({ $not: fc.oneof(range, fc.record({ $eq: value })) }),
    fc.record({ $exists: fc.boolean() }),
    fc.record({ $type: fc.constantFrom('string', 'number', 'bool', 'array', 'null') }),
  );
}

const conditions = {
  ...{ a: conditionOn(a), b: conditionOn(b), z: conditionOn(scalar) },
  ...{ x: conditionOn(fieldValue), y: conditionOn(fieldValue), u: conditionOn(members.u) },
};
const flat = fc.record(conditions, { requiredKeys: [] });
// Few fields are what indexes answer whole, without a test of each record.
const narrow = fc
  .shuffledSubarray(['a', 'b', 'x', 'y', 'z', 'u'], { minLength: 1, maxLength: 3 })
  .chain((names) =>
    fc.record(Object.fromEntries(Object.entries(conditions).filter(([name]) => names.includes(name)))),
  );
const several = fc.array(narrow, { minLength: 1, maxLength: 2 });
export const query: fc.Arbitrary<Record<string, unknown>> = fc.oneof(
  { weight: 6, arbitrary: narrow },
  flat,
  several.map(($or) => ({ $or })),
  fc.tuple(narrow, several).map(([top, $and]) => ({ ...top, $and })),
  fc.tuple(flat, several).map(([top, $or]) => ({ ...top, $or })),
  fc.tuple(several, several).map(([$or, more]) => ({ $and: [{ $or }, ...more] })),
);

export const sort = fc
  .uniqueArray(fc.tuple(fc.constantFrom('x', 'y', 'z', 'u', 'a'), fc.constantFrom<1 | -1>(1, -1)), {
    minLength: 1,
    maxLength: 3,
    selector: ([field]) => field,
  })
  .map((order) => Object.fromEntries(order) as { [field: string]: 1 | -1 });
export const options = fc.record({ sort, skip: fc.nat(3), limit: fc.nat(6) }, { requiredKeys: ['sort'] });
