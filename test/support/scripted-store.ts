import type { ErrorCode } from '../../core/errors.js';
import {
  type Commit,
  type CommitOutcome,
  type FeedCommit,
  failedPrecondition,
  type Store,
  type StoredEntry,
  type StoreReader,
  type StoreState,
} from '../../core/store.js';

interface Waiting {
  readonly commit: Commit;
  readonly end: (outcome: CommitOutcome) => void;
}

/** A commit that has its place in the feed: the test says when it is answered and when the feed brings it. */
export interface Placed {
  readonly revision: number;
  answer(): void;
  deliver(): void;
}

/** An asynchronous store in which nothing happens until the test says so. Volatile commits are delivered at once. */
export class ScriptedStore implements Store {
  readonly kind = 'scripted';
  readonly home = 'here';
  /** What `open` replays. */
  readonly entries: Parameters<StoreReader['load']>[0][] = [];
  /** While true, ids come by a promise, after `giveIds`. */
  areIdsLate = false;
  /** What `reserveIds` fails with. */
  idsError: Error | undefined;
  #waiting: Waiting[] = [];
  #placed: { commit: Commit; deliver(): void }[] = [];
  #reader: StoreReader | undefined;
  #revision = 0;
  #nextId = 1;
  #askedIds: (() => void)[] = [];

  async open(reader: StoreReader): Promise<StoreState> {
    this.#reader = reader;
    for (const entry of this.entries) reader.load(entry);
    this.#revision = Math.max(0, ...this.entries.map(({ revision }) => revision));
    return { epoch: 'epoch', revision: this.#revision, home: this.home };
  }

  /** The commits that nothing has been said of yet, the oldest first. */
  get waiting(): readonly Commit[] {
    return this.#waiting.map(({ commit }) => commit);
  }

  commit(commit: Commit): CommitOutcome | Promise<CommitOutcome> {
    if (commit.durability === 'volatile') {
      for (const { deliver } of [...this.#placed]) deliver();
      if (this.#fails(commit)) return conflict();
      commit.revision = ++this.#revision;
      this.#apply(commit.changes, commit.revision, commit);
      return { kind: 'committed', revision: commit.revision };
    }
    return new Promise((end) => this.#waiting.push({ commit, end }));
  }

  /** Gives the oldest waiting commit its place, or refuses it with CONFLICT where a precondition does not hold. */
  place(): Placed | undefined {
    const { commit, end } = this.#next();
    if (this.#fails(commit)) {
      end(conflict());
      return undefined;
    }
    const revision = ++this.#revision;
    commit.revision = revision;
    const placed = {
      commit,
      revision,
      answer: () => end({ kind: 'committed', revision }),
      deliver: () => {
        if (!this.#placed.includes(placed)) return;
        this.#placed = this.#placed.filter((other) => other !== placed);
        this.#apply(commit.changes, revision, commit);
      },
    };
    this.#placed.push(placed);
    return placed;
  }

  /** Ends the oldest waiting commit without storing it. */
  refuse(code: ErrorCode = 'STORE_FULL'): void {
    this.#next().end({ kind: 'refused', code, message: 'Refused by the test.' });
  }

  /** The oldest waiting commit ends as `unknown`; it is handed back, and may be delivered all the same. */
  lose(): { deliver(): void } {
    const { commit, end } = this.#next();
    end({ kind: 'unknown', message: 'Lost by the test.' });
    return {
      deliver: () => {
        commit.revision = ++this.#revision;
        this.#apply(commit.changes, commit.revision, commit);
      },
    };
  }

  /** Stores everything that waits, and what is built anew meanwhile. */
  async settle(): Promise<void> {
    do {
      while (this.#waiting.length > 0) {
        const placed = this.place();
        placed?.deliver();
        placed?.answer();
      }
      await turn();
    } while (this.#waiting.length > 0);
  }

  /** Another server's commit passes the feed. */
  foreign(changes: FeedCommit['changes']): void {
    this.#revision += 1;
    this.#apply(changes, this.#revision, undefined);
  }

  reserveIds(count: number): number | Promise<number> {
    if (this.idsError !== undefined) throw this.idsError;
    const first = this.#nextId;
    this.#nextId += count;
    return this.areIdsLate ? new Promise((give) => this.#askedIds.push(() => give(first))) : first;
  }

  giveIds(): void {
    for (const give of this.#askedIds.splice(0)) give();
  }

  async close(): Promise<void> {
    this.#reader = undefined;
  }

  #next(): Waiting {
    const next = this.#waiting.shift();
    if (next === undefined) throw new Error('No commit waits.');
    return next;
  }

  #fails(commit: Commit): boolean {
    const view = {
      pending: (collection: string, key: string) =>
        this.#placed.findLast(({ commit: { changes } }) =>
          changes.some((change) => change.collection === collection && change.key === key),
        )?.commit,
      revisionOf: (collection: string, key: string) => this.#reader?.revisionOf(collection, key),
    };
    return failedPrecondition(commit, view) !== undefined;
  }

  #apply(changes: FeedCommit['changes'], revision: number, commit: Commit | undefined): void {
    const by = commit?.by ?? { who: 'someone', door: 'elsewhere' };
    this.#reader?.apply({ revision, changes, by, local: commit !== undefined });
  }
}

function conflict(): CommitOutcome {
  return { kind: 'refused', code: 'CONFLICT', message: 'Changed.' };
}

/** One turn of the event loop: what could settle has settled. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Entries as a store would replay them, from those a catalogue gives. */
export function copyEntries(entries: Iterable<StoredEntry>): StoredEntry[] {
  return [...entries].map(({ collection, key, value, revision }) => ({
    collection,
    key,
    value: JSON.parse(JSON.stringify(value)),
    revision,
  }));
}
