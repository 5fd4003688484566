import {
  type Awaitable,
  type Clock,
  type Commit,
  type CommitOutcome,
  type Logger,
  messageOf,
  RegistryError,
  type Store,
  type StoreReader,
  type StoreState,
} from '../../../core/index.js';
import { type Disk, nodeDisk } from './disk.js';
import { Feed } from './feed.js';
import { FORMAT_VERSION } from './format.js';
import { Journals } from './journals.js';
import { fileName, olderFolder, removeLeftovers } from './layout.js';
import { type Lock, takeLock } from './lock.js';
import { notOpen, notWritten } from './outcomes.js';
import { type Recovered, recover } from './recover.js';
import { Writer } from './writer.js';

const DEFAULT_SNAPSHOT_BYTES = 2 ** 26;
const CLOSE_TIMEOUT_MS = 10_000;

export interface FileStoreOptions {
  /** The data folder, made where there is none. */
  readonly path: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A snapshot is written when the journals since the last one are longer than this, and than that one. 64 MiB. */
  readonly snapshotBytes?: number;
  /** How long what was answered may lie unsynced, in milliseconds; where it is not given, it is synced before. */
  readonly intervalMs?: number | undefined;
  /** The machine's own unless given. */
  readonly disk?: Disk;
}

/** Keeps the catalogue in a folder: journals, and snapshots that shorten them. Promises and format: README.md. */
export class FileStore implements Store {
  readonly kind = 'file';
  readonly #path: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #disk: Disk;
  readonly #snapshotBytes: number;
  readonly #intervalMs: number | undefined;
  #lock: Lock | undefined;
  #writer: Writer | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: FileStoreOptions) {
    this.#path = options.path;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#disk = options.disk ?? nodeDisk;
    this.#snapshotBytes = options.snapshotBytes ?? DEFAULT_SNAPSHOT_BYTES;
    this.#intervalMs = options.intervalMs;
  }

  async open(reader: StoreReader): Promise<StoreState> {
    try {
      await this.#disk.makeFolder(this.#path);
      this.#lock = await takeLock(this.#path, this.#clock);
      return await this.#open(reader);
    } catch (error) {
      await this.#lock?.release();
      this.#lock = undefined;
      throw error instanceof RegistryError ? error : cannotOpen(this.#path, error);
    }
  }

  commit(commit: Commit): Awaitable<CommitOutcome> {
    return this.#writer?.commit(commit) ?? notOpen;
  }

  /** Rejects with STORE_FULL, STORE_FAILED, STORE_UNKNOWN, LIMIT_REACHED or STOPPING. */
  reserveIds(count: number): Promise<number> {
    return (
      this.#writer?.reserveIds(count) ?? Promise.reject(new RegistryError(notOpen.code, notOpen.message))
    );
  }

  /** Rejects with STORE_FAILED where the disk does not answer in time; the lock is then left to the process's end. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #open(reader: StoreReader): Promise<StoreState> {
    const found = await recover(this.#disk, this.#path, reader, this.#clock);
    const isNew = found.journal === undefined;
    // Volatile changes since the last write are lost with a crash: what watchers have seen may not have been kept.
    const epoch = isNew || found.isClean ? found.epoch : this.#clock.uuid();
    const feed = new Feed(reader, found.revision, this.#logger);
    const journals = await Journals.open(
      {
        disk: this.#disk,
        folder: this.#path,
        clock: this.#clock,
        logger: this.#logger,
        feed,
        snapshotBytes: this.#snapshotBytes,
        intervalMs: this.#intervalMs,
      },
      { ...found, epoch },
    );
    // After an upgrade that is done already, and a file that was left over may have been replaced by one that counts.
    if (!found.isOlder) {
      await removeLeftovers(this.#disk, this.#path, found.leftovers, found.snapshot);
    }
    this.#writer = new Writer({ clock: this.#clock, logger: this.#logger, feed, journals });
    return { epoch, revision: found.revision, home: found.home, notes: this.#notes(found) };
  }

  #notes({ journal, isClean, isOlder }: Recovered): string[] {
    if (journal === undefined) return [`A new catalogue was begun in ${this.#path}.`];
    const notes: string[] = [];
    if (isOlder) {
      const kept = olderFolder(FORMAT_VERSION - 1, journal.number + 1);
      notes.push(`The data folder was brought to format ${FORMAT_VERSION}; as it was it is kept in ${kept}.`);
    }
    if (isClean) return notes;
    notes.push('The last run did not close the store. All that was answered is there; watchers begin anew.');
    if (journal.torn > 0) {
      notes.push(
        `The last ${journal.torn} bytes of ${fileName('journal', journal.number)} were a half-written record, and were cut off.`,
      );
    }
    for (const note of notes) this.#logger.warn({ path: this.#path, torn: journal.torn }, note);
    return notes;
  }

  async #close(): Promise<void> {
    const writer = this.#writer;
    if (writer === undefined) return;
    const closed = writer.close().then(() => this.#lock?.release());
    await new Promise<void>((resolve, reject) => {
      const timer = this.#clock.setTimer(CLOSE_TIMEOUT_MS, () => reject(closedLate(this.#path)));
      closed.then(resolve, reject).finally(() => timer.cancel());
    });
  }
}

function closedLate(path: string): RegistryError {
  return new RegistryError(
    'STORE_FAILED',
    `The disk under ${path} has not answered for ${CLOSE_TIMEOUT_MS} ms: what was not yet answered may be lost.`,
  );
}

function cannotOpen(path: string, error: unknown): RegistryError {
  const outcome = notWritten(error);
  const code = outcome.kind === 'refused' ? outcome.code : 'STORE_FAILED';
  return new RegistryError(code, `The data folder ${path} can't be used: ${messageOf(error)}.`, {
    cause: error,
  });
}
