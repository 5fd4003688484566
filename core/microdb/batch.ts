import { arrange, checkOptions, type FindOptions } from './arrange.js';
import type { KeyPart } from './key.js';
import { compileQuery, type Query } from './query.js';
import { acceptRecord, patchRecord, type WriteOptions } from './record.js';
import { checkIsQuery, filter } from './search.js';
import type { Stage, Staging } from './stage.js';

/** What a batch's function works with: it sees its own writes, nobody else does until all of them are committed. */
export class Batch {
  readonly #staging: Staging;

  /** Made by `MicroDB.batch`. */
  constructor(staging: Staging) {
    this.#staging = staging;
  }

  /** The collection of this name. Throws UNKNOWN_COLLECTION, INVALID_BATCH. */
  collection<R extends object>(name: string): BatchCollection<R> {
    return new BatchCollection(this.#staging, this.#staging.stageOf(name) as unknown as Stage<R>);
  }
}

/**
 * One collection inside a batch. It throws what `Collection` throws, and INVALID_BATCH once the batch has ended; an error
 * that is caught has changed nothing, and the batch may go on. A record removed and put again keeps its place.
 */
export class BatchCollection<R extends object> {
  readonly #staging: Staging;
  readonly #stage: Stage<R>;

  /** Made by {@link Batch.collection}. */
  constructor(staging: Staging, stage: Stage<R>) {
    this.#staging = staging;
    this.#stage = stage;
  }

  get(...key: readonly KeyPart[]): R | undefined {
    this.#staging.checkOpen();
    return this.#stage.get(this.#stage.table.keyFrom(key));
  }

  find(query: Query = {}, options?: FindOptions): R[] {
    this.#staging.checkOpen();
    checkIsQuery(query);
    const found = filter(this.#stage.candidates(query), compileQuery(query));
    if (options === undefined) return [...found];
    return arrange(this.#stage.table, found, checkOptions(options), false);
  }

  count(query: Query = {}): number {
    return this.find(query).length;
  }

  insert(value: R, options?: Pick<WriteOptions, 'frozen'>): R {
    this.#staging.checkOpen();
    const { table } = this.#stage;
    const record = acceptRecord(table, value, options);
    const key = table.keyOf(record);
    if (this.#stage.get(key) !== undefined) table.refuseDuplicateKey(record);
    return this.#stage.put(key, record);
  }

  put(value: R, options?: Pick<WriteOptions, 'frozen'>): R {
    this.#staging.checkOpen();
    const record = acceptRecord(this.#stage.table, value, options);
    return this.#stage.put(this.#stage.table.keyOf(record), record);
  }

  update(key: KeyPart | readonly KeyPart[], patch: Partial<R>): R {
    this.#staging.checkOpen();
    const { table } = this.#stage;
    const found = table.keyFrom(Array.isArray(key) ? key : [key]);
    return this.#stage.put(found, patchRecord(table, found, this.#stage.get(found), patch));
  }

  remove(...key: readonly KeyPart[]): R | undefined {
    this.#staging.checkOpen();
    const found = this.#stage.table.keyFrom(key);
    const previous = this.#stage.get(found);
    if (previous !== undefined) this.#stage.remove(found);
    return previous;
  }
}
