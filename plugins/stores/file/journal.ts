import { join } from 'node:path';
import type { Disk, DiskFile } from './disk.js';
import { firstLine, type StateRecord } from './format.js';
import { encodeRecord } from './frame.js';
import { draftName, fileName } from './layout.js';

/** One journal, open at its end. A record counts, and moves the end on, once `sync` has resolved. */
export class Journal {
  readonly number: number;
  readonly #file: DiskFile;
  #end: number;
  #sequence: number;
  #written = 0;

  constructor(number: number, file: DiskFile, at: { readonly end: number; readonly sequence: number }) {
    this.number = number;
    this.#file = file;
    this.#end = at.end;
    this.#sequence = at.sequence;
  }

  /** Where the last record that counts ends, in bytes. */
  get end(): number {
    return this.#end;
  }

  /** The sequence of the next record. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Writes a record at the end. Throws what the disk says; some of the record may then lie there. */
  write(payload: string): void {
    const record = encodeRecord(payload, this.#sequence);
    this.#file.writeSync(record, this.#end);
    this.#written = record.length;
  }

  /** Makes what was written count. After a rejection nobody knows what is on disk, so nothing may be added. */
  async sync(): Promise<void> {
    await this.#file.datasync();
    this.#end += this.#written;
    this.#sequence += 1;
    this.#written = 0;
  }

  /** Cuts off what does not count. */
  cut(): Promise<void> {
    return this.#file.truncate(this.#end);
  }

  close(): Promise<void> {
    return this.#file.close();
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
  const journal = new Journal(next.number, file, { end: line.length, sequence: next.sequence });
  try {
    file.writeSync(line, 0);
    journal.write(JSON.stringify(next.state));
    await journal.sync();
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
