import type { Clock } from './clock.js';
import {
  type Commit,
  type CommitOutcome,
  failedPrecondition,
  type PreconditionView,
  type Store,
  type StoreReader,
  type StoreState,
} from './store.js';

/**
 * The trivial store: it keeps nothing beyond the process, so every start is a new epoch. It is also the shortest
 * reading of the Store contract.
 */
export class MemoryStore implements Store {
  readonly kind = 'memory';
  readonly #clock: Clock;
  #reader: StoreReader | undefined;
  #view: PreconditionView | undefined;
  #revision = 0;
  #nextId = 1;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async open(reader: StoreReader): Promise<StoreState> {
    this.#reader = reader;
    this.#view = {
      pending: () => undefined,
      revisionOf: (collection, key) => reader.revisionOf(collection, key),
    };
    return { epoch: this.#clock.uuid(), revision: 0, home: this.#clock.uuid() };
  }

  commit(commit: Commit): CommitOutcome {
    const reader = this.#reader;
    const view = this.#view;
    if (reader === undefined || view === undefined) {
      return { kind: 'refused', code: 'STOPPING', message: 'The memory store is not open.' };
    }
    const failed = failedPrecondition(commit, view);
    if (failed !== undefined) {
      return {
        kind: 'refused',
        code: 'CONFLICT',
        message: `${failed.collection}/${failed.key} has changed.`,
      };
    }
    const revision = ++this.#revision;
    commit.revision = revision;
    reader.apply({ revision, changes: commit.changes, by: commit.by, local: true });
    return { kind: 'committed', revision };
  }

  reserveIds(count: number): number {
    const first = this.#nextId;
    this.#nextId += count;
    return first;
  }

  async close(): Promise<void> {
    this.#reader = undefined;
    this.#view = undefined;
  }
}
