import { MicroDBError } from './errors.js';
import { isScalar, type Scalar } from './key.js';
import { MAX_INDEX_ENTRIES } from './limits.js';

/** Stands in an ordered index for what is neither a scalar nor missing: after all scalars, and found by nobody. */
export const OTHER = Symbol('other');

/** What an ordered index has in the place of one field. */
export type OrderedValue = Scalar | null | typeof OTHER;

/**
 * The scalars a query on a field can meet in its value: the value itself, or those in the list it is, each once. Lists in
 * lists count as well, because queries look into them.
 */
export function scalarsIn(value: unknown): readonly Scalar[] {
  if (isScalar(value)) return [value];
  if (!Array.isArray(value)) return [];
  const scalars = new Set<Scalar>();
  collect(value, scalars);
  return [...scalars];
}

/** What stands for a field in an ordered index. Always something: every record has its place in the order. */
export function orderedValuesOf(value: unknown): readonly OrderedValue[] {
  if (value === undefined || value === null) return [null];
  const scalars = scalarsIn(value);
  return scalars.length === 0 ? [OTHER] : scalars;
}

/** Every choice of one from each list, in order. */
export function combinations<T>(lists: readonly (readonly T[])[]): T[][] {
  // There is none then, which must not be found out after all choices from the others were made.
  if (lists.some(({ length }) => length === 0)) return [];
  const [only] = lists;
  if (lists.length === 1 && only !== undefined) return only.map((one) => [one]);
  let all: T[][] = [[]];
  for (const list of lists) all = all.flatMap((some) => list.map((one) => [...some, one]));
  return all;
}

/** The entries a record with lists makes in an index. Throws INVALID_RECORD where they are too many. */
export function entriesOf<T>(index: string, values: readonly (readonly T[])[]): T[][] {
  const count = values.reduce((product, { length }) => product * length, 1);
  if (count <= MAX_INDEX_ENTRIES) return combinations(values);
  throw new MicroDBError(
    'INVALID_RECORD',
    `The record's lists make ${count} entries in the index "${index}"; at most ${MAX_INDEX_ENTRIES} are allowed. Shorten the lists, or index other fields.`,
  );
}

function collect(list: readonly unknown[], scalars: Set<Scalar>): void {
  for (const value of list) {
    if (isScalar(value)) scalars.add(value);
    else if (Array.isArray(value)) collect(value, scalars);
  }
}
