import {
  type Change,
  type Commit,
  failedPrecondition,
  type Logger,
  messageOf,
  type PreconditionView,
  type StoreReader,
} from '../../../core/index.js';

/**
 * The way of commits to the reader. A commit gets its revision here, when it is delivered, and not when it is written:
 * so a volatile one that overtakes a batch on its way to the disk needs no number kept free for it.
 */
export class Feed {
  readonly reader: StoreReader;
  readonly #logger: Logger;
  readonly #view: PreconditionView;
  #revision: number;

  constructor(reader: StoreReader, revision: number, logger: Logger) {
    this.reader = reader;
    this.#revision = revision;
    this.#logger = logger;
    this.#view = {
      pending: () => undefined,
      revisionOf: (collection, key) => reader.revisionOf(collection, key),
    };
  }

  /** The last revision given. */
  get revision(): number {
    return this.#revision;
  }

  /** The first change whose precondition does not hold, with earlier commits laid over the reader's state. */
  failed(commit: Commit, pending?: PreconditionView['pending']): Change | undefined {
    return failedPrecondition(
      commit,
      pending === undefined ? this.#view : { pending, revisionOf: this.#view.revisionOf },
    );
  }

  /** Gives the commit its revision. `deliver` must follow at once. */
  number(commit: Commit): number {
    this.#revision += 1;
    commit.revision = this.#revision;
    return this.#revision;
  }

  deliver({ changes, by }: Commit, revision: number): void {
    try {
      this.reader.apply({ revision, changes, by, local: true });
    } catch (error) {
      // A reader does not throw; should one do so, the commits behind this one must still arrive.
      this.#logger.error({ err: error, revision }, `The feed's reader failed: ${messageOf(error)}`);
    }
  }
}
