import { type Change, type Compacted, changeOf, type FeedEvent, type Write } from './change.js';
import { MicroDBError, show } from './errors.js';
import { type Follow, Follower, type FollowFilter } from './follower.js';
import { DEFAULT_RING_SIZE, MAX_REVISION, MAX_WATCHERS } from './limits.js';
import { Ring } from './ring.js';
import type { Table } from './table.js';
import { type Watch, type WatchCallback, Watchers } from './watchers.js';

/** Which changes: those after revision `since`, those of one collection. */
export interface ChangeFilter {
  readonly since?: number;
  readonly collection?: string;
}

/** Which changes, and about how many: a commit is never given in part, so one that is larger comes alone. */
export interface ChangesFilter extends ChangeFilter {
  readonly since: number;
  readonly limit?: number;
}

/** Changes, and the revision up to which they are all: to be asked with next. */
export interface Changes {
  readonly revision: number;
  readonly changes: Change[];
}

/** Where a reader of the feed is. */
export interface Place {
  /** The last revision it knows of. */
  revision: number;
  /** Which of the feed's histories that is a revision of; see {@link Feed.startAt}. */
  history: number;
}

/** Numbers the commits, keeps the last changes, and serves everyone who wants to know of them. */
export class Feed {
  #ring: Ring;
  readonly #ringSize: number;
  readonly #watchers: Watchers;
  #followers = 0;
  /** What wakes those followers that wait for the next commit. */
  readonly #waiting = new Set<() => void>();
  #revision: number;
  #history = 0;
  #isBatchOpen = false;

  constructor(ringSize: number, revision: number, onWatcherError: (error: unknown) => void) {
    this.#ringSize = ringSize;
    this.#ring = new Ring(ringSize, revision);
    this.#revision = revision;
    this.#watchers = new Watchers(Math.max(ringSize, DEFAULT_RING_SIZE), onWatcherError);
  }

  get revision(): number {
    return this.#revision;
  }

