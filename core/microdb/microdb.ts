import { Batch } from './batch.js';
import type { Compacted, Write } from './change.js';
import { Collection } from './collection.js';
import type { CommandResult } from './command-answer.js';
import { type CollectionDefinition, completeDefinition, sameDefinition } from './definition.js';
import { MicroDBError, show } from './errors.js';
import { executeCommand } from './execute.js';
import { type ChangeFilter, type Changes, type ChangesFilter, Feed } from './feed.js';
import type { Follow, FollowFilter } from './follower.js';
import type { JsonObject } from './json.js';
import { DEFAULT_RING_SIZE, MAX_COLLECTIONS, MAX_RING_SIZE } from './limits.js';
import { suggest } from './nearest.js';
import { readSnapshot, type Snapshot, writeSnapshot } from './snapshot.js';
import { Staging } from './stage.js';
import { Table } from './table.js';
import type { Watch, WatchCallback } from './watchers.js';

/** What a database may be told when it is made. */
export interface MicroDBOptions {
  /** How many changes are kept for `changes({ since })` and `watch({ since })`; 10,000 unless told otherwise. */
  readonly ringSize?: number;
  /** Told what a watcher threw; else it becomes a warning of the process. */
  readonly onWatcherError?: (error: unknown) => void;
}

/** A collection as the database keeps it: the type of its records is a promise of whoever asks for it. */
interface Entry {
  readonly table: Table<object>;
  readonly collection: Collection<object>;
}

/**
 * An embeddable in-memory database of JSON records: collections with indexes, queries as `sift` has them, atomic
 * batches, and a feed of changes by revision. All of it is synchronous.
 */
export class MicroDB {
  readonly #entries = new Map<string, Entry>();
  #feed: Feed;

  constructor(options: MicroDBOptions = {}) {
    this.#feed = makeFeed(options, 0);
  }

  /** The number of the last commit; it rises with every one, perhaps with gaps. */
  get revision(): number {
    return this.#feed.revision;
  }

  /** The names of all collections. */
  get collections(): readonly string[] {
    return [...this.#entries.keys()];
  }

  /**
   * The collection of this name; with a definition it is made where it isn't there yet. Throws UNKNOWN_COLLECTION where
   * it is neither there nor defined, INVALID_DEFINITION where the definition is wrong or not the one it was made with.
   */
  collection<R extends object = JsonObject>(name: string, definition?: CollectionDefinition): Collection<R> {
    if (definition === undefined) return this.#entry(name).collection as unknown as Collection<R>;
    const complete = completeDefinition(name, definition);
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      if (this.#entries.size >= MAX_COLLECTIONS) {
        throw new MicroDBError(
          'LIMIT_REACHED',
          `There are ${MAX_COLLECTIONS} collections already; use one of them.`,
        );
      }
      entry = this.#add(new Table(name, complete));
    } else if (!sameDefinition(entry.table.definition, complete)) {
      throw new MicroDBError(
        'INVALID_DEFINITION',
        `The collection "${name}" exists with another key or other indexes; ask for it without a definition.`,
      );
    }
    return entry.collection as unknown as Collection<R>;
  }

  /**
   * Takes a collection out with its records, each of which is told of as removed, all in one commit; false where there
   * is none of this name. Who watches its name hears of the next collection that is given it; who still holds the
   * collection itself finds nothing in it, and may not write. Throws INVALID_BATCH, INVALID_REVISION.
   */
  dropCollection(name: string, options: { readonly revision?: number } = {}): boolean {
    this.#feed.checkFree();
    const table = this.#entries.get(name)?.table;
    if (table === undefined) return false;
    const revision = this.#feed.nextRevision(options.revision);
    this.#entries.delete(name);
    table.isDropped = true;
    const writes: Write[] = [];
    for (const [key, previous] of table.records) {
      table.apply(key, previous, undefined);
      writes.push({ revision, table, previous, next: undefined });
    }
    if (writes.length > 0 || options.revision !== undefined) this.#feed.publish(revision, writes);
    return true;
  }

