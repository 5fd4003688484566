import { MicroDBError, show } from './errors.js';
import { freezeObject, isPlainObject } from './json.js';
import type { Key } from './key.js';
import type { Table } from './table.js';

/** How a record is written. */
export interface WriteOptions {
  /** The value is deeply frozen JSON already, and is kept as it is: for callers that made it themselves. Not checked. */
  readonly frozen?: boolean;
  /** The revision of this commit, greater than the last; else it is the next. Not inside a batch, which has its own. */
  readonly revision?: number;
}

/** The record that a value becomes. Throws INVALID_RECORD. */
export function acceptRecord<R extends object>(
  table: Table<R>,
  value: R,
  options: WriteOptions | undefined,
): R {
  return options?.frozen === true ? value : (freezeObject(value, table.rules) as R);
}

/** The record that a patch makes of the one before. Throws NOT_FOUND, INVALID_RECORD. */
export function patchRecord<R extends object>(
  table: Table<R>,
  key: Key,
  previous: R | undefined,
  patch: Partial<R>,
): R {
  if (previous === undefined) {
    throw new MicroDBError(
      'NOT_FOUND',
      `"${table.name}" has no record with the key ${show(key)}; insert it first.`,
    );
  }
  if (!isPlainObject(patch)) {
    throw new MicroDBError('INVALID_RECORD', `The patch is ${show(patch)}; expected the members to replace.`);
  }
  const next = freezeObject({ ...previous, ...patch }, table.rules) as R;
  if (table.keyOf(next) === key) return next;
  throw new MicroDBError(
    'INVALID_RECORD',
    'A patch may not change the key; remove the record and insert another.',
  );
}
