import { type Change, changeOf, type FeedEvent, type Write } from './change.js';
import { MicroDBError } from './errors.js';
import { MAX_CHAINED_COMMITS } from './limits.js';

/**
 * Called with the changes of one commit, or told that what it asked for is gone. Both are frozen. The watch is given as well,
 * to be closed: while it is told what it missed, `db.watch` has not returned yet.
 */
export type WatchCallback = (event: FeedEvent, watch: Watch) => void;

/** A watch that goes on until it is closed. */
export interface Watch {
  close(): void;
}

interface Watcher {
  readonly callback: WatchCallback;
  readonly collection: string | undefined;
  readonly watch: Watch;
  /** The number of the last event that is not for it: one that begins inside a callback must not hear what is queued. */
  after: number;
  isOpen: boolean;
}

/** An event on its way, numbered in the order of events. */
interface Queued {
  readonly event: FeedEvent;
  readonly number: number;
}

/**
 * Calls the watchers back, in order and one event after the other. What watchers write meanwhile waits in a queue; where
 * that grows past its limit, all of it gives way to word that it is lost.
 */
export class Watchers {
  readonly #limit: number;
  readonly #onError: (error: unknown) => void;
  readonly #watchers = new Set<Watcher>();
  #queue: Queued[] = [];
  /** Changes in the queue. */
  #queued = 0;
  #lastNumber = 0;
  #isDelivering = false;
  #chained = 0;

  /** `limit`: of the changes that may wait; a single commit may be larger. */
  constructor(limit: number, onError: (error: unknown) => void) {
    this.#limit = limit;
    this.#onError = onError;
  }

  get size(): number {
    return this.#watchers.size;
  }

  get isDelivering(): boolean {
    return this.#isDelivering;
  }

  /** Counts a commit that is made while watchers are called. Throws LIMIT_REACHED where it is taken for a loop. */
  countChained(): void {
    if (++this.#chained <= MAX_CHAINED_COMMITS) return;
    throw new MicroDBError(
      'LIMIT_REACHED',
      `Watchers caused ${MAX_CHAINED_COMMITS} commits from inside their callbacks; one of them probably answers its own changes.`,
    );
  }

  /** Adds a watcher. It is first told what `missed` gives, an event at each call, until that has no more. */
  add(
    callback: WatchCallback,
    collection: string | undefined,
    missed: (() => FeedEvent | undefined) | undefined,
  ): Watch {
    const watch = {
      close: () => {
        watcher.isOpen = false;
        this.#watchers.delete(watcher);
      },
    };
    const watcher: Watcher = { callback, collection, watch, after: this.#lastNumber, isOpen: true };
    this.#watchers.add(watcher);
    if (missed !== undefined) this.#catchUp(watcher, missed);
    return watch;
  }

  /** Tells everyone of a commit. */
  tell(writes: readonly Write[]): void {
    const [first] = writes;
    if (first === undefined) return;
    if (this.#queue.length > 0 && this.#queued + writes.length > this.#limit) {
      this.tellCompacted(first.revision);
    } else {
      this.#queued += writes.length;
      this.#enqueue(Object.freeze(writes.map(changeOf)));
    }
  }

  /** Tells everyone that what they were not yet told of is lost, up to this revision. */
  tellCompacted(revision: number): void {
    this.#queue = [];
    this.#queued = 0;
    this.#enqueue(Object.freeze({ compacted: true, revision }));
  }

  #enqueue(event: FeedEvent): void {
    this.#queue.push({ event, number: ++this.#lastNumber });
    if (!this.#isDelivering) this.#deliver();
  }

  #catchUp(watcher: Watcher, missed: () => FeedEvent | undefined): void {
    const wasDelivering = this.#isDelivering;
    this.#isDelivering = true;
    try {
      for (let event = missed(); event !== undefined && watcher.isOpen; event = missed()) {
        this.#call(watcher, event);
      }
    } finally {
      this.#isDelivering = wasDelivering;
    }
    // It read what its own callback wrote as well.
    watcher.after = this.#lastNumber;
    if (!wasDelivering) this.#deliver();
  }

  #deliver(): void {
    this.#isDelivering = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        this.#tellOf(next);
      }
    } finally {
      this.#chained = 0;
      this.#isDelivering = false;
    }
  }

  #tellOf({ event, number }: Queued): void {
    if (!('compacted' in event)) this.#queued -= event.length;
    for (const watcher of this.#watchers) {
      if (watcher.after >= number) continue;
      const wanted = 'compacted' in event ? event : ofCollection(event, watcher.collection);
      if (wanted !== undefined) this.#call(watcher, wanted);
    }
  }

  #call(watcher: Watcher, event: FeedEvent): void {
    try {
      const result: unknown = watcher.callback(event, watcher.watch);
      // An async function is none of the types' watchers, but its rejection would end the process.
      if (result instanceof Promise) result.catch((error: unknown) => this.#report(error));
    } catch (error) {
      this.#report(error);
    }
  }

  #report(error: unknown): void {
    try {
      this.#onError(error);
    } catch {
      // Whoever reports errors must not add to them.
    }
  }
}

/** Those of one collection, if any. */
function ofCollection(
  changes: readonly Change[],
  collection: string | undefined,
): readonly Change[] | undefined {
  if (collection === undefined || changes.every((change) => change.collection === collection)) return changes;
  const wanted = changes.filter((change) => change.collection === collection);
  return wanted.length === 0 ? undefined : Object.freeze(wanted);
}
