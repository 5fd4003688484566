import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock, StoredEntry } from '../../../core/index.js';
import type { Disk, DiskFile } from './disk.js';
import { corrupt, firstLine, readFirstLine, type SnapshotRecord } from './format.js';
import { RecordEncoder, scanRecords } from './frame.js';
import { draftName, fileName } from './layout.js';

/** Entries are gathered up to this many characters before they become a record. */
const RECORD_CHARS = 2 ** 16;
/** Synced this often, so that the last sync does not hold up the journal's. */
const SYNC_BYTES = 2 ** 23;
/** The event loop is let go of after this much work. */
const SLICE_MS = 2;
/** The clock is asked every so many entries, and a slice has at most so many times sixteen. */
const ENTRIES_PER_LOOK = 64;
const LOOKS_PER_SLICE = 16;

interface SnapshotSource {
  readonly disk: Disk;
  readonly folder: string;
  readonly clock: Clock;
  /** The journal that begins where the snapshot does. */
  readonly number: number;
  readonly entries: Iterable<StoredEntry>;
  /** Asked between slices; true gives the snapshot up. */
  readonly isAborted: () => boolean;
}

/**
 * Writes all entries to a draft and syncs it. Answers its size in bytes, or undefined where it was given up; the draft
 * is then gone, as it is after an error.
 */
export async function draftSnapshot(source: SnapshotSource): Promise<number | undefined> {
  const path = join(source.folder, draftName('snapshot', source.number));
  const file = await source.disk.open(path, 'create');
  let size: number | undefined;
  try {
    size = await writeEntries(file, source);
    if (size !== undefined) await file.datasync();
  } finally {
    await file.close().catch(() => {});
    if (size === undefined) await source.disk.remove(path).catch(() => {});
  }
  return size;
}

async function writeEntries(file: DiskFile, source: SnapshotSource): Promise<number | undefined> {
  const { clock } = source;
  let position = 0;
  let synced = 0;
  let sequence = 0;
  let count = 0;
  let gathered: string[] = [];
  let chars = 0;
  const put = (bytes: Buffer) => {
    file.writeSync(bytes, position);
    position += bytes.length;
  };
  const encoder = new RecordEncoder();
  const record = (payload: string) => put(encoder.encode(payload, sequence++));
  const flush = () => {
    if (gathered.length > 0) record(`{"entries":[${gathered.join(',')}]}`);
    gathered = [];
    chars = 0;
  };

  put(Buffer.from(firstLine('snapshot')));
  record(JSON.stringify({ snapshot: source.number } satisfies SnapshotRecord));
  let sliceEnd = clock.monotonic() + SLICE_MS;
  let looks = 0;
  for (const { collection, key, revision, value } of source.entries) {
    const text = JSON.stringify([collection, key, revision, value]);
    gathered.push(text);
    chars += text.length;
    count += 1;
    if (chars >= RECORD_CHARS) flush();
    if (count % ENTRIES_PER_LOOK !== 0) continue;
    looks += 1;
    if (looks < LOOKS_PER_SLICE && clock.monotonic() < sliceEnd) continue;
    if (position - synced >= SYNC_BYTES) {
      synced = position;
      await file.datasync();
    } else {
      await nextTurn();
    }
    if (source.isAborted()) return undefined;
    sliceEnd = clock.monotonic() + SLICE_MS;
    looks = 0;
  }
  flush();
  record(JSON.stringify({ end: count } satisfies SnapshotRecord));
  return position;
}

/** Gives a draft its name. From then on it replaces all that is older. */
export async function publishSnapshot(disk: Disk, folder: string, number: number): Promise<void> {
  const draft = join(folder, draftName('snapshot', number));
  try {
    await disk.rename(draft, join(folder, fileName('snapshot', number)));
  } catch (error) {
    await disk.remove(draft).catch(() => {});
    throw error;
  }
  await disk.syncFolder(folder);
}

/** Reads a snapshot from end to end; answers its size, and the version of its format. Throws STORE_CORRUPT or STORE_VERSION. */
export async function readSnapshot(
  disk: Disk,
  folder: string,
  number: number,
  onEntry: (entry: StoredEntry) => void,
): Promise<{ size: number; version: number }> {
  const name = fileName('snapshot', number);
  const file = await disk.open(join(folder, name), 'read');
  try {
    const size = await file.size();
    const { length: from, version } = await readFirstLine(file, 'snapshot', name);
    let begun: number | undefined;
    let count = 0;
    let counted: number | undefined;
    const { end } = await scanRecords(file, { from, limit: size, sequence: 0 }, (payload, at) => {
      const record = parseRecord(payload, name, at);
      if ('snapshot' in record) begun = record.snapshot;
      else if ('end' in record) counted = record.end;
      else {
        count += record.entries.length;
        for (const [collection, key, revision, value] of record.entries) {
          onEntry({ collection, key, revision, value });
        }
      }
    });
    if (end !== size) throw corrupt(name, end, 'the record there fails its checksum');
    if (begun !== number) throw corrupt(name, from, `it is not snapshot ${number}`);
    if (count !== counted)
      throw corrupt(name, end, `it ends after ${count} entries, of ${counted ?? 'an unknown number'}`);
    return { size, version };
  } finally {
    await file.close();
  }
}

function parseRecord(payload: string, name: string, at: number): SnapshotRecord {
  try {
    return JSON.parse(payload) as SnapshotRecord;
  } catch (cause) {
    throw corrupt(name, at, 'the record there is not JSON', cause);
  }
}
