import type { Rows } from './bucket.js';
import type { IndexDefinition } from './definition.js';
import { entriesOf, type OrderedValue, OTHER, orderedValuesOf } from './filing.js';
import { fieldOf, isScalar, type Key, type Scalar } from './key.js';
import { compareValues } from './order.js';
import { type RecordIndex, UniqueIndex } from './record-index.js';
import { type Edge, SortedTree } from './sorted-tree.js';

/** The records from one position of an ordered index up to another. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What the field after a prefix is limited to; all values of one type where an end is missing. */
export interface Range {
  readonly low: Limit | undefined;
  readonly high: Limit | undefined;
}

/** One end of a range. */
export interface Limit {
  readonly value: Scalar;
  readonly isInclusive: boolean;
}

/**
 * An index that has all records in the order of their values. One that lacks a field is there as well, under null, so that
 * the order is whole; a list is there once for each of its scalars.
 */
export class OrderedIndex<R extends object> implements RecordIndex<R> {
  readonly name: string;
  readonly fields: readonly string[];
  readonly unique: boolean;
  /** In a unique index, whose each value is. */
  readonly owners: UniqueIndex<R> | undefined;
  readonly #tree: SortedTree<R>;
  #lists = 0;

  constructor(
    name: string,
    definition: IndexDefinition,
    keyOf: (record: R) => Key,
    keyFields: readonly string[],
  ) {
    this.name = name;
    this.fields = definition.fields;
    this.unique = definition.unique === true;
    this.owners = this.unique ? new UniqueIndex(name, definition, keyOf) : undefined;
    this.#tree = new SortedTree(definition.fields.length, keyFields);
  }

  get lists(): number {
    return this.#lists;
  }

  rows(values: readonly Scalar[]): Rows<R> {
    const count = () => this.count(values);
    const toArray = () => this.toArray(values);
    return {
      get size() {
        return count();
      },
      // A copy, so that whoever changes records meanwhile skips nobody.
      [Symbol.iterator]: () => toArray().values(),
    };
  }

  toArray(values: readonly Scalar[]): R[] {
    const { from, to } = this.spanOf(values);
    return [...this.#tree.ascending(from, to)];
  }

  count(values: readonly Scalar[]): number {
    const { from, to } = this.spanOf(values);
    return to - from;
  }

  *values(): Iterable<Scalar> {
    let next = this.#tree.firstValueAt(0);
    while (next !== undefined && next !== OTHER) {
      if (next !== null) yield next;
      next = this.#tree.firstValueAt(this.#tree.rank({ values: [next], isAfter: true }));
    }
  }

  /** Where the records are that begin with these values, and have the next one in a range. */
  spanOf(prefix: readonly Scalar[], range?: Range): Span {
    // No record holds NaN, and it has no place in an order.
    if (prefix.some(Number.isNaN)) return { from: 0, to: 0 };
    const from = this.#tree.rank(range ? lowEdge(prefix, range) : { values: prefix, isAfter: false });
    const to = this.#tree.rank(range ? highEdge(prefix, range) : { values: prefix, isAfter: true });
    return { from, to: Math.max(from, to) };
  }

  /** All records, those with lists several times. */
  get whole(): Span {
    return { from: 0, to: this.#tree.size };
  }

  /** The records of a span in order: 1 ascending, -1 descending by value, and by key where values are equal. */
  read({ from, to }: Span, direction: 1 | -1): Iterable<R> {
    return direction === 1 ? this.#tree.ascending(from, to) : this.#tree.descending(from, to);
  }

  check(record: R): void {
    if (this.#hasList(record)) this.#entries(record);
  }

  add(key: Key, record: R): void {
    if (this.#hasList(record)) this.#lists++;
    for (const values of this.#entries(record)) this.#tree.insert(values, record);
    this.owners?.add(key, record);
  }

  replace(key: Key, previous: R, next: R): void {
    const [before, after] = [this.#entries(previous), this.#entries(next)];
    if (isSame(before, after)) {
      for (const values of before) this.#tree.replace(values, previous, next);
    } else {
      for (const values of before) this.#tree.remove(values, previous);
      for (const values of after) this.#tree.insert(values, next);
    }
    this.#lists += Number(this.#hasList(next)) - Number(this.#hasList(previous));
    this.owners?.replace(key, previous, next);
  }

  remove(key: Key, record: R): void {
    if (this.#hasList(record)) this.#lists--;
    for (const values of this.#entries(record)) this.#tree.remove(values, record);
    this.owners?.remove(key, record);
  }

  #hasList(record: R): boolean {
    for (const field of this.fields) if (Array.isArray(fieldOf(record, field))) return true;
    return false;
  }

  #entries(record: R): OrderedValue[][] {
    const values: OrderedValue[] = [];
    for (const field of this.fields) {
      const value = fieldOf(record, field);
      if (Array.isArray(value)) return this.#listEntries(record);
      if (isScalar(value)) values.push(value);
      else values.push(value === undefined || value === null ? null : OTHER);
    }
    return [values];
  }

  #listEntries(record: R): OrderedValue[][] {
    return entriesOf(
      this.name,
      this.fields.map((field) => orderedValuesOf(fieldOf(record, field))),
    );
  }
}

function lowEdge(prefix: readonly Scalar[], { low, high }: Range): Edge {
  if (low !== undefined) return { values: [...prefix, low.value], isAfter: !low.isInclusive };
  const type = typeof high?.value;
  const least = type === 'number' ? Number.NEGATIVE_INFINITY : type === 'string' ? '' : false;
  return { values: [...prefix, least], isAfter: false };
}

function highEdge(prefix: readonly Scalar[], { low, high }: Range): Edge {
  if (high !== undefined) return { values: [...prefix, high.value], isAfter: high.isInclusive };
  const type = typeof low?.value;
  // There is no last string, but false comes next.
  if (type === 'string') return { values: [...prefix, false], isAfter: false };
  return { values: [...prefix, type === 'number' ? Number.POSITIVE_INFINITY : true], isAfter: true };
}

function isSame(a: readonly OrderedValue[][], b: readonly OrderedValue[][]): boolean {
  if (a.length !== b.length) return false;
  return a.every((values, at) => values.every((value, field) => compareValues(value, b[at]?.[field]) === 0));
}
