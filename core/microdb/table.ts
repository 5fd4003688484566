import type { CompleteDefinition } from './definition.js';
import { MicroDBError, show } from './errors.js';
import { recordRules } from './json.js';
import { fieldOf, isScalar, joinScalars, type Key, type KeyPart, keyOfRecord, type Scalar } from './key.js';
import { suggest } from './nearest.js';
import { GroupIndex, type RecordIndex, UniqueIndex } from './record-index.js';

/** The records of one collection and their indexes. It stores what it is told; revisions and watchers are others' work. */
export class Table<R extends object> {
  readonly name: string;
  readonly definition: CompleteDefinition;
  /** How a value becomes a record. */
  readonly rules = recordRules();
  /** Whether its collection was dropped; whoever still holds that may read, and finds nothing, but not write. */
  isDropped = false;
  /** By primary key, in the order of insertion. */
  readonly records = new Map<Key, R>();
  readonly indexes: readonly RecordIndex<R>[];
  readonly uniques: readonly UniqueIndex<R>[];
  readonly #byName: ReadonlyMap<string, RecordIndex<R>>;
  /** The indexes on a single field, by that field: where the quickest queries look first. */
  readonly #byField: ReadonlyMap<string, RecordIndex<R>>;

  /** The primary key of a record. Throws INVALID_RECORD where a part is missing or of another type. */
  readonly keyOf = (record: R): Key => keyOfRecord(record, this.definition.key);

  constructor(name: string, definition: CompleteDefinition) {
    this.name = name;
    this.definition = definition;
    this.indexes = Object.entries(definition.indexes).map(([indexName, index]) =>
      index.unique
        ? new UniqueIndex<R>(indexName, index, this.keyOf)
        : new GroupIndex<R>(indexName, index, this.keyOf),
    );
    this.uniques = this.indexes.filter((index) => index instanceof UniqueIndex);
    this.#byName = new Map(this.indexes.map((index) => [index.name, index]));
    const single = this.indexes.filter((index) => index.fields.length === 1);
    this.#byField = new Map(single.map((index) => [index.fields[0] as string, index]));
  }

  /** The key that these parts make. Throws INVALID_QUERY where there are too few or too many, or one is no key part. */
  keyFrom(parts: readonly unknown[]): Key {
    const { key } = this.definition;
    if (parts.length === key.length) {
      if (parts.length === 1 && isKeyPart(parts[0])) return parts[0];
      if (parts.every(isKeyPart)) return joinScalars(parts);
    }
    throw new MicroDBError(
      'INVALID_QUERY',
      `The key of "${this.name}" was given as (${parts.map(show).join(', ')}); expected a string or number for each of ${key.join(', ')}.`,
    );
  }

  /** The parts of a record's key, in the definition's order. */
  partsOf(record: R): readonly KeyPart[] {
    return Object.freeze(this.definition.key.map((field) => fieldOf(record, field) as KeyPart));
  }

  /** The index of this name. Throws INVALID_QUERY where there is none. */
  index(name: string): RecordIndex<R> {
    const index = this.#byName.get(name);
    if (index !== undefined) return index;
    throw new MicroDBError(
      'INVALID_QUERY',
      `"${this.name}" has no index ${show(name)}.${suggest(String(name), [...this.#byName.keys()])}`,
    );
  }

  indexOnField(field: string): RecordIndex<R> | undefined {
    return this.#byField.get(field);
  }

  /** The value that an index files these values under. Throws INVALID_QUERY where they are not one scalar a field. */
  valueIn(index: RecordIndex<R>, values: readonly unknown[]): Scalar {
    if (values.length === index.fields.length && values.every(isScalar)) return index.valueFor(values);
    throw new MicroDBError(
      'INVALID_QUERY',
      `The index "${index.name}" was asked for (${values.map(show).join(', ')}); expected a string, number or boolean for each of ${index.fields.join(', ')}.`,
    );
  }

  /** Throws DUPLICATE_KEY where a record other than `previous` has a value of a unique index that `next` has. */
  checkUnique(next: R, previous: R | undefined): void {
    for (const index of this.uniques) {
      const value = index.claim(next);
      const owner = value === undefined ? undefined : index.get(value);
      if (owner !== undefined && owner !== previous) this.refuseDuplicate(index, next);
    }
  }

  /** Throws UNKNOWN_COLLECTION where the collection was dropped. */
  checkIsThere(): void {
    if (!this.isDropped) return;
    throw new MicroDBError(
      'UNKNOWN_COLLECTION',
      `The collection "${this.name}" was dropped; ask the database for it again.`,
    );
  }

  /** Throws the DUPLICATE_KEY of a record whose key is taken. */
  refuseDuplicateKey(record: R): never {
    this.#refuse('primary', this.definition.key, record);
  }

  /** Throws the DUPLICATE_KEY of a record whose value in a unique index is taken. */
  refuseDuplicate(index: RecordIndex<R>, record: R): never {
    this.#refuse(index.name, index.fields, record);
  }

  /** Puts `next` in the place of `previous`; undefined stands for "not there". Can't fail: checks come before. */
  apply(key: Key, previous: R | undefined, next: R | undefined): void {
    if (next === undefined) this.records.delete(key);
    else this.records.set(key, next);
    for (const index of this.indexes) {
      if (previous === undefined) index.add(key, next as R);
      else if (next === undefined) index.remove(key, previous);
      else index.replace(key, previous, next);
    }
  }

  #refuse(index: string, fields: readonly string[], record: R): never {
    const values = fields.map((field) => `${field} ${show(fieldOf(record, field))}`).join(', ');
    throw new MicroDBError(
      'DUPLICATE_KEY',
      `"${this.name}" already has a record with ${values} (index "${index}"); use another value, or change that record.`,
    );
  }
}

function isKeyPart(value: unknown): value is KeyPart {
  return typeof value === 'string' || typeof value === 'number';
}
