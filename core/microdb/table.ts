import {
  type CompleteDefinition,
  type CompleteIndex,
  type IndexDefinition,
  withIndex,
  withoutIndex,
} from './definition.js';
import { MicroDBError, show } from './errors.js';
import { recordRules } from './json.js';
import { fieldOf, isScalar, joinScalars, type Key, type KeyPart, keyOfRecord, type Scalar } from './key.js';
import { suggest } from './nearest.js';
import { OrderedIndex } from './ordered-index.js';
import { GroupIndex, type RecordIndex, UniqueIndex } from './record-index.js';

/** The records of one collection and their indexes. It stores what it is told; revisions and watchers are others' work. */
export class Table<R extends object> {
  readonly name: string;
  /** How a value becomes a record. */
  readonly rules = recordRules();
  /** Whether its collection was dropped; whoever still holds that may read, and finds nothing, but not write. */
  isDropped = false;
  /** By primary key, in the order of insertion. */
  readonly records = new Map<Key, R>();
  #definition: CompleteDefinition;
  #indexes: readonly RecordIndex<R>[] = [];
  #uniques: readonly UniqueIndex<R>[] = [];
  #byName: ReadonlyMap<string, RecordIndex<R>> = new Map();
  /** The indexes on a single field, by that field: where the quickest queries look first. */
  #byField: ReadonlyMap<string, RecordIndex<R>> = new Map();

  /** The primary key of a record. Throws INVALID_RECORD where a part is missing or of another type. */
  readonly keyOf = (record: R): Key => keyOfRecord(record, this.#definition.key);

  constructor(name: string, definition: CompleteDefinition) {
    this.name = name;
    this.#definition = definition;
    this.#use(
      definition,
      Object.entries(definition.indexes).map(([indexName, index]) => this.#makeIndex(indexName, index)),
    );
  }

  get definition(): CompleteDefinition {
    return this.#definition;
  }

  get indexes(): readonly RecordIndex<R>[] {
    return this.#indexes;
  }

  /** What knows of each unique index whose each value is. */
  get uniques(): readonly UniqueIndex<R>[] {
    return this.#uniques;
  }

  /**
   * Adds an index of the records there are; false where it is there already, defined alike. Throws INVALID_DEFINITION;
   * DUPLICATE_KEY and INVALID_RECORD where a record can't be in it, and then changes nothing.
   */
  createIndex(name: string, index: IndexDefinition): boolean {
    const definition = withIndex(this.name, this.#definition, name, index);
    if (definition === this.#definition) return false;
    const made = this.#makeIndex(name, definition.indexes[name] as CompleteIndex);
    for (const [key, record] of this.records) {
      this.#checkOwners(made, record, undefined);
      made.check(record);
      made.add(key, record);
    }
    this.#use(definition, [...this.#indexes, made]);
    return true;
  }

  /** Throws INVALID_QUERY where there is no such index. */
  dropIndex(name: string): void {
    const dropped = this.index(name);
    this.#use(
      withoutIndex(this.#definition, name),
      this.#indexes.filter((index) => index !== dropped),
    );
  }

  /** The key that these parts make. Throws INVALID_QUERY where there are too few or too many, or one is no key part. */
  keyFrom(parts: readonly unknown[]): Key {
    const { key } = this.#definition;
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

  /** The values to ask an index for. Throws INVALID_QUERY where they are not one scalar a field. */
  valuesFor(index: RecordIndex<R>, values: readonly unknown[]): readonly Scalar[] {
    if (values.length === index.fields.length && values.every(isScalar)) return values;
    throw new MicroDBError(
      'INVALID_QUERY',
      `The index "${index.name}" was asked for (${values.map(show).join(', ')}); expected a string, number or boolean for each of ${index.fields.join(', ')}.`,
    );
  }

  /**
   * Throws DUPLICATE_KEY where a record other than `previous` has a value of a unique index that `next` has,
   * INVALID_RECORD where it would make too many entries.
   */
  checkIndexes(next: R, previous: R | undefined): void {
    this.checkEntries(next);
    for (const index of this.#uniques) this.#checkOwners(index, next, previous);
  }

  /** Throws INVALID_RECORD where a record would make too many entries in an index. */
  checkEntries(next: R): void {
    for (const index of this.#indexes) index.check(next);
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
    this.#refuse('primary', this.#definition.key, record);
  }

  /** Throws the DUPLICATE_KEY of a record whose value in a unique index is taken. */
  refuseDuplicate(index: RecordIndex<R>, record: R): never {
    this.#refuse(index.name, index.fields, record);
  }

  /** Puts `next` in the place of `previous`; undefined stands for "not there". Can't fail: checks come before. */
  apply(key: Key, previous: R | undefined, next: R | undefined): void {
    if (next === undefined) this.records.delete(key);
    else this.records.set(key, next);
    for (const index of this.#indexes) {
      if (previous === undefined) index.add(key, next as R);
      else if (next === undefined) index.remove(key, previous);
      else index.replace(key, previous, next);
    }
  }

  #makeIndex(name: string, index: CompleteIndex): RecordIndex<R> {
    if (index.ordered) return new OrderedIndex<R>(name, index, this.keyOf, this.#definition.key);
    return index.unique
      ? new UniqueIndex<R>(name, index, this.keyOf)
      : new GroupIndex<R>(name, index, this.keyOf);
  }

  #use(definition: CompleteDefinition, indexes: readonly RecordIndex<R>[]): void {
    this.#definition = definition;
    this.#indexes = indexes;
    this.#uniques = indexes.flatMap(({ owners }) => owners ?? []);
    this.#byName = new Map(indexes.map((index) => [index.name, index]));
    const single = indexes.filter((index) => index.fields.length === 1);
    this.#byField = new Map(single.map((index) => [index.fields[0] as string, index]));
  }

  #checkOwners(index: RecordIndex<R>, next: R, previous: R | undefined): void {
    const { owners } = index;
    if (owners === undefined) return;
    for (const value of owners.claims(next)) {
      const owner = owners.ownerOf(value);
      if (owner !== undefined && owner !== previous) this.refuseDuplicate(index, next);
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
