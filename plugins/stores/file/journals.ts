import { join } from 'node:path';
import { type Clock, type CommitOutcome, type Logger, messageOf } from '../../../core/index.js';
import type { Disk } from './disk.js';
import type { Feed } from './feed.js';
import { encodeBatch, type StateRecord, toRuns } from './format.js';
import { draftJournal, Journal, type JournalDraft } from './journal.js';
import { draftName, fileName, readLayout, removeLeftovers } from './layout.js';
import { notWritten, storeFailed, unknown } from './outcomes.js';
import type { Recovered } from './recover.js';
import { draftSnapshot, publishSnapshot } from './snapshot.js';

/** A journal that can't be added to is replaced at most this often. */
const MEND_INTERVAL_MS = 1_000;
/** After a snapshot that failed, the next one is not begun before. */
const SNAPSHOT_RETRY_MS = 60_000;

/** What one write puts into the journal. */
export interface Batch {
  readonly volatile: readonly string[];
  readonly commits: readonly string[];
  /** Where ids were handed out. */
  readonly nextId: number | undefined;
}

interface JournalsOptions {
  readonly disk: Disk;
  readonly folder: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly feed: Feed;
  /** A snapshot is begun when the journals since the last one are longer than this, and than that one. */
  readonly snapshotBytes: number;
}

/**
 * The journals and snapshots of an open data folder. Its methods are called one at a time; only a snapshot is written
 * beside them.
 */
export class Journals {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #feed: Feed;
  readonly #threshold: number;
  readonly #identity: { readonly epoch: string; readonly home: string };
  #journal: Journal;
  /** The revisions that the commits of the last record were given: the next record says them. */
  #given: readonly number[];
  #nextId: number;
  /** Why nothing may be added to the journal; undefined when all is well. */
  #broken: CommitOutcome | undefined;
  #mendAt = 0;
  /** Whether the reader holds something that no journal will. Only a snapshot makes up for it. */
  #isIncomplete = false;
  #journalBytes: number;
  #lastSnapshotBytes: number;
  #snapshotAt = 0;
  #snapshot: { isAborted: boolean; done: Promise<void> } | undefined;

  private constructor(options: JournalsOptions, found: Recovered, journal: Journal) {
    this.#disk = options.disk;
    this.#folder = options.folder;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#feed = options.feed;
    this.#threshold = options.snapshotBytes;
    this.#identity = { epoch: found.epoch, home: found.home };
    this.#journal = journal;
    this.#given = found.given;
    this.#nextId = found.nextId;
    this.#journalBytes = found.journalBytes;
    this.#lastSnapshotBytes = found.snapshotBytes;
  }

  /** Makes what was found ready to be added to: on disk before this resolves. */
  static async open(options: JournalsOptions, found: Recovered): Promise<Journals> {
    const { disk, folder } = options;
    if (found.journal === undefined) {
      const state = stateRecord('begin', found, options.feed.revision, found.nextId, []);
      const draft = await draftJournal(disk, folder, { number: 1, sequence: 0, state });
      await draft.publish().catch(async (error: unknown) => {
        await draft.discard();
        throw error;
      });
      return new Journals(options, found, draft.journal);
    }
    const { number, torn } = found.journal;
    const file = await disk.open(join(folder, fileName('journal', number)), 'write');
    const journal = new Journal(number, file, found.journal);
    try {
      if (torn > 0) await journal.cut();
      // Once this is on disk a crash is told from a clean end, and what was found without revisions has them.
      journal.write(
        JSON.stringify(stateRecord('open', found, options.feed.revision, found.nextId, found.given)),
      );
      await journal.sync();
    } catch (error) {
      await journal.close().catch(() => {});
      throw error;
    }
    return new Journals(options, { ...found, given: [] }, journal);
  }

  /** The first id that was never handed out. */
  get nextId(): number {
    return this.#nextId;
  }

  /** Says that a volatile change was given up before it was written. */
  lose(): void {
    this.#isIncomplete = true;
  }

