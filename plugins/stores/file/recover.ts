import { join } from 'node:path';
import type { Clock, StoredEntry, StoreReader } from '../../../core/index.js';
import type { Disk, DiskFile } from './disk.js';
import {
  corrupt,
  FORMAT_VERSION,
  fromRuns,
  type JournalRecord,
  readFirstLine,
  type StateRecord,
  type StoredCommit,
} from './format.js';
import { inspectTail, readRecord, scanRecords } from './frame.js';
import { fileName, readLayout } from './layout.js';
import { readSnapshot } from './snapshot.js';

/** After a crash revisions go on this far above the highest that was found. */
export const REVISION_LEAP = 1_000_000;

/** What a data folder held. */
export interface Recovered {
  /** How to go on; undefined in a new folder. */
  readonly journal:
    | {
        readonly number: number;
        readonly end: number;
        readonly sequence: number;
        /** Up to here it was known to be on disk: what follows may be readable and not there. */
        readonly synced: { readonly end: number; readonly sequence: number };
        /** Of the file: zeros may lie behind the end. */
        readonly size: number;
        /** Bytes behind the end that were never answered for. */
        readonly torn: number;
      }
    | undefined;
  readonly epoch: string;
  readonly home: string;
  readonly revision: number;
  readonly nextId: number;
  /** Whether the last run closed the store. */
  readonly isClean: boolean;
  /** The revisions that the last record's commits have now been given. */
  readonly given: readonly number[];
  readonly journalBytes: number;
  /** The number of the snapshot; 0 where there is none. */
  readonly snapshot: number;
  readonly snapshotBytes: number;
  readonly leftovers: readonly string[];
  /** Whether any of the files is of a format before the present one. */
  readonly isOlder: boolean;
}

/**
 * Reads a data folder into the reader, and changes nothing. `onEntry` takes the snapshot's entries in the reader's
 * stead. Throws STORE_CORRUPT or STORE_VERSION.
 */
export async function recover(
  disk: Disk,
  folder: string,
  reader: Pick<StoreReader, 'load' | 'revisionOf'>,
  clock: Clock,
  onEntry: (entry: StoredEntry) => void = (entry) => reader.load(entry),
): Promise<Recovered> {
  const layout = await readLayout(disk, folder);
  const replay = new Replay(reader, { epoch: clock.uuid(), home: clock.uuid() });
  const snapshot =
    layout.snapshot === undefined
      ? { size: 0, version: FORMAT_VERSION }
      : await readSnapshot(disk, folder, layout.snapshot, (entry) => {
          replay.revision = Math.max(replay.revision, entry.revision);
          onEntry(entry);
        });

  const files: DiskFile[] = [];
  try {
    const begins: Begin[] = [];
    for (const number of layout.journals) {
      const file = await disk.open(join(folder, fileName('journal', number)), 'read');
      files.push(file);
      begins.push(await readBegin(file, number, begins.at(-1)));
    }
    // A journal that was to replace a broken one, and whose snapshot did not come to be: the broken one counts.
    const unused: string[] = [];
    for (
      let last = begins.at(-1);
      last?.needsSnapshot && last.number !== layout.snapshot;
      last = begins.at(-1)
    ) {
      unused.push(last.name);
      begins.pop();
    }
    let journal: Recovered['journal'];
    let journalBytes = 0;
    for (const [index, begin] of begins.entries()) {
      // The next journal says where this one ended. What lies behind that was never answered for.
      const limit = begins[index + 1]?.after?.end;
      journal = await replayJournal(begin, limit, replay);
      journalBytes += journal.end;
    }
    const isClean = replay.isClosed && journal?.torn === 0;
    const given = replay.finish(journal === undefined || isClean ? 0 : REVISION_LEAP);
    const { epoch, home, revision, nextId } = replay;
    return {
      ...{ journal, epoch, home, revision, nextId, isClean, given, journalBytes },
      snapshot: layout.snapshot ?? 0,
      snapshotBytes: snapshot.size,
      leftovers: [...layout.leftovers, ...unused],
      isOlder: [snapshot, ...begins].some(({ version }) => version < FORMAT_VERSION),
    };
  } finally {
    for (const file of files) await file.close();
  }
}

/** How a journal begins. */
interface Begin {
  readonly number: number;
  readonly name: string;
  readonly file: DiskFile;
  readonly size: number;
  readonly from: number;
  readonly sequence: number;
  readonly version: number;
  readonly after: StateRecord['after'];
  readonly needsSnapshot: boolean;
}

