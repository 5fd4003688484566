import type { Key } from './key.js';

/** Records handed out without a copy. Removing while iterating is safe; what is added meanwhile may or may not come. */
export interface Rows<R> extends Iterable<R> {
  readonly size: number;
}

/** What callers get to see of rows: nothing that could change them. */
export class RowsView<R> implements Rows<R> {
  readonly #rows: Rows<R>;

  constructor(rows: Rows<R>) {
    this.#rows = rows;
  }

  get size(): number {
    return this.#rows.size;
  }

  [Symbol.iterator](): Iterator<R> {
    return this.#rows[Symbol.iterator]();
  }
}

/** Up to here a plain array is smaller than a Map, and searching it as fast. */
const ARRAY_LIMIT = 64;

/**
 * The records that share one value of an index, in the order they came to it. Few are kept in an array; many in a Map by
 * primary key, so that one of 100,000 is replaced or removed in constant time too.
 */
export class Bucket<R> implements Rows<R> {
  #rows: R[] | Map<Key, R>;

  constructor(...rows: R[]) {
    this.#rows = rows;
  }

  get size(): number {
    return Array.isArray(this.#rows) ? this.#rows.length : this.#rows.size;
  }

  [Symbol.iterator](): IterableIterator<R> {
    return this.#rows.values();
  }

  toArray(): R[] {
    return Array.isArray(this.#rows) ? this.#rows.slice() : [...this.#rows.values()];
  }

  add(key: Key, record: R, keyOf: (record: R) => Key): void {
    if (!Array.isArray(this.#rows)) {
      this.#rows.set(key, record);
    } else if (this.#rows.length < ARRAY_LIMIT) {
      this.#rows.push(record);
    } else {
      this.#rows = new Map(this.#rows.map((row) => [keyOf(row), row]));
      this.#rows.set(key, record);
    }
  }

  /** Puts `next` in the place of `previous`, which has the same key. */
  replace(key: Key, previous: R, next: R): void {
    if (Array.isArray(this.#rows)) this.#rows[this.#rows.indexOf(previous)] = next;
    else this.#rows.set(key, next);
  }

  remove(key: Key, previous: R): void {
    // A new array, so that whoever iterates over the old one skips nobody.
    if (Array.isArray(this.#rows)) this.#rows = this.#rows.toSpliced(this.#rows.indexOf(previous), 1);
    else this.#rows.delete(key);
  }
}
