import { messageOf, RegistryError } from '../../../../core/index.js';

/** One thing that is not as it was written. */
export interface Finding {
  readonly file: string;
  /** The byte where it begins. */
  readonly at: number;
  readonly what: string;
  /** What it means for the operator, and what to do. */
  readonly meaning: string;
}

/** What each kind of finding means. */
export const MEANS = {
  refused: 'No registry starts with this. Keep a copy of the folder, and restore a backup.',
  lost: 'What those records held is lost, unless a later one holds it too; the others can be read. No registry starts with this. Keep a copy of the folder, and restore a backup.',
  missing:
    'What it held is lost, unless a later file holds it too. No registry starts with this. Look for the file, else restore a backup.',
  torn: 'Either a write that a crash cut short, or damage to what was written last: nobody can tell. The first was not answered, unless durability is `interval`. Where this is all, the next start cuts it off and goes on with what is before it. If nothing has crashed, look at the disk, and whether what was written last is still there.',
  stray:
    'Nothing of it counts, and nothing is lost by it. If neither a crash nor a failing disk explains it, look at the disk.',
  count: 'Entries are missing or were added. No registry starts with this. Restore a backup.',
  unread: 'Whether the rest of the file is whole is not known. Look at the disk, then verify again.',
} as const;

/** Makes a finding of what was thrown while a file was read, so that the other files are still looked at. */
export function findingOf(file: string, error: unknown): Finding {
  if (!(error instanceof RegistryError)) {
    return { file, at: 0, what: `it can't be read: ${messageOf(error)}`, meaning: MEANS.unread };
  }
  if (error.code === 'STORE_VERSION') {
    return { file, at: 0, what: error.message, meaning: 'A newer version of Rollcall reads it.' };
  }
  return { file, at: 0, what: 'its first line is damaged', meaning: MEANS.refused };
}
