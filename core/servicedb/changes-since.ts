import type { RecordChange } from '../hooks.js';
import type { MicroDB } from '../microdb/index.js';
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
  const [, given, revision] = /^([^:]+):(\d{1,16})$/.exec(cursor ?? '') ?? [];
  const since = Number(revision);
  const answer =
    given === epoch && Number.isSafeInteger(since) ? db.changes({ since, collection }) : undefined;
  const now = cursorAt(epoch, db);
  if (answer === undefined || 'compacted' in answer) return { cursor: now, changes: [], isReset: true };
  const changes = answer.changes.map(({ value, previous }) => ({
    record: (value ?? undefined) as ServiceRecord | undefined,
    previous: (previous ?? undefined) as ServiceRecord | undefined,
  }));
  return { cursor: now, changes, isReset: false };
}
