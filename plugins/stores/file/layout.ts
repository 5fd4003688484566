import { join } from 'node:path';
import { RegistryError } from '../../../core/index.js';
import type { Disk } from './disk.js';
import { type FileKind, FORMAT_VERSION, readFirstLine } from './format.js';

/** What lies in a data folder. Snapshot n holds all that happened before journal n began, and perhaps later things. */
export interface Layout {
  /** The newest snapshot. */
  readonly snapshot: number | undefined;
  /** The journals to be replayed over it, oldest first. */
  readonly journals: readonly number[];
  /** Names of files that no longer count: half-written ones, and what a newer snapshot has replaced. */
  readonly leftovers: readonly string[];
  /** Journals that must be there, and are not. */
  readonly missing: readonly number[];
}

const MISSING_LIMIT = 1_000;

export function fileName(kind: FileKind, number: number): string {
  return `${kind}-${number}.log`;
}

/** Files are written under this name, and get their own only once they are whole and on disk. */
export function draftName(kind: FileKind, number: number): string {
  return `${fileName(kind, number)}.tmp`;
}

/** Sorts a data folder's files. Throws STORE_CORRUPT where a journal is missing. */
export async function readLayout(disk: Disk, folder: string): Promise<Layout> {
  const layout = sortFiles(await disk.list(folder));
  const [missing] = layout.missing;
  if (missing === undefined) return layout;
  throw new RegistryError(
    'STORE_CORRUPT',
    `${fileName('journal', missing)} is missing from ${folder}. Nothing was changed. Restore the folder from a backup, or move it away to begin with an empty catalogue.`,
  );
}

/** The layout that these names make up, whole or not. */
export function sortFiles(names: readonly string[]): Layout {
  const files = names.flatMap((name) => {
    const match = /^(journal|snapshot)-(\d{1,15})\.log(\.tmp)?$/.exec(name);
    return match === null
      ? []
      : [{ name, kind: match[1] as FileKind, number: Number(match[2]), isDraft: match[3] !== undefined }];
  });
  const whole = files.filter((file) => !file.isDraft);
  const numbers = (kind: FileKind) =>
    whole
      .filter((file) => file.kind === kind)
      .map((file) => file.number)
      .sort((a, b) => a - b);

  const snapshot = numbers('snapshot').at(-1);
  const first = snapshot ?? 1;
  const journals = numbers('journal').filter((number) => number >= first);
  const missing: number[] = [];
  let next = first;
  for (const number of journals) {
    // A name that is far off stands for no more gaps than anyone would read of.
    while (next < number && missing.length < MISSING_LIMIT) missing.push(next++);
    next = number + 1;
  }
  if (snapshot !== undefined && journals.length === 0) missing.push(snapshot);
  const leftovers = files.filter((file) => file.isDraft || file.number < first).map((file) => file.name);
  return { snapshot, journals, leftovers, missing };
}

/** The folder that keeps what was there before an older format was replaced by the snapshot of this number. */
export function olderFolder(version: number, number: number): string {
  return `format-${version}-before-${number}`;
}

/**
 * Removes what no longer counts, now that snapshot `number` is there; whole files of an older format are kept in a
 * folder of their own. What can't be removed is left for the next time.
 */
export async function removeLeftovers(
  disk: Disk,
  folder: string,
  names: readonly string[],
  number: number,
): Promise<void> {
  for (const name of names) {
    const path = join(folder, name);
    const version = await versionOf(disk, path, name);
    if (version === FORMAT_VERSION) {
      await disk.remove(path).catch(() => {});
      continue;
    }
    const kept = join(folder, olderFolder(version, number));
    await disk.makeFolder(kept).catch(() => {});
    await disk.rename(path, join(kept, name)).catch(() => {});
  }
}

/** The format of a whole file; the present one for drafts, and for what can't be read. */
async function versionOf(disk: Disk, path: string, name: string): Promise<number> {
  const kind = /^(journal|snapshot)-\d+\.log$/.exec(name)?.[1] as FileKind | undefined;
  if (kind === undefined) return FORMAT_VERSION;
  try {
    const file = await disk.open(path, 'read');
    try {
      return (await readFirstLine(file, kind, name)).version;
    } finally {
      await file.close();
    }
  } catch {
    return FORMAT_VERSION;
  }
}
