import { isPlainObject } from './json.js';
import { isScalar, joinScalars, type Key, type Scalar } from './key.js';
import { MAX_PROBES } from './limits.js';
import type { Query } from './query.js';
import type { RecordIndex } from './record-index.js';
import type { Table } from './table.js';

/** How a query will be answered. */
export interface Plan<R> {
  /** The index used, 'primary' for the primary key, null for a look at every record. */
  readonly index: string | null;
  /** How many records will be looked at. */
  readonly count: number;
  /** Those records: all that match, and perhaps more. */
  readonly candidates: Iterable<R>;
  /** Every candidate matches, so none needs to be tested, and the query has nothing else that could be wrong. */
  readonly isExact: boolean;
}

/** The scalars each field is limited to by equality, and whether the query says anything else. */
interface Limits {
  readonly fields: Map<string, readonly Scalar[]>;
  isWhole: boolean;
}

/**
 * Chooses the primary key or the index that leaves the fewest records to look at, among those whose fields the query
 * all limits by equality, `$eq` or `$in` (also within `$and`). The query is not checked here.
 */
export function planQuery<R extends object>(table: Table<R>, query: Query): Plan<R> {
  const limits: Limits = { fields: new Map(), isWhole: true };
  limitFields(query, limits, true);
  const keys = probes(table.definition.key, limits);
  let best = keys && planPrimary(table, keys, limits);
  for (const index of table.indexes) {
    const values = probes(index.fields, limits);
    if (values === undefined) continue;
    const found = values.map((one) => index.valueFor(one));
    let count = index.lists.size;
    for (const value of found) count += index.count(value);
    if (best === undefined || count < best.count) best = planIndex(index, found, count, limits);
  }
  return best ?? planScan(table, limits);
}

function planScan<R extends object>({ records }: Table<R>, limits: Limits): Plan<R> {
  const isExact = limits.isWhole && limits.fields.size === 0;
  return { index: null, count: records.size, candidates: records.values(), isExact };
}

function planPrimary<R extends object>(table: Table<R>, keys: readonly Scalar[][], limits: Limits): Plan<R> {
  const candidates: R[] = [];
  for (const parts of keys) {
    const key = parts.length === 1 ? (parts[0] as Key) : joinScalars(parts);
    const record = table.records.get(key);
    if (record !== undefined) candidates.push(record);
  }
  const isExact = limits.isWhole && limits.fields.size === table.definition.key.length;
  return { index: 'primary', count: candidates.length, candidates, isExact };
}

function planIndex<R extends object>(
  index: RecordIndex<R>,
  values: readonly Scalar[],
  count: number,
  limits: Limits,
): Plan<R> {
  return {
    index: index.name,
    count,
    candidates: rowsOf(index, values),
    isExact: limits.isWhole && limits.fields.size === index.fields.length && index.lists.size === 0,
  };
}

function* rowsOf<R extends object>(index: RecordIndex<R>, values: readonly Scalar[]): Iterable<R> {
  for (const value of values) yield* index.rows(value);
  yield* index.lists;
}

function limitFields(query: Query, limits: Limits, isTop: boolean): void {
  for (const name of Object.keys(query)) {
    const condition = query[name];
    if (name === '$and' && isTop && Array.isArray(condition)) {
      // Left to be tested as well: only the top of the query can be answered without.
      limits.isWhole = false;
      for (const part of condition) if (isPlainObject(part)) limitFields(part, limits, false);
      continue;
    }
    const scalars = name.startsWith('$') ? undefined : scalarsOf(condition, limits);
    if (scalars === undefined || limits.fields.has(name)) limits.isWhole = false;
    else limits.fields.set(name, scalars);
  }
}

/** The scalars that a condition leaves; undefined where it leaves others too, or can't be told. */
function scalarsOf(condition: unknown, limits: Limits): readonly Scalar[] | undefined {
  if (isScalar(condition)) return [condition];
  if (!isPlainObject(condition)) return undefined;
  if (Object.keys(condition).length > 1) limits.isWhole = false;
  if (Object.hasOwn(condition, '$eq')) return isScalar(condition.$eq) ? [condition.$eq] : undefined;
  if (!Object.hasOwn(condition, '$in')) return undefined;
  const list: unknown = condition.$in;
  if (!Array.isArray(list) || list.length > MAX_PROBES || !list.every(isScalar)) return undefined;
  return [...new Set<Scalar>(list)];
}

/** Every combination of values that the fields are limited to; undefined where one is not, or there are too many. */
function probes(fields: readonly string[], limits: Limits): Scalar[][] | undefined {
  let combinations: Scalar[][] = [[]];
  for (const field of fields) {
    const scalars = limits.fields.get(field);
    if (scalars === undefined || combinations.length * scalars.length > MAX_PROBES) return undefined;
    combinations = combinations.flatMap((values) => scalars.map((scalar) => [...values, scalar]));
  }
  return combinations;
}
