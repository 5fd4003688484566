import type { Arrangement } from './arrange.js';
import { demandsOf } from './demands.js';
import { MicroDBError, show } from './errors.js';
import { isPlainObject } from './json.js';
import { isScalar } from './key.js';
import { type Plan, planQuery } from './plan.js';
import { compileQuery, type Query } from './query.js';
import type { Table } from './table.js';

/** So many records are looked at between two looks at the time: with the slowest of patterns that is a second. */
const LOOKED_AT_ONCE = 64;

/** The plan for a query, and what it finds. Throws INVALID_QUERY at once, not when iterated. */
export function search<R extends object>(
  table: Table<R>,
  query: Query,
  arrangement?: Arrangement,
): { plan: Plan<R>; found: Iterable<R> } {
  checkIsQuery(query);
  const demands = demandsOf(query);
  // Before anything is planned, except for the plainest queries, which may need no test at all.
  const test = demands.isWhole ? undefined : compileQuery(query);
  const plan = planQuery(table, demands, arrangement);
  const isTooLong = arrangement?.isTooLong;
  const read = isTooLong === undefined ? plan.read() : patient(plan.read(), isTooLong);
  return { plan, found: plan.isExact ? read : filter(read, test ?? compileQuery(query)) };
}

/** The answer to `{ field: scalar }` from an index on that field: the most common query, at a tenth of a plan's cost. */
export function wholeAnswer<R extends object>(table: Table<R>, query: Query): R[] | undefined {
  let only: string | undefined;
  for (const field in query) {
    if (only !== undefined) return undefined;
    only = field;
  }
  if (only === undefined) return undefined;
  const value = query[only];
  const index = table.indexOnField(only);
  return isScalar(value) ? index?.toArray([value]) : undefined;
}

/** Throws INVALID_QUERY where a query is no object, which a plan would stumble over. */
export function checkIsQuery(query: Query): void {
  if (isPlainObject(query)) return;
  throw new MicroDBError(
    'INVALID_QUERY',
    `The query is ${show(query)}; expected an object such as { name: "a" }.`,
  );
}

/** The same records, as long as there is time. */
function* patient<R>(records: Iterable<R>, isTooLong: () => boolean): Iterable<R> {
  let seen = 0;
  for (const record of records) {
    if (++seen % LOOKED_AT_ONCE === 0 && isTooLong()) {
      const reason = `after ${seen} records the query takes longer than it may`;
      throw new MicroDBError('LIMIT_REACHED', `Given up: ${reason}; name what an index is on, or less.`);
    }
    yield record;
  }
}

/** Those records that pass the test. */
export function* filter<R>(records: Iterable<R>, test: (record: R) => boolean): Iterable<R> {
  for (const record of records) if (test(record)) yield record;
}
