import { join } from 'node:path';
import { type Clock, messageOf, RegistryError, type StoredEntry } from '../../../../core/index.js';
import type { Disk } from '../disk.js';
import type { StateRecord } from '../format.js';
import { draftJournal } from '../journal.js';
import { draftName, fileName, readLayout } from '../layout.js';
import { notWritten } from '../outcomes.js';
import { draftSnapshot, publishSnapshot } from '../snapshot.js';

/** A whole catalogue, to become snapshot and journal of one number. */
export interface Whole {
  /** Higher than that of every file in the folder. */
  readonly number: number;
  /** The sequence of the journal's first record. */
  readonly sequence: number;
  readonly entries: Iterable<StoredEntry>;
  readonly state: Omit<StateRecord, 'state' | 'needsSnapshot'>;
  /** Whether the next start may go on with this epoch. */
  readonly isClean: boolean;
}

/**
 * Makes a snapshot and a journal that replace all that is in a locked folder. Until the last rename the former files
 * stand; where it fails, nothing has changed. Answers the names of the files that no longer count.
 */
export async function putInPlace(
  disk: Disk,
  folder: string,
  clock: Clock,
  { number, sequence, entries, state, isClean }: Whole,
): Promise<readonly string[]> {
  // It counts only beside the snapshot: until that has its name, what was there before does.
  const begin = { state: 'begin', ...state, needsSnapshot: true } as const;
  try {
    await draftSnapshot({ disk, folder, clock, number, entries, isAborted: () => false });
    const draft = await draftJournal(disk, folder, { number, sequence, state: begin });
    try {
      if (isClean) {
        const { epoch, home, revision, nextId } = state;
        await draft.journal.write(
          JSON.stringify({ state: 'close', epoch, home, revision, nextId } satisfies StateRecord),
        );
        await draft.journal.commit();
      }
      // Whoever opens it makes its own room.
      await draft.journal.cut();
      await draft.publish();
      await publishSnapshot(disk, folder, number);
      await draft.journal.close();
    } catch (error) {
      await draft.discard();
      throw error;
    }
  } catch (error) {
    // A snapshot that has its name needs the journal beside it, and the two are all there is.
    const isPublished = (await disk.list(folder)).includes(fileName('snapshot', number));
    const unneeded = isPublished ? [] : [draftName('snapshot', number), fileName('journal', number)];
    for (const name of unneeded) await disk.remove(join(folder, name)).catch(() => {});
    throw unwritten(folder, error, isPublished);
  }
  return (await readLayout(disk, folder)).leftovers;
}

function unwritten(folder: string, cause: unknown, isPublished = false): RegistryError {
  const state = isPublished
    ? 'What was to be put there is there, perhaps not to last'
    : 'All that was in it is still there';
  const outcome = notWritten(cause);
  return new RegistryError(
    outcome.kind === 'refused' ? outcome.code : 'STORE_FAILED',
    `${folder} can't be rewritten: ${messageOf(cause)}. ${state}.`,
    { cause },
  );
}
