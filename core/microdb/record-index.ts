import { Bucket, type Rows } from './bucket.js';
import type { IndexDefinition } from './definition.js';
import { entriesOf, scalarsIn } from './filing.js';
import { fieldOf, isScalar, joinScalars, type Key, type Scalar } from './key.js';

/**
 * What a record is filed under: one value; each of several, where a field holds a list; or undefined where it is not in
 * the index, because a field is missing, null or an object.
 */
type Filing = Scalar | readonly Scalar[] | undefined;

/** One secondary index. Values are given in the order of its fields. */
export interface RecordIndex<R extends object> {
  readonly name: string;
  readonly fields: readonly string[];
  readonly unique: boolean;
  /** How many records have a list in an indexed field: only where there are any may one be met under several values. */
  readonly lists: number;
  /** Of a unique index, what knows whose each value is. */
  readonly owners: UniqueIndex<R> | undefined;
  rows(values: readonly Scalar[]): Rows<R>;
  toArray(values: readonly Scalar[]): R[];
  count(values: readonly Scalar[]): number;
  /** Every value that a record is filed under; of a hashed index on several fields, what stands for them. */
  values(): Iterable<Scalar>;
  /** Throws INVALID_RECORD where a record would make too many entries. */
  check(record: R): void;
  add(key: Key, record: R): void;
  /** Puts `next` in the place of `previous` where both have the same value. They have the same key. */
  replace(key: Key, previous: R, next: R): void;
  remove(key: Key, record: R): void;
}

/** What both kinds of hashed index have in common: what a record is filed under. */
abstract class HashedIndex<R extends object> {
  readonly name: string;
  readonly fields: readonly string[];
  lists = 0;
  protected readonly keyOf: (record: R) => Key;
  /** The field of an index on one, which is the common case and the quick one. */
  readonly #only: string | undefined;

  constructor(name: string, definition: IndexDefinition, keyOf: (record: R) => Key) {
    this.name = name;
    this.fields = definition.fields;
    this.keyOf = keyOf;
    this.#only = definition.fields.length === 1 ? definition.fields[0] : undefined;
  }

  check(record: R): void {
    // The common case first: this is asked before every write.
    if (this.#only === undefined) for (const field of this.fields) this.#checkField(record, field);
    else this.#checkField(record, this.#only);
  }

  /** The one value that stands for the values of all fields. */
  protected valueFor(values: readonly Scalar[]): Scalar {
    return this.#only === undefined ? joinScalars(values) : (values[0] as Scalar);
  }

  protected filingOf(record: R): Filing {
    if (this.#only !== undefined) {
      const value = fieldOf(record, this.#only);
      if (isScalar(value)) return value;
      return Array.isArray(value) ? this.#filingsOf(record) : undefined;
    }
    const values: Scalar[] = [];
    for (const field of this.fields) {
      const value = fieldOf(record, field);
      if (Array.isArray(value)) return this.#filingsOf(record);
      if (!isScalar(value)) return undefined;
      values.push(value);
    }
    return joinScalars(values);
  }

  #checkField(record: R, field: string): void {
    if (Array.isArray(fieldOf(record, field))) this.#filingsOf(record);
  }

  #filingsOf(record: R): readonly Scalar[] {
    const values = this.fields.map((field) => scalarsIn(fieldOf(record, field)));
    return entriesOf(this.name, values).map((entry) => this.valueFor(entry));
  }
}

/** An index where many records may share a value. */
export class GroupIndex<R extends object> extends HashedIndex<R> implements RecordIndex<R> {
  readonly unique = false;
  readonly owners = undefined;
  readonly #buckets = new Map<Scalar, Bucket<R>>();
  readonly #none = new Bucket<R>();

  rows(values: readonly Scalar[]): Bucket<R> {
    return this.#buckets.get(this.valueFor(values)) ?? this.#none;
  }

  toArray(values: readonly Scalar[]): R[] {
    return this.#buckets.get(this.valueFor(values))?.toArray() ?? [];
  }

  count(values: readonly Scalar[]): number {
    return this.#buckets.get(this.valueFor(values))?.size ?? 0;
  }

  values(): Iterable<Scalar> {
    return this.#buckets.keys();
  }

