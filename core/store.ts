import type { Awaitable } from './awaitable.js';
import type { ErrorCode } from './errors.js';
import type { JsonObject } from './json.js';

/**
 * The Store contract: how changes are kept, ordered and handed back (docs/adr/0001-store-contract.md).
 *
 * A store takes commits and delivers one ordered feed. What the feed delivers is what has happened; what `commit`
 * answers only says how one commit ended. A store that several registries share delivers everybody's commits alike.
 */

/** Who asked for a change, for audit and history. */
export interface By {
  /** The caller as the door knows it, or the plugin that acts of itself. */
  readonly who: string;
  /** The door the call came through, or `internal`. */
  readonly door: string;
}

/**
 * What must be true of the key for the change to be made: it has no value; its value came with that revision; or its
 * value is what that earlier commit of this server, perhaps still queued, leaves there.
 */
export type Precondition =
  | { readonly kind: 'absent' }
  | { readonly kind: 'revision'; readonly revision: number }
  | { readonly kind: 'after'; readonly commit: Commit };

/** One key of one collection gets a value, or loses it. */
export interface Change {
  readonly collection: string;
  readonly key: string;
  /** Deeply frozen; null removes the key. */
  readonly value: JsonObject | null;
  /** Without one the change is made whatever is there. */
  readonly when?: Precondition;
}

/**
 * `durable`: answered when it cannot be lost any more. `volatile`: observed health, which is delivered before `commit`
 * returns, disk or no disk, and written when it can be.
 */
export type Durability = 'durable' | 'volatile';

/** Changes that happen together or not at all. */
export interface Commit {
  readonly changes: readonly Change[];
  readonly by: By;
  readonly durability: Durability;
  /** Set by the store, once, when it gives the commit its place in the feed. */
  revision?: number;
}

/** How a commit ended. */
export type CommitOutcome =
  /** Stored as its durability promises. The feed passes it before or after this answer. */
  | { readonly kind: 'committed'; readonly revision: number }
  /** Certainly not stored. `CONFLICT`: a precondition did not hold, build the change anew; any other code is a failure. */
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string }
  /** Perhaps stored: the feed, or the next boot, decides. */
  | { readonly kind: 'unknown'; readonly message: string };

/** One commit as the feed delivers it. Revisions rise from one to the next, with gaps. */
export interface FeedCommit {
  readonly revision: number;
  readonly changes: readonly Pick<Change, 'collection' | 'key' | 'value'>[];
  readonly by: By;
  /** Whether this server made it. */
  readonly local: boolean;
}

/** One key as it stands, for boot and for snapshots. */
export interface StoredEntry {
  readonly collection: string;
  readonly key: string;
  readonly value: JsonObject;
  readonly revision: number;
}

/**
 * The other side of a store: what holds the state in memory. A store keeps no second copy; it asks here.
 * All calls are synchronous, and none throws.
 */
export interface StoreReader {
  /** During `open` only: one key as it was kept. A later entry of the same key replaces the former, null removes it. */
  load(entry: Omit<StoredEntry, 'value'> & { readonly value: JsonObject | null }): void;
  /** After `open`: the next commit of the feed. */
  apply(commit: FeedCommit): void;
  /** The revision that gave the key its present value; undefined where it has none. */
  revisionOf(collection: string, key: string): number | undefined;
  /** Everything as it stands. Commits may be applied while it is walked: each key is then met as before or as after. */
  entries(): Iterable<StoredEntry>;
}

/** What a store says of itself once it is open. */
export interface StoreState {
  /** A random id, new whenever revisions may have gone back (see the cursor, DESIGN §1). */
  readonly epoch: string;
  /** The last revision given. */
  readonly revision: number;
  /** The stable id of this server. */
  readonly home: string;
  /** What the operator should know of how the store was found, one line each. */
  readonly notes?: readonly string[];
}

export interface Store {
  /** Short name for messages: `memory`, `file`. */
  readonly kind: string;
  /** Replays what is kept into the reader. Called once, before anything else. Rejects with a STORE_ error. */
  open(reader: StoreReader): Promise<StoreState>;
  /**
   * Takes a commit. Commits of one server are placed in the order of these calls. It never throws or rejects, and it
   * ends within the store's own timeout. A memory store answers at once, its feed delivered before that.
   */
  commit(commit: Commit): Awaitable<CommitOutcome>;
  /**
   * Hands out `count` integers that were never handed out before and never will be, on any server: from the answer up.
   * The first ever is 1. Throws or rejects with a STORE_ error.
   */
  reserveIds(count: number): Awaitable<number>;
  /** Writes what is waiting and lets go of everything. No commit is taken after this call. */
  close(): Promise<void>;
}

/** What a precondition is held against: the feed's state, with the commits that stand before this one laid over it. */
export interface PreconditionView {
  /** The last commit before this one, of those not yet in the feed, that changed the key. */
  pending(collection: string, key: string): Commit | undefined;
  revisionOf(collection: string, key: string): number | undefined;
}

/**
 * Finds the first change whose precondition does not hold; undefined when all do. For stores with a single writer.
 */
export function failedPrecondition(commit: Commit, view: PreconditionView): Change | undefined {
  return commit.changes.find(({ collection, key, when }) => {
    if (when === undefined) return false;
    const pending = view.pending(collection, key);
    if (pending !== undefined) {
      if (when.kind === 'after') return when.commit !== pending;
      const last = pending.changes.findLast(
        (change) => change.collection === collection && change.key === key,
      );
      return !(when.kind === 'absent' && last?.value === null);
    }
    const revision = view.revisionOf(collection, key);
    if (when.kind === 'absent') return revision !== undefined;
    const wanted = when.kind === 'revision' ? when.revision : when.commit.revision;
    if (wanted === undefined || revision === wanted) return wanted === undefined;
    // A commit that removed the key leaves no revision there to compare.
    const removed =
      when.kind === 'after' &&
      when.commit.changes.some(
        (change) => change.collection === collection && change.key === key && change.value === null,
      );
    return !(removed && revision === undefined);
  });
}
