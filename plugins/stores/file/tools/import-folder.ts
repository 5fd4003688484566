import { constants } from 'node:fs';
import { copyFile, link, mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Clock, messageOf, RegistryError } from '../../../../core/index.js';
import { type Disk, nodeDisk } from '../disk.js';
import { sortFiles } from '../layout.js';
import { takeLock } from '../lock.js';
import { countedNames, listFolder } from './hold-folder.js';
import { readExport } from './import-lines.js';
import { putInPlace } from './put-in-place.js';

export interface Import {
  readonly path: string;
  readonly keys: number;
  readonly epoch: string;
  readonly home: string;
  readonly revision: number;
  readonly nextId: number;
  /** The folder where the catalogue that was there before now lies. */
  readonly aside: string | undefined;
}

/**
 * Makes a catalogue of an export. It gets an epoch of its own, since revisions may go back; home, ids and revisions stay.
 * A folder that has a catalogue is refused, unless `isForced`: that one is then kept in a folder beside it.
 */
export async function importFolder(
  path: string,
  bytes: AsyncIterable<Uint8Array>,
  clock: Clock,
  { isForced, disk = nodeDisk }: { readonly isForced: boolean; readonly disk?: Disk },
): Promise<Import> {
  // Told before a long export is read, and looked at again once nobody else can change it.
  await formerFiles(disk, path, isForced);
  const { header, entries } = await readExport(bytes);
  await disk.makeFolder(path);
  const lock = await takeLock(path, clock);
  try {
    const former = await formerFiles(disk, path, isForced);
    const aside = former.length === 0 ? undefined : await keepAside(path, former, clock);
    const { home, revision, nextId } = header;
    const epoch = clock.uuid();
    const whole = former.filter((name) => !name.endsWith('.tmp'));
    const highest = Math.max(0, ...whole.map((name) => Number(/\d+/.exec(name)?.[0])));
    // From 2 up: the journal alone, without its snapshot, then lacks one before it, and is refused.
    const number = Math.max(1, highest) + 1;
    const after = highest === 0 ? {} : { after: { journal: highest, end: 0 } };
    const leftovers = await putInPlace(disk, path, clock, {
      number,
      sequence: 0,
      entries,
      state: { epoch, home, revision, nextId, ...after },
      isClean: true,
    });
    for (const name of leftovers) await disk.remove(join(path, name));
    return { path, keys: entries.length, epoch, home, revision, nextId, aside };
  } finally {
    await lock.release();
  }
}

/** The store's files in a folder. Throws where they are a catalogue and may not be replaced. */
async function formerFiles(disk: Disk, path: string, isForced: boolean): Promise<readonly string[]> {
  let names: readonly string[];
  try {
    names = await listFolder(disk, path);
  } catch (error) {
    if (error instanceof RegistryError && error.code === 'NOT_FOUND') return [];
    throw error;
  }
  const layout = sortFiles(names);
  const counted = countedNames(layout);
  const files = [...counted, ...layout.leftovers];
  // What a crash left half-written is no catalogue.
  if (files.every((name) => name.endsWith('.tmp'))) return [];
  if (isForced) return files;
  throw new RegistryError(
    'INVALID_ARGUMENT',
    `${path} holds a catalogue already (${files[0]}), and was left as it is. Name another folder with --path, or say --force to replace it; it is then kept beside this folder.`,
  );
}

/** Puts a second name of each file, or a copy where that can't be, into a new folder beside this one. */
async function keepAside(path: string, names: readonly string[], clock: Clock): Promise<string> {
  const stamp = new Date(clock.now()).toISOString().replaceAll(/[:.]/g, '-');
  const aside = `${path}.before-import-${stamp}`;
  try {
    await mkdir(aside, { mode: 0o700 });
    for (const name of names) await linkOrCopy(join(path, name), join(aside, name));
    await nodeDisk.syncFolder(aside);
    await nodeDisk.syncFolder(dirname(aside));
    return aside;
  } catch (cause) {
    throw new RegistryError(
      'STORE_FAILED',
      `The catalogue in ${path} can't be kept in ${aside}: ${messageOf(cause)}. Nothing was imported, and the folder is as it was.`,
      { cause },
    );
  }
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch {
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    const copy = await open(to, 'r+');
    try {
      await copy.sync();
    } finally {
      await copy.close();
    }
  }
}
