import { fieldOf, isScalar } from './key.js';

/** Missing and null first, then numbers, strings, booleans, and whatever else, which is not ordered further. */
export function compareValues(a: unknown, b: unknown): number {
  // By far the most common, and needs no ranks.
  if (typeof a === typeof b && typeof a !== 'object' && isScalar(a) && isScalar(b))
    return a < b ? -1 : a > b ? 1 : 0;
  return rankOf(a) - rankOf(b);
}

/** Orders two records by primary key. */
export function compareKeys(a: object, b: object, key: readonly string[]): number {
  for (const field of key) {
    const difference = compareValues(fieldOf(a, field), fieldOf(b, field));
    if (difference !== 0) return difference;
  }
  return 0;
}

function rankOf(value: unknown): number {
  if (value === undefined || value === null) return 0;
  return typeof value === 'number' ? 1 : typeof value === 'string' ? 2 : typeof value === 'boolean' ? 3 : 4;
}
