import {
  type Commit,
  type CommitOutcome,
  failedPrecondition,
  type JsonObject,
  type Store,
  type StoredEntry,
  type StoreReader,
} from '../../../core/index.js';

/** A disk that outlives the registries which keep their data on it, and may be full for a while. */
export class KeptDisk {
  isFull = false;
  readonly #entries = new Map<string, StoredEntry>();
  #revision = 0;
  #nextId = 1;

  /** What is kept of one collection. */
  entries(collection: string): JsonObject[] {
    return [...this.#entries.values()]
      .filter((entry) => entry.collection === collection)
      .map(({ value }) => value);
  }

  store(home = 'here'): Store {
    let reader: StoreReader | undefined;
    return {
      kind: 'kept',
      open: async (given) => {
        reader = given;
        for (const entry of this.#entries.values()) reader.load(entry);
        return { epoch: 'one', revision: this.#revision, home };
      },
      commit: (commit) => (reader === undefined ? CLOSED : this.#commit(commit, reader)),
      reserveIds: (count) => {
        this.#nextId += count;
        return this.#nextId - count;
      },
      close: async () => {
        reader = undefined;
      },
    };
  }

  #commit(commit: Commit, reader: StoreReader): CommitOutcome {
    if (this.isFull && commit.durability === 'durable') {
      return { kind: 'refused', code: 'STORE_FULL', message: 'The disk is full.' };
    }
    const view = {
      pending: () => undefined,
      revisionOf: (collection: string, key: string) => reader.revisionOf(collection, key),
    };
    if (failedPrecondition(commit, view) !== undefined)
      return { kind: 'refused', code: 'CONFLICT', message: '' };
    this.#revision += 1;
    const revision = this.#revision;
    commit.revision = revision;
    if (!this.isFull) {
      for (const { collection, key, value } of commit.changes) {
        const at = `${collection}\u0001${key}`;
        if (value === null) this.#entries.delete(at);
        else this.#entries.set(at, { collection, key, value, revision });
      }
    }
    reader.apply({ revision, changes: commit.changes, by: commit.by, local: true });
    return { kind: 'committed', revision };
  }
}

const CLOSED: CommitOutcome = { kind: 'refused', code: 'STOPPING', message: 'The store is closed.' };
