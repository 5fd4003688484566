import { type Change, type Compacted, changeOf, type Write } from './change.js';
import { MicroDBError, show } from './errors.js';
import { MAX_CHAINED_COMMITS, MAX_WATCHERS } from './limits.js';
import { Ring } from './ring.js';
import type { Table } from './table.js';

/** Called with the changes of one commit, or told that what it asked for is gone. Both are frozen. */
export type WatchCallback = (event: readonly Change[] | Compacted) => void;

/** Which changes: those after revision `since`, those of one collection. */
export interface ChangeFilter {
  readonly since?: number;
  readonly collection?: string;
}

/** A watch that goes on until it is closed. */
export interface Watch {
  close(): void;
}

interface Watcher {
  readonly callback: WatchCallback;
  readonly collection: string | undefined;
  /** The last revision it knows of: one that begins inside a callback must not be told what is still queued. */
  seen: number;
  isOpen: boolean;
}

/** Numbers the commits, keeps the last changes, and tells the watchers, in order and one commit after the other. */
export class Feed {
  #ring: Ring;
  readonly #ringSize: number;
  readonly #onWatcherError: (error: unknown) => void;
  #revision: number;
  #watchers: readonly Watcher[] = [];
  #queue: (readonly Change[])[] = [];
  #isDelivering = false;
  #chained = 0;
  #isBatchOpen = false;

  constructor(ringSize: number, revision: number, onWatcherError: (error: unknown) => void) {
    this.#ringSize = ringSize;
    this.#ring = new Ring(ringSize, revision);
    this.#revision = revision;
    this.#onWatcherError = onWatcherError;
  }

  get revision(): number {
    return this.#revision;
  }

