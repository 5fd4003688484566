import { Bucket } from './bucket.js';
import type { IndexDefinition } from './definition.js';
import { fieldOf, isScalar, joinScalars, type Key, type Scalar } from './key.js';

/** Stands for "not one scalar, but a list": a query for any of its elements must find the record as well. */
const LIST = Symbol('list');

/** What a record is filed under; undefined where it is not in the index, because a field is missing, null or an object. */
type Filing = Scalar | typeof LIST | undefined;

/** One secondary index. Its records can be had by value; those with a list in one of the fields are kept apart. */
export interface RecordIndex<R extends object> {
  readonly name: string;
  readonly fields: readonly string[];
  readonly unique: boolean;
  /** Records with a list in an indexed field. Where there are any, an answer from the index alone is not whole. */
  readonly lists: Bucket<R>;
  /** The one value that stands for the values of all fields, in the index's order of fields. */
  valueFor(values: readonly Scalar[]): Scalar;
  rows(value: Scalar): Bucket<R>;
  toArray(value: Scalar): R[];
  count(value: Scalar): number;
  /** Every value that a record is filed under; of an index on several fields, the values that stand for them. */
  values(): Iterable<Scalar>;
  add(key: Key, record: R): void;
  /** Puts `next` in the place of `previous` where both have the same value. They have the same key. */
  replace(key: Key, previous: R, next: R): void;
  remove(key: Key, record: R): void;
}

/** What both kinds of index have in common: what a record is filed under. */
abstract class FieldIndex<R extends object> {
  readonly name: string;
  readonly fields: readonly string[];
  protected readonly keyOf: (record: R) => Key;
  /** The field of an index on one, which is the common case and the quick one. */
  readonly #only: string | undefined;

  constructor(name: string, definition: IndexDefinition, keyOf: (record: R) => Key) {
    this.name = name;
    this.fields = definition.fields;
    this.keyOf = keyOf;
    this.#only = definition.fields.length === 1 ? definition.fields[0] : undefined;
  }

  valueFor(values: readonly Scalar[]): Scalar {
    return this.#only === undefined ? joinScalars(values) : (values[0] as Scalar);
  }

  protected filingOf(record: R): Filing {
    if (this.#only !== undefined) {
      const value = fieldOf(record, this.#only);
      return isScalar(value) ? value : Array.isArray(value) ? LIST : undefined;
    }
    const values: Scalar[] = [];
    let hasList = false;
    for (const field of this.fields) {
      const value = fieldOf(record, field);
      if (isScalar(value)) values.push(value);
      else if (Array.isArray(value)) hasList = true;
      else return undefined;
    }
    return hasList ? LIST : joinScalars(values);
  }
}

/** An index where many records may share a value. */
export class GroupIndex<R extends object> extends FieldIndex<R> implements RecordIndex<R> {
  readonly unique = false;
  readonly #buckets = new Map<Filing, Bucket<R>>();
  readonly #none = new Bucket<R>();

  get lists(): Bucket<R> {
    return this.#buckets.get(LIST) ?? this.#none;
  }

  rows(value: Scalar): Bucket<R> {
    return this.#buckets.get(value) ?? this.#none;
  }

  toArray(value: Scalar): R[] {
    return this.#buckets.get(value)?.toArray() ?? [];
  }

  count(value: Scalar): number {
    return this.#buckets.get(value)?.size ?? 0;
  }

  *values(): Iterable<Scalar> {
    for (const filing of this.#buckets.keys()) if (filing !== LIST && filing !== undefined) yield filing;
  }

  add(key: Key, record: R): void {
    const filing = this.filingOf(record);
    if (filing === undefined) return;
    const bucket = this.#buckets.get(filing);
    if (bucket === undefined) this.#buckets.set(filing, new Bucket(record));
    else bucket.add(key, record, this.keyOf);
  }

  replace(key: Key, previous: R, next: R): void {
    const filing = this.filingOf(previous);
    if (filing === this.filingOf(next)) {
      if (filing !== undefined) this.#buckets.get(filing)?.replace(key, previous, next);
    } else {
      this.remove(key, previous);
      this.add(key, next);
    }
  }

  remove(key: Key, record: R): void {
    const filing = this.filingOf(record);
    const bucket = this.#buckets.get(filing);
    if (bucket === undefined) return;
    if (bucket.size === 1) this.#buckets.delete(filing);
    else bucket.remove(key, record);
  }
}

/** An index where a value belongs to one record. Whoever adds has asked {@link UniqueIndex.claim} before. */
export class UniqueIndex<R extends object> extends FieldIndex<R> implements RecordIndex<R> {
  readonly unique = true;
  readonly lists = new Bucket<R>();
  readonly #records = new Map<Scalar, R>();

  get(value: Scalar): R | undefined {
    return this.#records.get(value);
  }

  /** The value that this record alone may have; undefined where it has none, and collides with nobody. */
  claim(record: R): Scalar | undefined {
    const filing = this.filingOf(record);
    return filing === LIST ? undefined : filing;
  }

  rows(value: Scalar): Bucket<R> {
    const record = this.#records.get(value);
    return record === undefined ? new Bucket<R>() : new Bucket(record);
  }

  toArray(value: Scalar): R[] {
    const record = this.#records.get(value);
    return record === undefined ? [] : [record];
  }

  count(value: Scalar): number {
    return this.#records.has(value) ? 1 : 0;
  }

  values(): Iterable<Scalar> {
    return this.#records.keys();
  }

  add(key: Key, record: R): void {
    const filing = this.filingOf(record);
    if (filing === LIST) this.lists.add(key, record, this.keyOf);
    else if (filing !== undefined) this.#records.set(filing, record);
  }

  replace(key: Key, previous: R, next: R): void {
    const filing = this.filingOf(previous);
    if (filing === this.filingOf(next)) {
      if (filing === LIST) this.lists.replace(key, previous, next);
      else if (filing !== undefined) this.#records.set(filing, next);
      return;
    }
    this.remove(key, previous);
    this.add(key, next);
  }

  remove(key: Key, record: R): void {
    const filing = this.filingOf(record);
    if (filing === LIST) this.lists.remove(key, record);
    // In a batch another record may have been given the value before this one gave it up.
    else if (filing !== undefined && this.#records.get(filing) === record) this.#records.delete(filing);
  }
}