  /** Writes a batch. Resolves to undefined once it is on disk, else to how its commits have ended. */
  async append(batch: Batch): Promise<CommitOutcome | undefined> {
    if (this.#broken !== undefined && !(await this.#mend())) return this.#broken;
    const journal = this.#journal;
    const start = journal.end;
    try {
      journal.write(encodeBatch({ ...batch, given: this.#given }));
    } catch (error) {
      const outcome = notWritten(error);
      await journal.cut().catch((cause) => this.#break('what was half written could not be cut off', cause));
      return outcome;
    }
    try {
      await journal.sync();
    } catch (error) {
      this.#break('a sync failed', error);
      return unknown(`The disk could not say whether it has stored this: ${messageOf(error)}.`);
    }
    this.#journalBytes += journal.end - start;
    this.#given = [];
    this.#nextId = batch.nextId ?? this.#nextId;
    return undefined;
  }

  /** The revisions of the batch just written, in the order of its commits. */
  give(revisions: readonly number[]): void {
    this.#given = revisions;
  }

  /** Where it is time: begins a new journal, and a snapshot of all before it, which is written in the background. */
  async compactIfDue(): Promise<void> {
    const isLong = this.#journalBytes > Math.max(this.#threshold, this.#lastSnapshotBytes);
    if (!(isLong || this.#isIncomplete) || this.#broken !== undefined || this.#snapshot !== undefined) return;
    if (this.#clock.monotonic() < this.#snapshotAt) return;
    this.#snapshotAt = this.#clock.monotonic() + SNAPSHOT_RETRY_MS;
    try {
      await this.#changeTo(await this.#draft());
    } catch (error) {
      this.#logger.warn({ err: error }, `No new journal could be begun: ${messageOf(error)}`);
      return;
    }
    const snapshot = { isAborted: false, done: Promise.resolve() };
    this.#snapshot = snapshot;
    snapshot.done = this.#writeSnapshot(this.#journal.number, snapshot).finally(() => {
      this.#snapshot = undefined;
    });
  }

  /** Lets go of the files. `isFlushed` says that every commit is in them. */
  async close(isFlushed: boolean): Promise<void> {
    await this.#stopSnapshot();
    const isClean = isFlushed && !this.#isIncomplete && this.#broken === undefined;
    try {
      if (!isClean) {
        this.#logger.warn(
          {},
          'The store is closed without all it was given; the next start begins a new epoch.',
        );
        return;
      }
      this.#journal.write(JSON.stringify(this.#state('close')));
      await this.#journal.sync();
    } catch (error) {
      this.#logger.warn({ err: error }, `The end could not be written to the journal: ${messageOf(error)}`);
    } finally {
      await this.#journal.close().catch(() => {});
    }
  }

  /**
   * Replaces a journal that can't be trusted: everything goes into a new snapshot, and a new journal follows it. No
   * commit is delivered meanwhile but volatile ones, which are still waiting to be written afterwards.
   */
  async #mend(): Promise<boolean> {
    if (this.#clock.monotonic() < this.#mendAt) return false;
    this.#mendAt = this.#clock.monotonic() + MEND_INTERVAL_MS;
    await this.#stopSnapshot();
    const wasIncomplete = this.#isIncomplete;
    this.#isIncomplete = false;
    const number = this.#journal.number + 1;
    try {
      const size = await draftSnapshot({ ...this.#source(number), isAborted: () => false });
      await this.#changeTo(await this.#draft());
      await publishSnapshot(this.#disk, this.#folder, number);
      await this.#replaced(size ?? 0);
    } catch (error) {
      this.#isIncomplete ||= wasIncomplete;
      await removeLeftovers(this.#disk, this.#folder, [draftName('snapshot', number)]);
      this.#break('no new journal could be begun', error);
      return false;
    }
    this.#broken = undefined;
    this.#logger.info({}, `Writes go on in ${fileName('journal', this.#journal.number)}.`);
    return true;
  }

  #break(what: string, error: unknown): void {
    const message = `Nothing can be written to the data folder, since ${what}: ${messageOf(error)}.`;
    this.#logger.error({ err: error }, `${message} A new journal is tried with the next write.`);
    const outcome = notWritten(error);
    this.#broken =
      outcome.kind === 'refused' && outcome.code === 'STORE_FULL' ? outcome : storeFailed(message);
  }

  #draft(): Promise<JournalDraft> {
    return draftJournal(this.#disk, this.#folder, {
      number: this.#journal.number + 1,
      sequence: this.#journal.sequence,
      state: { ...this.#state('begin'), after: { journal: this.#journal.number, end: this.#journal.end } },
    });
  }

  /** From here on the draft is the journal, and the one before is never written again. */
  async #changeTo(draft: JournalDraft): Promise<void> {
    const former = this.#journal;
    let failure: unknown;
    try {
      await draft.publish();
    } catch (error) {
      if (!draft.isPublished) {
        await draft.discard();
        throw error;
      }
      failure = error;
    }
    this.#journal = draft.journal;
    this.#given = [];
    await former.close().catch(() => {});
    if (failure === undefined) return;
    // It has its name, perhaps not for long: nothing may be added to it, and nothing to the one before.
    this.#break('a new journal could not be made to last', failure);
    throw failure;
  }

  async #writeSnapshot(number: number, snapshot: { readonly isAborted: boolean }): Promise<void> {
    const wasIncomplete = this.#isIncomplete;
    this.#isIncomplete = false;
    let isDone = false;
    try {
      const isAborted = () => snapshot.isAborted;
      const size = await draftSnapshot({ ...this.#source(number), isAborted });
      if (size === undefined) return;
      await publishSnapshot(this.#disk, this.#folder, number);
      isDone = true;
      this.#snapshotAt = 0;
      await this.#replaced(size);
    } catch (error) {
      this.#logger.warn(
        { err: error },
        `No snapshot could be written: ${messageOf(error)}. The journals are kept.`,
      );
    } finally {
      this.#isIncomplete ||= wasIncomplete && !isDone;
    }
  }

  /** A snapshot has its name: what is older is no longer needed. */
  async #replaced(size: number): Promise<void> {
    this.#lastSnapshotBytes = size;
    this.#journalBytes = this.#journal.end;
    const { leftovers } = await readLayout(this.#disk, this.#folder);
    await removeLeftovers(this.#disk, this.#folder, leftovers);
  }

  async #stopSnapshot(): Promise<void> {
    if (this.#snapshot === undefined) return;
    this.#snapshot.isAborted = true;
    await this.#snapshot.done;
  }

  #source(number: number) {
    return {
      disk: this.#disk,
      folder: this.#folder,
      clock: this.#clock,
      number,
      entries: this.#feed.reader.entries(),
    };
  }

  #state(state: StateRecord['state']): StateRecord {
    return stateRecord(state, this.#identity, this.#feed.revision, this.#nextId, this.#given);
  }
}

function stateRecord(
  state: StateRecord['state'],
  { epoch, home }: { readonly epoch: string; readonly home: string },
  revision: number,
  nextId: number,
  given: readonly number[],
): StateRecord {
  return { state, epoch, home, revision, nextId, ...(given.length > 0 && { given: toRuns(given) }) };
}