  /**
   * Runs a function whose writes, made through the batch it is given, become one commit, all of them or none: none when
   * it throws. Its result is handed back. It must be synchronous; meanwhile nothing else may be written. A batch that
   * changes nothing is no commit, unless it was given a revision. Throws what the function throws, INVALID_BATCH,
   * INVALID_REVISION.
   */
  batch<T>(run: (batch: Batch) => T, options: { readonly revision?: number } = {}): T {
    const revision = this.#feed.nextRevision(options.revision);
    const staging = new Staging((name) => this.#entry(name).table);
    this.#feed.openBatch();
    let result: T;
    try {
      result = run(new Batch(staging));
      refusePromise(result);
    } finally {
      staging.close();
      this.#feed.endBatch();
    }
    if (!staging.isUnchanged || options.revision !== undefined) {
      this.#feed.publish(revision, staging.commit(revision));
    }
    return result;
  }

  /**
   * The changes after a revision, if all of them are still kept; with a limit, as many whole commits as it has room for,
   * but one at least. Throws INVALID_QUERY, UNKNOWN_COLLECTION.
   */
  changes(filter: ChangesFilter): Compacted | Changes {
    if (filter.collection !== undefined) this.#entry(filter.collection);
    return this.#feed.changes(filter);
  }

  /**
   * Calls back after each commit with its changes: synchronously, in the order of revisions, never from inside another
   * call. With `since` it begins with what came after that revision, or with word that this is no longer all kept.
   * A callback may write (it is called for that when everyone knows of the commit before), watch and close; where what is
   * so written and not yet told outgrows the ring, everyone is told `compacted` instead.
   */
  watch(filter: ChangeFilter, callback: WatchCallback): Watch {
    if (filter.collection !== undefined) this.#entry(filter.collection);
    return this.#feed.watch(filter, callback);
  }

  /**
   * The same as {@link watch} for `for await`, at the reader's own pace, from this call on or from `since`. Nothing is kept
   * for a reader: one that the ring has overtaken is told `compacted`, and goes on from there. Leave the loop, call `return` or
   * abort the signal to end it. Throws INVALID_QUERY, UNKNOWN_COLLECTION, LIMIT_REACHED.
   */
  follow(filter: FollowFilter = {}): Follow {
    if (filter.collection !== undefined) this.#entry(filter.collection);
    return this.#feed.follow(filter);
  }

  /**
   * Says which revision the state that `Collection.load` has put in is of: commits go on after it, and what changed up
   * to it can't be asked for; watchers and followers are told `compacted`. Throws INVALID_REVISION where it is less than
   * the last.
   */
  startAt(revision: number): void {
    this.#feed.startAt(revision);
  }

  /** The JSON API: one command in, one result out. It never throws: what is wrong is in the result. */
  execute(command: unknown): CommandResult {
    return executeCommand(this, command);
  }

  /** Everything but the changes kept: definitions, records, revision. The records are the stored ones, frozen. */
  toJSON(): Snapshot {
    return writeSnapshot(
      this.revision,
      [...this.#entries.values()].map(({ table }) => table),
    );
  }

  /** A database from what {@link toJSON} gave. Throws INVALID_SNAPSHOT. */
  static fromJSON(json: unknown, options: MicroDBOptions = {}): MicroDB {
    const { revision, tables } = readSnapshot(json);
    const db = new MicroDB(options);
    db.#feed = makeFeed(options, revision);
    for (const table of tables) db.#add(table);
    return db;
  }

  #add(table: Table<object>): Entry {
    const entry = { table, collection: new Collection(table, this.#feed) };
    this.#entries.set(table.name, entry);
    return entry;
  }

  #entry(name: string): Entry {
    const entry = this.#entries.get(name);
    if (entry !== undefined) return entry;
    throw new MicroDBError(
      'UNKNOWN_COLLECTION',
      `There is no collection ${show(name)}.${suggest(String(name), this.collections)}`,
    );
  }
}

function makeFeed(options: MicroDBOptions, revision: number): Feed {
  const { ringSize = DEFAULT_RING_SIZE, onWatcherError = warn } = options;
  if (!Number.isSafeInteger(ringSize) || ringSize < 0 || ringSize > MAX_RING_SIZE) {
    throw new MicroDBError(
      'INVALID_DEFINITION',
      `ringSize is ${show(ringSize)}; expected 0 to ${MAX_RING_SIZE}.`,
    );
  }
  return new Feed(ringSize, revision, onWatcherError);
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : `A watcher of MicroDB threw ${show(error)}`);
}

/** A batch must be over when its function returns; what an async one does later would come too late. */
function refusePromise(result: unknown): void {
  if (typeof (result as { then?: unknown } | null | undefined)?.then !== 'function') return;
  // It will most likely reject, as the batch has ended: nobody waits for it, and that must not end the process.
  Promise.resolve(result).catch(() => {});
  throw new MicroDBError(
    'INVALID_BATCH',
    'The function of a batch is async; make it synchronous: nothing was changed.',
  );
}
