import type { RecordChange } from '../hooks.js';
import type { Change, MicroDB, Watch } from '../microdb/index.js';
import type { ServiceRecord } from './record.js';

/** What came after a cursor. */
export interface Changes {
  /** Where the feed is now: what to ask with next. */
  readonly cursor: string;
  readonly changes: readonly RecordChange[];
  /** The cursor is too old or of another epoch, so `changes` says nothing; begin anew from the records. */
  readonly isReset: boolean;
}

/** The cursor of now (DESIGN §1): where the feed is, in this epoch. */
export function cursorAt(epoch: string, db: MicroDB): string {
  return `${epoch}:${db.revision}`;
}

/** The changes of the service records after a cursor, which may be anything that a client sent. */
export function changesSince(
  cursor: string | undefined,
  epoch: string,
  db: MicroDB,
  collection: string,
): Changes {
  const since = revisionIn(cursor, epoch);
  const answer = since === undefined ? undefined : db.changes({ since, collection });
  const now = cursorAt(epoch, db);
  if (answer === undefined || 'compacted' in answer) return { cursor: now, changes: [], isReset: true };
  return { cursor: now, changes: answer.changes.map(recordChange), isReset: false };
}

/** Calls back with the changes after a cursor, and then with those of each commit, in their order, until it is closed. */
export function watchChanges(
  cursor: string | undefined,
  epoch: string,
  db: MicroDB,
  collection: string,
  onChanges: (changes: Changes) => void,
): Watch {
  const since = revisionIn(cursor, epoch);
  const watch = db.watch({ collection, ...(since !== undefined && { since }) }, (event) => {
    if ('compacted' in event) {
      onChanges({ cursor: `${epoch}:${event.revision}`, changes: [], isReset: true });
    } else {
      const revision = event.at(-1)?.revision ?? db.revision;
      onChanges({ cursor: `${epoch}:${revision}`, changes: event.map(recordChange), isReset: false });
    }
  });
  if (cursor !== undefined && since === undefined) {
    onChanges({ cursor: cursorAt(epoch, db), changes: [], isReset: true });
  }
  return watch;
}

/** The revision that a cursor of this epoch names; undefined for any other cursor, and for what is none. */
function revisionIn(cursor: string | undefined, epoch: string): number | undefined {
  const [, given, revision] = /^([^:]+):(\d{1,16})$/.exec(cursor ?? '') ?? [];
  const since = Number(revision);
  return given === epoch && Number.isSafeInteger(since) ? since : undefined;
}

function recordChange({ value, previous }: Change): RecordChange {
  return {
    record: (value ?? undefined) as ServiceRecord | undefined,
    previous: (previous ?? undefined) as ServiceRecord | undefined,
  };
}
