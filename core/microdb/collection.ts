import { arrange, checkOptions, comparison, type FindOptions } from './arrange.js';
import { type Rows, RowsView } from './bucket.js';
import type { CompleteDefinition, IndexDefinition } from './definition.js';
import { MicroDBError } from './errors.js';
import type { Feed } from './feed.js';
import type { Key, KeyPart, Scalar } from './key.js';
import type { PlanKind } from './plan.js';
import { compileQuery, type Query } from './query.js';
import { acceptRecord, patchRecord, type WriteOptions } from './record.js';
import { checkIsQuery, search, wholeAnswer } from './search.js';
import type { Table } from './table.js';

/** How a query is answered. */
export interface Explanation {
  /** The index used: 'primary' is the key, null none; more than one for the branches of an `$or`. */
  readonly index: string | null;
  /** How the index is used: for whole values, for a range of them, for its order alone, or for each branch of `$or`. */
  readonly kind: PlanKind;
  /** How many records it looks at, at most. */
  readonly examined: number;
  /** A sort was asked for, and the index brings it: nothing is sorted, and no more read than a limit lets through. */
  readonly sorted: boolean;
}

/**
 * Records of one kind, found by primary key, by index and by query. Every record handed out is the stored one itself,
 * deeply frozen, so that a read costs no copy. Each write outside of a batch is a commit of its own.
 */
export class Collection<R extends object> {
  readonly #table: Table<R>;
  readonly #feed: Feed;

  /** Made by `MicroDB.collection`. */
  constructor(table: Table<R>, feed: Feed) {
    this.#table = table;
    this.#feed = feed;
  }

  get name(): string {
    return this.#table.name;
  }

  get definition(): CompleteDefinition {
    return this.#table.definition;
  }

  get size(): number {
    return this.#table.records.size;
  }

  /** All records in the order of insertion; one that is replaced keeps its place. */
  [Symbol.iterator](): IterableIterator<R> {
    return this.#table.records.values();
  }

  /** The record with this primary key, given as its parts. Throws INVALID_QUERY where they are no key. */
  get(...key: readonly KeyPart[]): R | undefined {
    return this.#table.records.get(this.#table.keyFrom(key));
  }

  /** What stands for a primary key in {@link at}: for callers that keep it, and ask for the same record often. */
  keyFor(...key: readonly KeyPart[]): Key {
    return this.#table.keyFrom(key);
  }

  /** The record with the key that {@link keyFor} gave. */
  at(key: Key): R | undefined {
    return this.#table.records.get(key);
  }

