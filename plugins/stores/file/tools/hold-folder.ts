import { basename } from 'node:path';
import { type Clock, messageOf, RegistryError } from '../../../../core/index.js';
import type { Disk, DiskFile } from '../disk.js';
import { fileName, type Layout, sortFiles } from '../layout.js';
import { type Look, lookAtLock } from '../lock.js';
import { settledEnd } from './walk-records.js';

/** The files of a folder may be replaced while they are opened; so many times it is tried again, so long after. */
const TRIES = 20;
const WAIT_MS = 50;

/** The files of a data folder that count, open for reading, as they were at one moment. */
export interface HeldFolder {
  readonly path: string;
  readonly layout: Layout;
  /** Every name in the folder. */
  readonly names: readonly string[];
  readonly lock: Look;
  /** Whether a registry may be writing while this is read. */
  readonly isLive: boolean;
  file(name: string): DiskFile;
  /**
   * A disk that holds nothing else, for what reads a folder. Beside a running registry its newest journal ends with the
   * last whole record.
   */
  asDisk(): Promise<Disk>;
  close(): Promise<void>;
}

/**
 * Opens what counts in a folder. Once open, files can be read to their end although a registry replaces them. Throws
 * NOT_FOUND where there is no folder or no catalogue in it.
 */
export async function holdFolder(disk: Disk, path: string, clock: Clock): Promise<HeldFolder> {
  for (let tries = 1; ; tries += 1) {
    const names = await listFolder(disk, path);
    const layout = sortFiles(names);
    const counted = countedNames(layout);
    const files = new Map<string, DiskFile>();
    const close = async () => {
      for (const file of files.values()) await file.close().catch(() => {});
    };
    let isSame = true;
    try {
      for (const name of counted) files.set(name, await disk.open(`${path}/${name}`, 'read'));
      const now = sortFiles(await listFolder(disk, path));
      isSame = countedNames(now).join() === counted.join();
    } catch (error) {
      await close();
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw unreadable(path, error);
      isSame = false;
    }
    if (isSame) {
      if (counted.length === 0) throw noCatalogue(path);
      const lock = await lookAtLock(path);
      return held(path, { names, layout, lock, files, close, clock });
    }
    await close();
    if (tries === TRIES) throw unreadable(path, 'its files are replaced faster than they can be opened');
    await new Promise<void>((resolve) => clock.setTimer(WAIT_MS, resolve));
  }
}

/** The names in a folder. Throws NOT_FOUND, or STORE_FAILED with what the disk says. */
export async function listFolder(disk: Disk, path: string): Promise<readonly string[]> {
  try {
    return (await disk.list(path)).toSorted();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') {
      throw new RegistryError(
        'NOT_FOUND',
        `There is no folder ${path}. Name the data folder with --path, or the configuration that names it with --config.`,
      );
    }
    throw unreadable(path, code === 'ENOTDIR' ? 'it is a file, and not a folder' : error);
  }
}

/** The error for a folder without a catalogue. */
export function noCatalogue(path: string): RegistryError {
  return new RegistryError(
    'NOT_FOUND',
    `${path} holds no catalogue: there is neither a journal nor a snapshot in it. Is it the right folder?`,
  );
}

export function countedNames({ snapshot, journals }: Layout): string[] {
  const ofJournals = journals.map((number) => fileName('journal', number));
  return snapshot === undefined ? ofJournals : [fileName('snapshot', snapshot), ...ofJournals];
}

/** The error for a folder that the disk does not let us read. One that is Rollcall's own is given back as it is. */
export function unreadable(path: string, error: unknown): RegistryError {
  if (error instanceof RegistryError) return error;

  return new RegistryError('STORE_FAILED', `The data folder ${path} can't be read: ${messageOf(error)}.`, {
    cause: error,
  });
}

function held(
  path: string,
  parts: Pick<HeldFolder, 'names' | 'layout' | 'lock' | 'close'> & {
    readonly files: ReadonlyMap<string, DiskFile>;
    readonly clock: Clock;
  },
): HeldFolder {
  const { files, names, layout, lock, close, clock } = parts;
  const isLive = lock.kind === 'alive' || lock.kind === 'unclear';
  const file = (name: string) => {
    const found = files.get(name);
    if (found === undefined) throw new RegistryError('INTERNAL', `${name} is not held.`);
    return found;
  };
  return {
    path,
    layout,
    names,
    lock,
    isLive,
    file,
    close,
    async asDisk() {
      const newest = layout.journals.at(-1);
      const name = newest === undefined ? '' : fileName('journal', newest);
      const end = isLive && newest !== undefined ? await settledEnd(file(name), name, clock) : undefined;
      return readOnly(names, (one) => {
        const whole = file(one);
        const size = one === name && end !== undefined ? async () => end : whole.size;
        return { ...whole, size, close: async () => {} };
      });
    },
  };
}

function readOnly(names: readonly string[], open: (name: string) => DiskFile): Disk {
  const refuse = () => Promise.reject(new RegistryError('INTERNAL', 'This disk is only read.'));
  return {
    makeFolder: refuse,
    list: async () => [...names],
    open: async (path, mode) => (mode === 'read' ? open(basename(path)) : refuse()),
    rename: refuse,
    remove: refuse,
    syncFolder: refuse,
  };
}