  add(key: Key, record: R): void {
    const filing = this.filingOf(record);
    if (isList(filing)) {
      this.lists++;
      for (const value of filing) this.#add(value, key, record);
    } else if (filing !== undefined) {
      this.#add(filing, key, record);
    }
  }

  replace(key: Key, previous: R, next: R): void {
    const before = this.filingOf(previous);
    const after = this.filingOf(next);
    if (before === after) {
      if (before !== undefined) this.#buckets.get(before as Scalar)?.replace(key, previous, next);
      return;
    }
    const left = new Set(allOf(before));
    for (const value of allOf(after)) {
      // Where it was and is, it keeps its place.
      if (left.delete(value)) this.#buckets.get(value)?.replace(key, previous, next);
      else this.#add(value, key, next);
    }
    for (const value of left) this.#remove(value, key, previous);
    this.lists += Number(isList(after)) - Number(isList(before));
  }

  remove(key: Key, record: R): void {
    const filing = this.filingOf(record);
    for (const value of allOf(filing)) this.#remove(value, key, record);
    if (isList(filing)) this.lists--;
  }

  #add(value: Scalar, key: Key, record: R): void {
    const bucket = this.#buckets.get(value);
    if (bucket === undefined) this.#buckets.set(value, new Bucket(record));
    else bucket.add(key, record, this.keyOf);
  }

  #remove(value: Scalar, key: Key, record: R): void {
    const bucket = this.#buckets.get(value);
    if (bucket === undefined) return;
    if (bucket.size === 1) this.#buckets.delete(value);
    else bucket.remove(key, record);
  }
}

/** An index where a value belongs to one record. Whoever adds has asked {@link UniqueIndex.claims} before. */
export class UniqueIndex<R extends object> extends HashedIndex<R> implements RecordIndex<R> {
  readonly unique = true;
  readonly owners = this;
  readonly #records = new Map<Scalar, R>();

  get(values: readonly Scalar[]): R | undefined {
    return this.#records.get(this.valueFor(values));
  }

  /** The values that this record alone may have; none where it lacks a field, and collides with nobody. */
  claims(record: R): readonly Scalar[] {
    return allOf(this.filingOf(record));
  }

  /** Whose a value of {@link claims} is. */
  ownerOf(claim: Scalar): R | undefined {
    return this.#records.get(claim);
  }

  rows(values: readonly Scalar[]): Bucket<R> {
    return new Bucket(...this.toArray(values));
  }

  toArray(values: readonly Scalar[]): R[] {
    const record = this.get(values);
    return record === undefined ? [] : [record];
  }

  count(values: readonly Scalar[]): number {
    return this.#records.has(this.valueFor(values)) ? 1 : 0;
  }

  values(): Iterable<Scalar> {
    return this.#records.keys();
  }

  add(_key: Key, record: R): void {
    const filing = this.filingOf(record);
    if (isList(filing)) this.lists++;
    for (const value of allOf(filing)) this.#records.set(value, record);
  }

  replace(_key: Key, previous: R, next: R): void {
    const filing = this.filingOf(previous);
    if (filing !== undefined && filing === this.filingOf(next)) {
      this.#records.set(filing as Scalar, next);
      return;
    }
    // A value that it had and has keeps its place, so that whoever goes through the values meets it once.
    const after = this.filingOf(next);
    const kept = new Set(allOf(after));
    for (const value of kept) this.#records.set(value, next);
    for (const value of allOf(filing)) {
      if (!kept.has(value) && this.#records.get(value) === previous) this.#records.delete(value);
    }
    this.lists += Number(isList(after)) - Number(isList(filing));
  }

  remove(_key: Key, record: R): void {
    const filing = this.filingOf(record);
    if (isList(filing)) this.lists--;
    for (const value of allOf(filing)) {
      // In a batch another record may have been given the value before this one gave it up.
      if (this.#records.get(value) === record) this.#records.delete(value);
    }
  }
}

function isList(filing: Filing): filing is readonly Scalar[] {
  return typeof filing === 'object';
}

function allOf(filing: Filing): readonly Scalar[] {
  return filing === undefined ? [] : isList(filing) ? filing : [filing];
}
