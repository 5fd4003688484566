import { join } from 'node:path';
import type { Disk, DiskFile } from './disk.js';
import { firstLine, type StateRecord } from './format.js';
import { RecordEncoder } from './frame.js';
import { draftName, fileName } from './layout.js';
import { Room } from './room.js';

/** A place between two records of a journal. */
export interface Position {
  /** Where the record before it ends, in bytes. */
  readonly end: number;
  /** Of the record behind it. */
  readonly sequence: number;
  /** The revisions of the commits in the record before it, which the record behind it says. */
  readonly given: readonly number[];
}

/**
 * One journal, open at its end. A record is written, then it counts, and is synced before or after that: what counts is
 * not overwritten any more, and what is synced outlasts a power failure.
 */
export class Journal {
  readonly number: number;
  readonly #file: DiskFile;
  readonly #room: Room;
  readonly #encoder = new RecordEncoder();
  #at: Position;
  #synced: Position;
  #written = 0;

  /** `size` is that of the file: up to there it holds zeros. */
  constructor(number: number, file: DiskFile, at: Position, size: number, synced = at) {
    this.number = number;
    this.#file = file;
    this.#at = at;
    this.#synced = synced;
    this.#room = new Room(file, size);
  }

  /** Behind the last record that counts. */
  get at(): Position {
    return this.#at;
  }

  /** Behind the last record that is known to be on disk. */
  get synced(): Position {
    return this.#synced;
  }

  /** What the next record is to say of those before it, where not all of them are known to be on disk. */
  get claim(): number | undefined {
    return this.#synced === this.#at ? undefined : this.#synced.sequence;
  }

  /**
   * Writes anew what may be readable and not on disk: after a sync that failed, Linux takes the pages for written, and
   * would not write them with those of the next record.
   */
  async rewrite(): Promise<void> {
    const bytes = Buffer.allocUnsafe(this.#at.end - this.#synced.end);
    await this.#file.read(bytes, this.#synced.end);
    this.#file.writeSync(bytes, this.#synced.end);
  }

  /** The revisions of the last record's commits, once they are known. */
  give(given: readonly number[]): void {
    const isSynced = this.#synced === this.#at;
    this.#at = { ...this.#at, given };
    if (isSynced) this.#synced = this.#at;
  }

  /** Writes a record at the end. Rejects with what the disk says; some of the record may then lie there. */
  async write(payload: string): Promise<void> {
    const { end, sequence } = this.#at;
    const record = this.#encoder.encode(payload, sequence);
    if (this.#room.isAwaited(end + record.length)) await this.#room.ready(end);
    this.#file.writeSync(record, end);
    this.#written = record.length;
  }

  /** Makes what was written count. */
  count(): void {
    const { end, sequence } = this.#at;
    this.#at = { end: end + this.#written, sequence: sequence + 1, given: [] };
    this.#written = 0;
    this.#room.extend(this.#at.end);
  }

  /**
   * Syncs what counts. After a rejection nobody knows what is on disk beyond what was synced before, and nothing may be
   * added.
   */
  async sync(): Promise<void> {
    const at = this.#at;
    await this.#file.datasync();
    this.#synced = at;
  }

  /** Syncs what was written, which then counts. Rejects as `sync` does. */
  async commit(): Promise<void> {
    await this.#file.datasync();
    this.count();
    this.#synced = this.#at;
  }

  /** Cuts off what does not count, and the room ahead. */
  async cut(): Promise<void> {
    await this.#room.cut(this.#at.end);
  }

  close(): Promise<void> {
    return this.#room.settled().then(() => this.#file.close());
  }
}

/** A journal that is written and on disk, but does not have its name yet. */
export interface JournalDraft {
  readonly journal: Journal;
  /** Whether the journal has its name, also where `publish` rejected. */
  readonly isPublished: boolean;
  publish(): Promise<void>;
  discard(): Promise<void>;
}

/** Makes the next journal, in a way that a crash leaves either all of it or nothing. */
export async function draftJournal(
  disk: Disk,
  folder: string,
  next: { readonly number: number; readonly sequence: number; readonly state: StateRecord },
): Promise<JournalDraft> {
  const draft = join(folder, draftName('journal', next.number));
  const file = await disk.open(draft, 'create');
  const discard = async () => {
    await file.close().catch(() => {});
    await disk.remove(draft).catch(() => {});
  };
  const line = Buffer.from(firstLine('journal'));
  const at = { end: line.length, sequence: next.sequence, given: [] };
  const journal = new Journal(next.number, file, at, line.length);
  try {
    file.writeSync(line, 0);
    await journal.write(JSON.stringify(next.state));
    await journal.commit();
  } catch (error) {
    await discard();
    throw error;
  }
  let isPublished = false;
  return {
    journal,
    get isPublished() {
      return isPublished;
    },
    async publish() {
      await disk.rename(draft, join(folder, fileName('journal', next.number)));
      isPublished = true;
      await disk.syncFolder(folder);
    },
    discard,
  };
}
