import type { RecordChange } from '../hooks.js';
import type { Change, MicroDB, Watch } from '../microdb/index.js';
import type { ChangeLog, Stretch } from './change-log.js';
import type { ServiceRecord } from './record.js';
import { ServiceReads } from './service-reads.js';

/** What came after a cursor. */
export interface Changes {
  /** Where the feed is now: what to ask with next. */
  readonly cursor: string;
  readonly changes: readonly RecordChange[];
  /** The cursor is too old or of another epoch, so `changes` says nothing; begin anew from the records. */
  readonly isReset: boolean;
}

/** What can be asked of how the service records change. A cursor says where in the feed, and in which epoch (DESIGN §1). */
export abstract class ServiceChanges extends ServiceReads {
  protected abstract readonly db: MicroDB;
  protected abstract readonly log: ChangeLog;
  protected abstract get epoch(): string;

  /** Where the feed is: give it to `changesSince` later. Opaque. */
  get cursor(): string {
    return this.cursorOf(this.revision);
  }

  /** The last revision of all, also of what is none of the services. */
  get revision(): number {
    return this.db.revision;
  }

  cursorOf(revision: number): string {
    return `${this.epoch}:${revision}`;
  }

  /** The revision that a cursor stands for; undefined where it is of another epoch, of the future, or no cursor at all. */
  revisionOf(cursor: string): number | undefined {
    const since = this.#revisionIn(cursor);
    return since !== undefined && since <= this.revision ? since : undefined;
  }

  /** What came after a cursor, which may be anything that a client sent; without one, only the cursor of now. */
  changesSince(cursor: string | undefined): Changes {
    const since = cursor === undefined ? undefined : this.revisionOf(cursor);
    const answer = since === undefined ? undefined : this.changesAfter(since);
    return { cursor: this.cursor, changes: answer?.changes ?? [], isReset: answer === undefined };
  }

  /**
   * The revision at which a record of this name last changed, or of any; where that is not known, one that is not before
   * it. It moves in the same step in which reads see the change, never back, and with each change: what was worked out
   * of a name's records holds as long as it stands (but for what is stale, which comes and goes without a change).
   */
  lastChange(name?: string): number {
    return this.log.lastChange(name);
  }

  /**
   * What came to a name, or to any, after a revision of this epoch. A commit is never given in part: one of more than `limit`
   * changes comes alone, else they are at most so many. Undefined where some of it is no longer kept.
   */
  changesAfter(
    revision: number,
    options: { readonly name?: string | undefined; readonly limit?: number } = {},
  ): Stretch | undefined {
    const { name, limit = Number.MAX_SAFE_INTEGER } = options;
    return this.log.after(revision, name, limit, this.revision);
  }

  /**
   * Calls `wake` after each change of a name, or of any, until it is closed: in the midst of a commit's telling, so it
   * must be quick and change nothing. What it throws is logged. While a name is watched, what is known of it is not given up.
   */
  onChange(name: string | undefined, wake: () => void): Watch {
    return { close: this.log.watch(name, wake) };
  }

  /**
   * Calls back with what came after a cursor, if one is given, and then with the changes of each commit until it is
   * closed: synchronously, in the order of revisions, so the callback must be quick. What it throws is logged.
   */
  watch(cursor: string | undefined, onChanges: (changes: Changes) => void): Watch {
    const { db, records } = this;
    const since = cursor === undefined ? undefined : this.#revisionIn(cursor);
    const watch = db.watch({ collection: records.name, ...(since !== undefined && { since }) }, (event) => {
      if ('compacted' in event) {
        onChanges({ cursor: this.cursorOf(event.revision), changes: [], isReset: true });
      } else {
        const cursor = this.cursorOf(event.at(-1)?.revision ?? db.revision);
        onChanges({ cursor, changes: event.map(recordChange), isReset: false });
      }
    });
    if (cursor !== undefined && since === undefined) {
      onChanges({ cursor: this.cursor, changes: [], isReset: true });
    }
    return watch;
  }

  #revisionIn(cursor: string): number | undefined {
    const [, given, revision] = /^([^:]+):(\d{1,16})$/.exec(cursor) ?? [];
    const since = Number(revision);
    return given === this.epoch && Number.isSafeInteger(since) ? since : undefined;
  }
}

function recordChange({ value, previous }: Change): RecordChange {
  return {
    record: (value ?? undefined) as ServiceRecord | undefined,
    previous: (previous ?? undefined) as ServiceRecord | undefined,
  };
}
