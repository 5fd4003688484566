import { MicroDBError, show } from './errors.js';
import { MAX_KEY_PART_LENGTH } from './limits.js';

/** One field of a primary key. */
export type KeyPart = string | number;

/** What an index can find a record by. */
export type Scalar = string | number | boolean;

/** A whole key in one value: the part itself where there is one, else all of them joined. */
export type Key = string | number;

export function isScalar(value: unknown): value is Scalar {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

/** The member of a record. */
export function fieldOf(record: object, field: string): unknown {
  return (record as Record<string, unknown>)[field];
}

/** Joins values so that no two lists give the same string. */
export function joinScalars(values: readonly Scalar[]): string {
  let joined = '';
  for (let at = 0; at < values.length; at++) joined = append(joined, values[at] as Scalar, at);
  return joined;
}

/** The primary key of a record. Throws INVALID_RECORD where a part is missing or of another type. */
export function keyOfRecord(record: object, fields: readonly string[]): Key {
  if (fields.length === 1) return partOf(record, fields[0] as string);
  let joined = '';
  for (let at = 0; at < fields.length; at++)
    joined = append(joined, partOf(record, fields[at] as string), at);
  return joined;
}

/**
 * Strings stand for themselves, parted by U+0000, which is a third quicker than to give the length of each. What could be
 * taken for something else says its type after U+0001, and a string its length.
 */
function append(joined: string, value: Scalar, at: number): string {
  const text =
    typeof value === 'string' && !value.includes('\u0000') && !value.startsWith('\u0001')
      ? value
      : typed(value);
  return at === 0 ? text : `${joined}\u0000${text}`;
}

function typed(value: Scalar): string {
  if (typeof value === 'string') return `\u0001s${value.length}:${value}`;
  return typeof value === 'number' ? `\u0001n${value}` : `\u0001b${value}`;
}

function partOf(record: object, field: string): KeyPart {
  const value = fieldOf(record, field);
  if (typeof value === 'string') {
    if (value.length <= MAX_KEY_PART_LENGTH) return value;
  } else if (typeof value === 'number' && Number.isFinite(value)) {
    return value;
  }
  throw new MicroDBError(
    'INVALID_RECORD',
    `The key member "${field}" is ${show(value)}; expected a finite number or a string of at most ${MAX_KEY_PART_LENGTH} characters.`,
  );
}
