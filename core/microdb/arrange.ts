import { isInheritedName } from './definition.js';
import { MicroDBError, show } from './errors.js';
import { firstOf } from './first-of.js';
import { isPlainObject } from './json.js';
import { fieldOf } from './key.js';
import { MAX_FIELDS } from './limits.js';
import { suggest } from './nearest.js';
import { compareKeys, compareValues } from './order.js';
import type { Table } from './table.js';

/** How the records found are ordered and cut: `{ sort: { port: 1, name: -1 }, skip: 20, limit: 10 }`. */
export interface FindOptions {
  /** Members of the record, the first counts most; 1 ascending, -1 descending. Equal ones are ordered by primary key. */
  readonly sort?: { readonly [field: string]: 1 | -1 };
  readonly limit?: number;
  readonly skip?: number;
}

/** The fields to sort by, the first counts most; none where the order is free. */
export type Sort = readonly (readonly [field: string, direction: 1 | -1])[];

/** {@link FindOptions}, checked and filled in. */
export interface Arrangement {
  readonly sort: Sort;
  readonly skip: number;
  readonly limit: number;
}

/** What comes first in the order of insertion or of an index, all of it. */
export const UNARRANGED: Arrangement = { sort: [], skip: 0, limit: Number.MAX_SAFE_INTEGER };

const OPTIONS = ['sort', 'limit', 'skip'];
/** Up to so many, the first ones are picked out of what is found; more are had by sorting all of it. */
const MOST_PICKED = 20_000;

type Compare<R> = (a: R, b: R) => number;

/** Throws INVALID_QUERY for options it does not know. */
export function checkOptions(options: FindOptions): Arrangement {
  if (!isPlainObject(options)) refuse(`The options are ${show(options)}; expected { sort?, limit?, skip? }.`);
  for (const name of Object.keys(options)) {
    if (!OPTIONS.includes(name)) refuse(`Unknown option "${name}".${suggest(name, OPTIONS)}`);
  }
  const { sort, skip, limit } = options;
  return {
    sort: sort === undefined ? [] : checkSort(sort),
    skip: skip === undefined ? 0 : checkAmount('skip', skip),
    limit: limit === undefined ? Number.MAX_SAFE_INTEGER : checkAmount('limit', limit),
  };
}

/** Orders and cuts what was found; what `isSorted` has its order from an index. */
export function arrange<R extends object>(
  table: Table<R>,
  found: Iterable<R>,
  { sort, skip, limit }: Arrangement,
  isSorted: boolean,
): R[] {
  if (sort.length > 0 && !isSorted) {
    const wanted = skip + limit;
    const compare = comparison<R>(table, sort);
    if (wanted <= MOST_PICKED) return firstOf(found, wanted, compare).slice(skip);
    return [...found].sort(compare).slice(skip, wanted);
  }
  const result: R[] = [];
  let passed = 0;
  if (limit === 0) return result;
  for (const record of found) {
    if (passed++ < skip) continue;
    result.push(record);
    if (result.length >= limit) break;
  }
  return result;
}

function checkAmount(name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  refuse(`${name} is ${show(value)}; expected an integer from 0.`);
}

function checkSort(sort: unknown): Sort {
  if (!isPlainObject(sort))
    refuse(`sort is ${show(sort)}; expected an object such as { port: 1, name: -1 }.`);
  const order = Object.entries(sort);
  if (order.length > MAX_FIELDS)
    refuse(`sort names ${order.length} fields; at most ${MAX_FIELDS} are allowed.`);
  for (const [field, direction] of order) {
    if (isInheritedName(field)) refuse(`sort names the field "${field}", which can't be sorted by.`);
    if (direction !== 1 && direction !== -1) {
      refuse(`sort has ${show(direction)} for "${field}"; expected 1 (ascending) or -1 (descending).`);
    }
  }
  return order as [string, 1 | -1][];
}

/** By the fields asked for, then by key, so that the answer is the same whichever index found it. */
export function comparison<R extends object>(table: Table<R>, sort: Sort): Compare<R> {
  return (a, b) => {
    for (const [field, direction] of sort) {
      const difference = compareValues(fieldOf(a, field), fieldOf(b, field));
      if (difference !== 0) return difference * direction;
    }
    return compareKeys(a, b, table.definition.key);
  };
}

function refuse(message: string): never {
  throw new MicroDBError('INVALID_QUERY', message);
}
