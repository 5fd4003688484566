import {
  type Commit,
  type CommitOutcome,
  failedPrecondition,
  type PreconditionView,
  type Store,
  type StoredEntry,
  type StoreReader,
} from '../../core/index.js';

/** A store that outlives the registries that open it, one after another. It answers at once, as the memory store does. */
export class KeptStore {
  #entries: StoredEntry[];
  #reader: StoreReader | undefined;
  #revision = 0;
  #nextId: number;

  constructor(entries: StoredEntry[], nextId: number) {
    this.#entries = entries;
    this.#nextId = nextId;
  }

  readonly plugin = { name: 'kept', create: (): Store => this.#store() };

  /** The registry that has it open is killed: what it had committed is what the next one finds. */
  #keep(): void {
    this.#entries = [...(this.#reader?.entries() ?? this.#entries)];
    this.#reader = undefined;
  }

  #store(): Store {
    return {
      kind: 'kept',
      open: async (reader) => {
        for (const entry of this.#entries) reader.load(entry);
        this.#reader = reader;
        return { epoch: 'kept', revision: this.#revision, home: 'here' };
      },
      commit: (commit) => this.#commit(commit),
      reserveIds: (count) => {
        const first = this.#nextId;
        this.#nextId += count;
        return first;
      },
      close: async () => this.#keep(),
    };
  }

  #commit(commit: Commit): CommitOutcome {
    const reader = this.#reader;
    if (reader === undefined) return { kind: 'refused', code: 'STOPPING', message: 'It is closed.' };
    const view: PreconditionView = {
      pending: () => undefined,
      revisionOf: (collection, key) => reader.revisionOf(collection, key),
    };
    if (failedPrecondition(commit, view) !== undefined) {
      return { kind: 'refused', code: 'CONFLICT', message: 'It has changed.' };
    }
    const revision = ++this.#revision;
    commit.revision = revision;
    reader.apply({ revision, changes: commit.changes, by: commit.by, local: true });
    return { kind: 'committed', revision };
  }
}