async function readBegin(file: DiskFile, number: number, before: Begin | undefined): Promise<Begin> {
  const name = fileName('journal', number);
  const size = await file.size();
  const { length: from, version } = await readFirstLine(file, 'journal', name);
  const first = await readRecord(file, from);
  if (first === undefined) throw corrupt(name, from, 'its first record fails its checksum');
  const state = parseRecord(first.payload, name, from);
  if (!('state' in state) || state.state !== 'begin') {
    throw corrupt(name, from, 'its first record does not begin a journal');
  }
  if (before !== undefined && state.after?.journal !== before.number) {
    throw corrupt(name, from, `it does not follow ${before.name}`);
  }
  const { after, needsSnapshot = false } = state;
  return { number, name, file, size, from, version, sequence: first.sequence, after, needsSnapshot };
}

async function replayJournal(
  { number, name, file, size, from, sequence: first }: Begin,
  expectedEnd: number | undefined,
  replay: Replay,
): Promise<NonNullable<Recovered['journal']>> {
  const limit = Math.min(size, expectedEnd ?? size);
  let next = first;
  let synced = { end: from, sequence: first };
  /** Where those records begin that may not have been on disk when the last one was written. */
  const begins = new Map<number, number>();
  const { end, sequence } = await scanRecords(file, { from, limit, sequence: first }, (payload, at) => {
    const record = parseRecord(payload, name, at);
    begins.set(next, at);
    const known = record.synced ?? next;
    for (; synced.sequence < known; begins.delete(synced.sequence - 1)) {
      synced = { end: begins.get(synced.sequence + 1) ?? at, sequence: synced.sequence + 1 };
    }
    next += 1;
    if (!replay.record(record)) throw corrupt(name, at, 'the record there does not fit the one before it');
  });
  if (expectedEnd !== undefined) {
    if (end !== expectedEnd) throw corrupt(name, end, 'the record there fails its checksum, or is missing');
    return { number, end, sequence, synced, size, torn: 0 };
  }
  const tail = await inspectTail(file, { from: end, limit, sequence }, (payload, at) => {
    const { synced } = parseRecord(payload, name, at);
    return synced === undefined || synced > sequence;
  });
  if (tail.laterRecord !== undefined) {
    throw corrupt(
      name,
      end,
      `the record there fails its checksum, and is not the last, since a later one lies unharmed at byte ${tail.laterRecord}`,
    );
  }
  return { number, end, sequence, synced, size, torn: tail.end - end };
}

function parseRecord(payload: string, name: string, at: number): JournalRecord {
  try {
    return JSON.parse(payload) as JournalRecord;
  } catch (cause) {
    throw corrupt(name, at, 'the record there is not JSON', cause);
  }
}

/** Brings records to the reader in the order they were written. */
class Replay {
  readonly #reader: Pick<StoreReader, 'load' | 'revisionOf'>;
  epoch: string;
  home: string;
  revision = 0;
  nextId = 1;
  isClosed = false;
  /** The last record's commits, whose revisions stand in the next record. */
  #undecided: readonly StoredCommit[] = [];

  constructor(
    reader: Pick<StoreReader, 'load' | 'revisionOf'>,
    fresh: { readonly epoch: string; readonly home: string },
  ) {
    this.#reader = reader;
    this.epoch = fresh.epoch;
    this.home = fresh.home;
  }

  /** Answers false where the record can't follow the one before. */
  record(record: JournalRecord): boolean {
    if (this.#undecided.length > 0 && !this.#decide(fromRuns(record.given ?? []))) return false;
    this.isClosed = 'state' in record && record.state === 'close';
    if ('state' in record) {
      this.epoch = record.epoch;
      this.home = record.home;
      this.revision = Math.max(this.revision, record.revision);
      // A clean end takes back what was noted ahead of need.
      this.nextId = record.nextId;
      return true;
    }
    for (const [revision, , , collection, key, value] of record.volatile ?? []) {
      this.#load(collection, key, revision, value);
    }
    this.#undecided = record.commits ?? [];
    this.nextId = Math.max(this.nextId, record.nextId ?? 1);
    return true;
  }

  /** Ends the replay, with revisions for what the crash left without one. */
  finish(leap: number): readonly number[] {
    this.revision += leap;
    const given = this.#undecided.map((_, index) => this.revision + 1 + index);
    this.#decide(given);
    return given;
  }

  #decide(revisions: readonly number[]): boolean {
    const commits = this.#undecided;
    if (revisions.length !== commits.length) return false;
    for (const [index, revision] of revisions.entries()) {
      for (const [collection, key, value] of commits[index]?.[2] ?? []) {
        this.#load(collection, key, revision, value);
      }
    }
    this.#undecided = [];
    return true;
  }

  /** A snapshot is written while commits go on, so it may hold something newer than the journal beside it. */
  #load(collection: string, key: string, revision: number, value: StoredEntry['value'] | null): void {
    this.revision = Math.max(this.revision, revision);
    if ((this.#reader.revisionOf(collection, key) ?? 0) > revision) return;
    this.#reader.load({ collection, key, value, revision });
  }
}
