import { crc32 } from 'node:zlib';
import { type By, type Commit, type JsonObject, RegistryError } from '../../../core/index.js';
import type { DiskFile } from './disk.js';

/** The format that is written, and the newest that is read. */
export const FORMAT_VERSION = 2;

export type FileKind = 'journal' | 'snapshot';

/** The revisions given to the commits of the record before: first, count, first, count, … */
export type Runs = readonly number[];

type StoredChange = readonly [collection: string, key: string, value: JsonObject | null];
/** One commit. Its revision stands in the next record, since the feed gives it only once the commit is on disk. */
export type StoredCommit = readonly [who: string, door: string, changes: readonly StoredChange[]];
type StoredVolatile = readonly [revision: number, who: string, door: string, ...change: StoredChange];

/** Begins a journal, or stands in it where the store was opened or closed. */
export interface StateRecord {
  readonly state: 'begin' | 'open' | 'close';
  readonly given?: Runs;
  /** As in a batch. */
  readonly synced?: number;
  readonly epoch: string;
  readonly home: string;
  readonly revision: number;
  readonly nextId: number;
  /** In `begin`: the journal before, and where its last record ended. */
  readonly after?: { readonly journal: number; readonly end: number };
  /** In `begin`: the journal counts only beside its snapshot; nothing was answered from it before that was there. */
  readonly needsSnapshot?: true;
}

/** What was written at one time. */
export interface BatchRecord {
  readonly given?: Runs;
  /** Records before this sequence were known to be on disk; all before this record, where it does not say. */
  readonly synced?: number;
  readonly volatile?: readonly StoredVolatile[];
  readonly commits?: readonly StoredCommit[];
  readonly nextId?: number;
}

export type JournalRecord = StateRecord | BatchRecord;

/** A snapshot is one `snapshot` record, `entries` records, and one `end` record that counts the entries. */
export type SnapshotRecord =
  | { readonly snapshot: number }
  | {
      readonly entries: readonly (readonly [
        collection: string,
        key: string,
        revision: number,
        value: JsonObject,
      ])[];
    }
  | { readonly end: number };

/** The line every file begins with; its form stays the same in every version to come. */
export function firstLine(kind: FileKind): string {
  const what = `rollcall-${kind} ${FORMAT_VERSION}`;
  return `${what} ${checksumOf(what)}\n`;
}

/**
 * Checks the first line; answers its length and the version of the format. Throws STORE_CORRUPT, or STORE_VERSION for a
 * newer version. Version 1 had no checksum there, so that a flipped bit could make a version of it that never was.
 */
export async function readFirstLine(
  file: DiskFile,
  kind: FileKind,
  name: string,
): Promise<{ length: number; version: number }> {
  const begin = Buffer.alloc(64);
  const text = begin.toString('latin1', 0, await file.read(begin, 0));
  const [line = '', what = '', found, version, sum] =
    /^(rollcall-(journal|snapshot) (\d{1,9}))(?: ([0-9a-f]{8}))?\n/.exec(text) ?? [];
  if (found !== kind) throw corrupt(name, 0, `it does not begin with "rollcall-${kind}"`);
  const isWhole = sum === undefined ? version === '1' : version !== '1' && sum === checksumOf(what);
  if (!isWhole) throw corrupt(name, 0, 'its first line fails its checksum');
  if (Number(version) > FORMAT_VERSION) {
    throw new RegistryError(
      'STORE_VERSION',
      `${name} has format ${version}, and this version of Rollcall reads formats up to ${FORMAT_VERSION}. Use the version that wrote it, or a newer one.`,
    );
  }
  return { length: line.length, version: Number(version) };
}

function checksumOf(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}

/** The error for what can't be read, with what to do. */
export function corrupt(name: string, at: number, what: string, cause?: unknown): RegistryError {
  return new RegistryError(
    'STORE_CORRUPT',
    `${name} is damaged at byte ${at}: ${what}. Nothing was changed. Check the disk, then restore the data folder from a backup, or move it away to begin with an empty catalogue.`,
    { cause },
  );
}

export function encodeCommit({ by, changes }: Commit): string {
  let text = `[${JSON.stringify(by.who)},${JSON.stringify(by.door)},[`;
  for (let at = 0; at < changes.length; at += 1) {
    const { collection, key, value } = changes[at] as Commit['changes'][number];
    const change: StoredChange = [collection, key, value];
    text += at === 0 ? JSON.stringify(change) : `,${JSON.stringify(change)}`;
  }
  return `${text}]]`;
}

export function encodeVolatile(
  revision: number,
  by: By,
  change: { collection: string; key: string; value: JsonObject | null },
): string {
  const stored: StoredVolatile = [revision, by.who, by.door, change.collection, change.key, change.value];
  return JSON.stringify(stored);
}

/** A batch record, put together of commits that were encoded before. */
export function encodeBatch(batch: {
  readonly given: readonly number[];
  readonly volatile: readonly string[];
  readonly commits: readonly string[];
  readonly nextId: number | undefined;
  readonly synced: number | undefined;
}): string {
  const members: string[] = [];
  if (batch.given.length > 0) members.push(`"given":${JSON.stringify(toRuns(batch.given))}`);
  if (batch.synced !== undefined) members.push(`"synced":${batch.synced}`);
  if (batch.volatile.length > 0) members.push(`"volatile":[${listed(batch.volatile)}]`);
  if (batch.commits.length > 0) members.push(`"commits":[${listed(batch.commits)}]`);
  if (batch.nextId !== undefined) members.push(`"nextId":${batch.nextId}`);
  return `{${members.join(',')}}`;
}

/** As `join(',')`, which makes a copy: what is added up is copied once, into the buffer that is written. */
function listed(texts: readonly string[]): string {
  let list = texts[0] ?? '';
  for (let at = 1; at < texts.length; at += 1) list += `,${texts[at]}`;
  return list;
}

/** Rising revisions, as runs. */
export function toRuns(revisions: readonly number[]): Runs {
  const runs: number[] = [];
  let next: number | undefined;
  for (const revision of revisions) {
    if (revision === next) runs[runs.length - 1] = (runs.at(-1) ?? 0) + 1;
    else runs.push(revision, 1);
    next = revision + 1;
  }
  return runs;
}

export function fromRuns(runs: Runs): number[] {
  const revisions: number[] = [];
  for (let at = 0; at + 1 < runs.length; at += 2) {
    const first = runs[at] ?? 0;
    for (let offset = 0; offset < (runs[at + 1] ?? 0); offset += 1) revisions.push(first + offset);
  }
  return revisions;
}
