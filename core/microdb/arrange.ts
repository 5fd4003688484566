import { isInheritedName } from './definition.js';
import { MicroDBError, show } from './errors.js';
import { isPlainObject } from './json.js';
import { fieldOf, isScalar } from './key.js';
import { MAX_FIELDS } from './limits.js';
import { suggest } from './nearest.js';
import type { Table } from './table.js';

/** How the records found are ordered and cut: `{ sort: { port: 1, name: -1 }, skip: 20, limit: 10 }`. */
export interface FindOptions {
  /** Members of the record, the first counts most; 1 ascending, -1 descending. Equal ones are ordered by primary key. */
  readonly sort?: { readonly [field: string]: 1 | -1 };
  readonly limit?: number;
  readonly skip?: number;
}

type Compare<R> = (a: R, b: R) => number;

/** Orders and cuts what was found. Throws INVALID_QUERY for options it does not know. */
export function arrange<R extends object>(table: Table<R>, found: Iterable<R>, options: FindOptions): R[] {
  const { sort, skip, limit } = checkOptions(options);
  const order = sort === undefined ? [] : checkSort(sort);
  if (order.length > 0) return [...found].sort(comparison(table, order)).slice(skip, skip + limit);
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

function checkOptions(options: FindOptions): { sort: unknown; skip: number; limit: number } {
  if (!isPlainObject(options)) refuse(`The options are ${show(options)}; expected { sort?, limit?, skip? }.`);
  for (const name of Object.keys(options)) {
    if (name !== 'sort' && name !== 'limit' && name !== 'skip') {
      refuse(`Unknown option "${name}".${suggest(name, ['sort', 'limit', 'skip'])}`);
    }
  }
  const { sort, skip, limit } = options;
  return {
    sort,
    skip: skip === undefined ? 0 : checkAmount('skip', skip),
    limit: limit === undefined ? Number.MAX_SAFE_INTEGER : checkAmount('limit', limit),
  };
}

function checkAmount(name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  refuse(`${name} is ${show(value)}; expected an integer from 0.`);
}

function checkSort(sort: unknown): [string, number][] {
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
  return order as [string, number][];
}

/** By the fields asked for, then by key, so that the answer is the same whichever index found it. */
function comparison<R extends object>(table: Table<R>, order: readonly [string, number][]): Compare<R> {
  return (a, b) => {
    for (const [field, direction] of order) {
      const difference = compareValues(fieldOf(a, field), fieldOf(b, field));
      if (difference !== 0) return difference * direction;
    }
    for (const field of table.definition.key) {
      const difference = compareValues(fieldOf(a, field), fieldOf(b, field));
      if (difference !== 0) return difference;
    }
    return 0;
  };
}

/** Missing and null first, then numbers, strings, booleans, and whatever else, which is not ordered further. */
function compareValues(a: unknown, b: unknown): number {
  const difference = rankOf(a) - rankOf(b);
  if (difference !== 0 || !isScalar(a) || !isScalar(b)) return difference;
  return a < b ? -1 : a > b ? 1 : 0;
}

function rankOf(value: unknown): number {
  if (value === undefined || value === null) return 0;
  return typeof value === 'number' ? 1 : typeof value === 'string' ? 2 : typeof value === 'boolean' ? 3 : 4;
}

function refuse(message: string): never {
  throw new MicroDBError('INVALID_QUERY', message);
}
