import { join } from 'node:path';
import type { Clock } from '../../../../core/index.js';
import { type Disk, nodeDisk } from '../disk.js';
import { FORMAT_VERSION, toRuns } from '../format.js';
import { olderFolder, removeLeftovers, sortFiles } from '../layout.js';
import { takeLock } from '../lock.js';
import { REVISION_LEAP, recover } from '../recover.js';
import { FolderState } from './folder-state.js';
import { countedNames, listFolder, noCatalogue, unreadable } from './hold-folder.js';
import { putInPlace } from './put-in-place.js';

export interface Compaction {
  readonly path: string;
  readonly keys: number;
  /** Bytes of all the store's files. */
  readonly before: number;
  readonly after: number;
  readonly files: readonly string[];
  readonly isClean: boolean;
  /** The folder in this one that keeps the former files, where they were of an older format. */
  readonly kept: string | undefined;
}

/** Puts all that a folder holds into one snapshot and an empty journal. Throws STORE_LOCKED where a registry uses it. */
export async function compact(path: string, clock: Clock, disk: Disk = nodeDisk): Promise<Compaction> {
  if (countedNames(sortFiles(await listFolder(disk, path))).length === 0) throw noCatalogue(path);
  const lock = await takeLock(path, clock);
  try {
    const before = await sizeOf(disk, path);
    const state = new FolderState();
    const found = await recover(disk, path, state, clock);
    const { journal, epoch, home, revision, nextId, isClean, given } = found;
    if (journal === undefined) throw noCatalogue(path);
    const leftovers = await putInPlace(disk, path, clock, {
      number: journal.number + 1,
      sequence: journal.sequence,
      entries: state.entries(),
      state: {
        epoch,
        home,
        // After a crash the next start leaps anyhow, so there is no need to here where no commit needs a revision.
        revision: isClean || given.length > 0 ? revision : revision - REVISION_LEAP,
        nextId,
        after: { journal: journal.number, end: journal.end },
        ...(given.length > 0 && { given: toRuns(given) }),
      },
      isClean,
    });
    await removeLeftovers(disk, path, leftovers, journal.number + 1);
    const files = countedNames(sortFiles(await listFolder(disk, path)));
    return {
      path,
      keys: state.size,
      before,
      after: await sizeOf(disk, path),
      files,
      isClean,
      kept: found.isOlder ? olderFolder(FORMAT_VERSION - 1, journal.number + 1) : undefined,
    };
  } catch (error) {
    throw unreadable(path, error);
  } finally {
    await lock.release();
  }
}

/** The bytes of all journals and snapshots in a folder, of those too that no longer count. */
async function sizeOf(disk: Disk, path: string): Promise<number> {
  const layout = sortFiles(await listFolder(disk, path));
  let bytes = 0;
  for (const name of [...countedNames(layout), ...layout.leftovers]) {
    const file = await disk.open(join(path, name), 'read');
    try {
      bytes += await file.size();
    } finally {
      await file.close();
    }
  }
  return bytes;
}
