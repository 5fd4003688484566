import type { Clock, Logger } from '../../../core/index.js';
import type { Disk } from './disk.js';
import type { Feed } from './feed.js';
import { type StateRecord, toRuns } from './format.js';

/** What one write puts into the journal. */
export interface Batch {
  readonly volatile: readonly string[];
  readonly commits: readonly string[];
  /** Where ids were handed out. */
  readonly nextId: number | undefined;
}

/** What `Journals` works with. */
export interface JournalsOptions {
  readonly disk: Disk;
  readonly folder: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly feed: Feed;
  /** A snapshot is begun when the journals since the last one are longer than this, and than that one. */
  readonly snapshotBytes: number;
  /** How long what was answered may lie unsynced; undefined: it is synced before. */
  readonly intervalMs: number | undefined;
}

/** What a journal says where it begins, and where the store was opened or closed. */
export function stateRecord(
  state: StateRecord['state'],
  { epoch, home }: { readonly epoch: string; readonly home: string },
  revision: number,
  nextId: number,
  given: readonly number[],
): StateRecord {
  return { state, epoch, home, revision, nextId, ...(given.length > 0 && { given: toRuns(given) }) };
}