  /** The record with these values of a unique index. Throws INVALID_QUERY for an index that is not there or not unique. */
  getBy(indexName: string, ...values: readonly Scalar[]): R | undefined {
    const index = this.#table.index(indexName);
    if (index.owners !== undefined) return index.owners.get(this.#table.valuesFor(index, values));
    throw new MicroDBError(
      'INVALID_QUERY',
      `The index "${indexName}" of "${this.name}" is not unique; use by("${indexName}", …) for all its records.`,
    );
  }

  /**
   * The records with these values of an index, also in a list: in the order they came to them, in an ordered index in that
   * of their keys. A view, to iterate over at once.
   */
  by(indexName: string, ...values: readonly Scalar[]): Rows<R> {
    const index = this.#table.index(indexName);
    return new RowsView(index.rows(this.#table.valuesFor(index, values)));
  }

  /** How many records {@link by} would give. */
  countBy(indexName: string, ...values: readonly Scalar[]): number {
    const index = this.#table.index(indexName);
    return index.count(this.#table.valuesFor(index, values));
  }

  /**
   * The values of an index on one field that any record has, also in a list, without a copy; of an ordered index in order.
   * Throws INVALID_QUERY for indexes on several fields.
   */
  valuesOf(indexName: string): Iterable<Scalar> {
    const index = this.#table.index(indexName);
    if (index.fields.length === 1) return index.values();
    throw new MicroDBError(
      'INVALID_QUERY',
      `The index "${indexName}" of "${this.name}" is on several fields; valuesOf takes one on a single field.`,
    );
  }

  /** The records a query asks for, in an array of the caller's own. Throws INVALID_QUERY. */
  find(query: Query = {}, options?: FindOptions): R[] {
    const whole = options === undefined ? wholeAnswer(this.#table, query) : undefined;
    if (whole !== undefined) return whole;
    if (options === undefined) return [...search(this.#table, query).found];
    const arrangement = checkOptions(options);
    const { plan, found } = search(this.#table, query, arrangement);
    return arrange(this.#table, found, arrangement, plan.isSorted);
  }

  /** How many records a query asks for. Throws INVALID_QUERY. */
  count(query: Query = {}): number {
    const { plan, found } = search(this.#table, query);
    if (plan.isCounted) return plan.count;
    let count = 0;
    for (const _ of found) count++;
    return count;
  }

  /** How {@link find} would go about a query. Throws INVALID_QUERY. */
  explain(query: Query = {}, options: FindOptions = {}): Explanation {
    const { plan } = search(this.#table, query, checkOptions(options));
    return { index: plan.index, kind: plan.kind, examined: plan.count, sorted: plan.isSorted };
  }

  /**
   * Those records that the best index for a query leaves to be looked at: all that it asks for, and perhaps more. A view:
   * where records change while it is iterated over, those of an ordered index may come twice or not at all. Throws
   * INVALID_QUERY.
   */
  candidates(query: Query): Iterable<R> {
    return search(this.#table, query).plan.read();
  }

  /** Whether a query asks for a record: for who goes through records himself, a few at a time. Throws INVALID_QUERY. */
  matcher(query: Query): (record: R) => boolean {
    checkIsQuery(query);
    return compileQuery(query);
  }

  /** How {@link find} orders by some fields: for who has found records himself. Throws INVALID_QUERY. */
  comparison(sort: NonNullable<FindOptions['sort']>): (a: R, b: R) => number {
    return comparison(this.#table, checkOptions({ sort }).sort);
  }

  /**
   * Adds an index of the records there are; true, or false where it is there already, defined alike. Throws
   * INVALID_DEFINITION, also where one of this name is defined otherwise; DUPLICATE_KEY where the records are not unique
   * in it, INVALID_RECORD where the lists of one are too long for it; INVALID_BATCH inside a batch, UNKNOWN_COLLECTION.
   */
  createIndex(name: string, index: IndexDefinition): boolean {
    this.#feed.checkFree();
    this.#table.checkIsThere();
    return this.#table.createIndex(name, index);
  }

  /** Takes an index away; queries go on without it. Throws INVALID_QUERY where there is none of this name, INVALID_BATCH. */
  dropIndex(name: string): void {
    this.#feed.checkFree();
    this.#table.checkIsThere();
    this.#table.dropIndex(name);
  }

  /** Adds a record and gives back what is stored. Throws INVALID_RECORD; DUPLICATE_KEY where its key is taken. */
  insert(value: R, options?: WriteOptions): R {
    const record = acceptRecord(this.#table, value, options);
    const key = this.#table.keyOf(record);
    if (this.#table.records.has(key)) this.#table.refuseDuplicateKey(record);
    return this.#commit(key, undefined, record, options?.revision);
  }

  /** Adds a record, or puts it in the place of the one with its key. Throws INVALID_RECORD, DUPLICATE_KEY. */
  put(value: R, options?: WriteOptions): R {
    const record = acceptRecord(this.#table, value, options);
    const key = this.#table.keyOf(record);
    return this.#commit(key, this.#table.records.get(key), record, options?.revision);
  }

  /**
   * Replaces the members of a record that the patch names (the whole member, at any depth); one given as undefined is
   * removed. Throws NOT_FOUND; INVALID_RECORD, also where the key would change; DUPLICATE_KEY.
   */
  update(key: KeyPart | readonly KeyPart[], patch: Partial<R>, options?: { readonly revision?: number }): R {
    const found = this.#table.keyFrom(Array.isArray(key) ? key : [key]);
    const previous = this.#table.records.get(found);
    const next = patchRecord(this.#table, found, previous, patch);
    return this.#commit(found, previous, next, options?.revision);
  }

  /** Removes a record and gives it back; undefined where there was none. */
  remove(...key: readonly KeyPart[]): R | undefined {
    const found = this.#table.keyFrom(key);
    const previous = this.#table.records.get(found);
    if (previous !== undefined) this.#commit(found, previous, undefined, undefined);
    return previous;
  }

  /**
   * Puts a deeply frozen record as part of a state that is restored from elsewhere: no commit, and no watcher hears of
   * it. `key` is what {@link keyFor} gives, for who has it. Answers the record whose place it takes. See
   * `MicroDB.startAt`. Throws DUPLICATE_KEY, INVALID_BATCH.
   */
  load(record: R, key: Key = this.#table.keyOf(record)): R | undefined {
    this.#feed.checkFree();
    this.#table.checkIsThere();
    const previous = this.#table.records.get(key);
    this.#table.checkIndexes(record, previous);
    this.#table.apply(key, previous, record);
    return previous;
  }

  /** Takes a record out again that `load` had put there. */
  unload(...key: readonly KeyPart[]): void {
    this.#feed.checkFree();
    const found = this.#table.keyFrom(key);
    const previous = this.#table.records.get(found);
    if (previous !== undefined) this.#table.apply(found, previous, undefined);
  }

  /** A batch of one. Everything that can refuse it comes before the first thing that changes. */
  #commit<N extends R | undefined>(key: Key, previous: R | undefined, next: N, given: number | undefined): N {
    this.#table.checkIsThere();
    if (next !== undefined) this.#table.checkIndexes(next, previous);
    const revision = this.#feed.nextRevision(given);
    this.#table.apply(key, previous, next);
    this.#feed.publishOne(revision, this.#table, previous, next);
    return next;
  }
}