  /**
   * Begins anew after `revision`: what was before is no longer kept, and everyone who listens is told so. Throws
   * INVALID_REVISION, INVALID_BATCH.
   */
  startAt(revision: number): void {
    if (revision !== this.#revision) this.nextRevision(revision);
    this.checkFree();
    this.#revision = revision;
    this.#history++;
    this.#ring = new Ring(this.#ringSize, revision);
    this.#watchers.tellCompacted(revision);
    this.#wakeFollowers();
  }

  /** Until it ends, only the batch may write. Throws INVALID_BATCH where one is open already. */
  openBatch(): void {
    this.checkFree();
    this.#isBatchOpen = true;
  }

  endBatch(): void {
    this.#isBatchOpen = false;
  }

  /** Throws INVALID_BATCH while a batch is open. */
  checkFree(): void {
    if (!this.#isBatchOpen) return;
    throw new MicroDBError(
      'INVALID_BATCH',
      'A batch is open; inside its function write through the batch it is given, and begin no other.',
    );
  }

  /**
   * The revision of the commit that is about to be made: the one given, or the next. Throws INVALID_REVISION where it is
   * not greater than the last, INVALID_BATCH inside a batch, LIMIT_REACHED where watchers write without end.
   */
  nextRevision(given: number | undefined): number {
    this.checkFree();
    if (this.#watchers.isDelivering) this.#watchers.countChained();
    if (given === undefined) return this.#revision + 1;
    if (Number.isSafeInteger(given) && given > this.#revision && given <= MAX_REVISION) return given;
    throw new MicroDBError(
      'INVALID_REVISION',
      `The revision is ${show(given)}; expected an integer greater than the last, ${this.#revision}, and at most ${MAX_REVISION}.`,
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
    if (this.#waiting.size > 0) this.#wakeFollowers();
    if (this.#watchers.size > 0) this.#watchers.tell([{ revision, table: anyTable, previous, next }]);
  }

  /** Makes known what was committed under a revision of {@link nextRevision}. */
  publish(revision: number, writes: readonly Write[]): void {
    this.#revision = revision;
    for (const { table, previous, next } of writes) this.#ring.push(revision, table, previous, next);
    if (writes.length === 0) return;
    if (this.#waiting.size > 0) this.#wakeFollowers();
    if (this.#watchers.size > 0) this.#watchers.tell(writes);
  }

  /** The changes after a revision, or word that they are no longer all kept. */
  changes({ since, collection, limit = Number.MAX_SAFE_INTEGER }: ChangesFilter): Compacted | Changes {
    checkSince(since);
    if (!Number.isSafeInteger(limit) || limit < 1) {
      throw new MicroDBError('INVALID_QUERY', `limit is ${show(limit)}; expected an integer from 1.`);
    }
    const commits = this.#commitsAfter(since, collection);
    if (commits === undefined) return this.#compacted();
    const changes: Change[] = [];
    for (const commit of commits) {
      const last = changes.at(-1);
      if (last !== undefined && changes.length + commit.length > limit) {
        return { revision: last.revision, changes };
      }
      for (const write of commit) changes.push(changeOf(write));
    }
    return { revision: this.#revision, changes };
  }

  watch({ since, collection }: ChangeFilter, callback: WatchCallback): Watch {
    if (since !== undefined) checkSince(since);
    if (typeof callback !== 'function') {
      throw new MicroDBError('INVALID_QUERY', `The watcher is ${show(callback)}; expected a function.`);
    }
    this.#checkRoom();
    const place = since === undefined ? undefined : { revision: since, history: this.#history };
    return this.#watchers.add(callback, collection, place && (() => this.read(place, collection)));
  }

  follow({ since, collection, signal }: FollowFilter): Follow {
    if (since !== undefined) checkSince(since);
    if (signal !== undefined && typeof signal?.addEventListener !== 'function') {
      throw new MicroDBError('INVALID_QUERY', `signal is ${show(signal)}; expected an AbortSignal.`);
    }
    this.#checkRoom();
    this.#followers++;
    const place = { revision: since ?? this.#revision, history: this.#history };
    return new Follower({
      read: () => this.read(place, collection),
      wait: (wake) => this.#waiting.add(wake),
      leave: (wake) => {
        this.#followers--;
        this.#waiting.delete(wake);
      },
      signal,
    });
  }

  /**
   * What comes first after a place, which moves on past it: a commit's changes, or word that some are gone; undefined
   * where nothing has come yet.
   */
  read(place: Place, collection: string | undefined): FeedEvent | undefined {
    const commits =
      place.history === this.#history ? this.#commitsAfter(place.revision, collection) : undefined;
    place.history = this.#history;
    place.revision = this.#revision;
    if (commits === undefined) return this.#compacted();
    for (const commit of commits) {
      const changes = Object.freeze(commit.map(changeOf));
      place.revision = changes[0]?.revision ?? this.#revision;
      return changes;
    }
    return undefined;
  }

  #commitsAfter(revision: number, collection: string | undefined): Iterable<readonly Write[]> | undefined {
    // A revision still to come is one of another history, of before a restore say: what it knows can't be relied upon.
    return revision > this.#revision ? undefined : this.#ring.commitsAfter(revision, collection);
  }

  #compacted(): Compacted {
    return Object.freeze({ compacted: true, revision: this.#revision });
  }

  /** Each waits anew when it has read what there is, so that a burst of commits wakes it once. */
  #wakeFollowers(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  #checkRoom(): void {
    if (this.#watchers.size + this.#followers < MAX_WATCHERS) return;
    throw new MicroDBError(
      'LIMIT_REACHED',
      `There are ${MAX_WATCHERS} watchers and followers already; close those not needed.`,
    );
  }
}

function checkSince(since: number): void {
  if (Number.isSafeInteger(since) && since >= 0) return;
  throw new MicroDBError('INVALID_QUERY', `since is ${show(since)}; expected a revision, an integer from 0.`);
}