  /** Begins anew after `revision`: what was before is no longer kept. Throws INVALID_REVISION, INVALID_BATCH. */
  startAt(revision: number): void {
    if (revision !== this.#revision) this.nextRevision(revision);
    this.#revision = revision;
    this.#ring = new Ring(this.#ringSize, revision);
  }

  /** Until it ends, only the batch may write. Throws INVALID_BATCH where one is open already. */
  openBatch(): void {
    this.checkFree();
    this.#isBatchOpen = true;
  }

  endBatch(): void {
    this.#isBatchOpen = false;
  }

  /**
   * The revision of the commit that is about to be made: the one given, or the next. Throws INVALID_REVISION where it is
   * not greater than the last, INVALID_BATCH inside a batch, LIMIT_REACHED where watchers write without end.
   */
  nextRevision(given: number | undefined): number {
    this.checkFree();
    if (this.#isDelivering && ++this.#chained > MAX_CHAINED_COMMITS) {
      throw new MicroDBError(
        'LIMIT_REACHED',
        `Watchers caused ${MAX_CHAINED_COMMITS} commits from inside their callbacks; one of them probably answers its own changes.`,
      );
    }
    if (given === undefined) return this.#revision + 1;
    if (Number.isSafeInteger(given) && given > this.#revision) return given;
    throw new MicroDBError(
      'INVALID_REVISION',
      `The revision is ${show(given)}; expected an integer greater than the last, ${this.#revision}.`,
    );
  }

  /** Makes known what was committed under a revision of {@link nextRevision}: one write, which is the common case. */
  publishOne<R extends object>(
    revision: number,
    table: Table<R>,
    previous: R | undefined,
    next: R | undefined,
  ): void {
    const anyTable = table as unknown as Table<object>;
    this.#revision = revision;
    this.#ring.push(revision, anyTable, previous, next);
    if (this.#watchers.length > 0) this.#tellAll([changeOf({ revision, table: anyTable, previous, next })]);
  }

  /** Makes known what was committed under a revision of {@link nextRevision}. */
  publish(revision: number, writes: readonly Write[]): void {
    this.#revision = revision;
    for (const { table, previous, next } of writes) this.#ring.push(revision, table, previous, next);
    if (this.#watchers.length > 0 && writes.length > 0) this.#tellAll(writes.map(changeOf));
  }

  /** The changes after a revision, or word that they are no longer all kept. */
  changes(
    filter: ChangeFilter & { readonly since: number },
  ): Compacted | { revision: number; changes: Change[] } {
    checkSince(filter.since);
    const revision = this.#revision;
    // A revision still to come is one of another history, of before a restore say: what it knows can't be relied upon.
    const writes = filter.since > revision ? undefined : this.#ring.since(filter.since);
    if (writes === undefined) return Object.freeze({ compacted: true, revision });
    const { collection } = filter;
    const wanted =
      collection === undefined ? writes : writes.filter(({ table }) => table.name === collection);
    return { revision, changes: wanted.map(changeOf) };
  }

  watch(filter: ChangeFilter, callback: WatchCallback): Watch {
    if (filter.since !== undefined) checkSince(filter.since);
    if (typeof callback !== 'function') {
      throw new MicroDBError('INVALID_QUERY', `The watcher is ${show(callback)}; expected a function.`);
    }
    if (this.#watchers.length >= MAX_WATCHERS) {
      throw new MicroDBError(
        'LIMIT_REACHED',
        `There are ${MAX_WATCHERS} watchers already; close those not needed.`,
      );
    }
    const watcher: Watcher = { callback, collection: filter.collection, seen: this.#revision, isOpen: true };
    this.#watchers = [...this.#watchers, watcher];
    if (filter.since !== undefined) this.#catchUp(watcher, filter.since);
    return {
      close: () => {
        watcher.isOpen = false;
        this.#watchers = this.#watchers.filter((other) => other !== watcher);
      },
    };
  }

  /** Tells a new watcher what it missed, commit by commit, before anything newer. */
  #catchUp(watcher: Watcher, since: number): void {
    const { collection } = watcher;
    const missed = this.changes(collection === undefined ? { since } : { since, collection });
    const wasDelivering = this.#isDelivering;
    this.#isDelivering = true;
    if ('compacted' in missed) {
      this.#call(watcher, missed);
    } else {
      for (const commit of commitsOf(missed.changes)) this.#call(watcher, commit);
    }
    if (!wasDelivering) this.#deliver();
  }

  #tellAll(changes: readonly Change[]): void {
    this.#queue.push(Object.freeze(changes));
    if (!this.#isDelivering) this.#deliver();
  }

  #deliver(): void {
    this.#isDelivering = true;
    for (let at = 0; at < this.#queue.length; at++) {
      const changes = this.#queue[at] as readonly Change[];
      const revision = changes[0]?.revision ?? 0;
      for (const watcher of this.#watchers) {
        if (watcher.seen >= revision) continue;
        watcher.seen = revision;
        this.#tell(watcher, changes);
      }
    }
    this.#queue = [];
    this.#chained = 0;
    this.#isDelivering = false;
  }

  #tell(watcher: Watcher, changes: readonly Change[]): void {
    const wanted = ofCollection(changes, watcher.collection);
    if (wanted.length > 0) this.#call(watcher, Object.freeze(wanted));
  }

  #call(watcher: Watcher, event: readonly Change[] | Compacted): void {
    if (!watcher.isOpen) return;
    try {
      const result: unknown = watcher.callback(event);
      // An async function is none of the types' watchers, but its rejection would end the process.
      if (result instanceof Promise) result.catch((error: unknown) => this.#report(error));
    } catch (error) {
      this.#report(error);
    }
  }

  #report(error: unknown): void {
    try {
      this.#onWatcherError(error);
    } catch {
      // Whoever reports errors must not add to them.
    }
  }

  /** Throws INVALID_BATCH while a batch is open. */
  checkFree(): void {
    if (!this.#isBatchOpen) return;
    throw new MicroDBError(
      'INVALID_BATCH',
      'A batch is open; inside its function write through the batch it is given, and begin no other.',
    );
  }
}

function ofCollection(changes: readonly Change[], collection: string | undefined): readonly Change[] {
  if (collection === undefined || changes.every((change) => change.collection === collection)) return changes;
  return changes.filter((change) => change.collection === collection);
}

function* commitsOf(changes: readonly Change[]): Iterable<readonly Change[]> {
  for (let from = 0, to = 0; from < changes.length; from = to) {
    while (to < changes.length && changes[to]?.revision === changes[from]?.revision) to++;
    yield Object.freeze(changes.slice(from, to));
  }
}

function checkSince(since: number): void {
  if (Number.isSafeInteger(since) && since >= 0) return;
  throw new MicroDBError('INVALID_QUERY', `since is ${show(since)}; expected a revision, an integer from 0.`);
}
