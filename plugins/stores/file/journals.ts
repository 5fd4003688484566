import { join } from 'node:path';
import { type Clock, type CommitOutcome, type Logger, messageOf } from '../../../core/index.js';
import type { Disk } from './disk.js';
import type { Feed } from './feed.js';
import { encodeBatch, type StateRecord } from './format.js';
import { draftJournal, Journal, type JournalDraft } from './journal.js';
import { type Batch, type JournalsOptions, stateRecord } from './journal-state.js';
import { LaterSync } from './later-sync.js';
import { draftName, fileName, readLayout, removeLeftovers } from './layout.js';
import { notWritten, type Refused, storeFailed, unknown } from './outcomes.js';
import type { Recovered } from './recover.js';
import { draftSnapshot, publishSnapshot } from './snapshot.js';

/** A journal that can't be added to is replaced at most this often. */
const MEND_INTERVAL_MS = 1_000;
/** After a snapshot that failed, the next one is not begun before. */
const SNAPSHOT_RETRY_MS = 60_000;
/** With durability `interval` the journal is this far ahead of the ids that were handed out, so that few need a sync. */
const IDS_AHEAD = 10_000;

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
  readonly #later: LaterSync | undefined;
  #journal: Journal;
  #nextId: number;
  /** The first id that the journal does not say was handed out. */
  #idMark: number;
  /** Why nothing may be added to the journal; undefined when all is well. */
  #broken: Refused | undefined;
  #mendAt = 0;
  /** Whether the reader holds something that no journal will. Only a snapshot makes up for it. */
  #isIncomplete = false;
  #journalBytes: number;
  #lastSnapshotBytes: number;
  #snapshotAt = 0;
  /** Called where `repair` has something to do. */
  onUnsafe: () => void = () => {};
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
    this.#nextId = found.nextId;
    this.#idMark = found.nextId;
    if (options.intervalMs !== undefined) {
      const { clock, intervalMs } = options;
      this.#later = new LaterSync({ clock, intervalMs, sync: () => this.#syncLater() });
    }
    this.#journalBytes = found.journalBytes;
    this.#lastSnapshotBytes = found.snapshotBytes;
  }

  /**
   * Makes what was found ready to be added to: on disk before this resolves. A folder of an older format goes into a
   * new snapshot and a new journal.
   */
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
    const { number, size, torn, end, sequence, synced } = found.journal;
    const file = await disk.open(join(folder, fileName('journal', number)), 'write');
    const at = { end, sequence, given: found.given };
    const journal = new Journal(number, file, at, size, { ...synced, given: [] });
    const journals = new Journals(options, found, journal);
    try {
      // The one before may have been killed between a rename and the folder's sync, or after a sync that failed.
      await disk.syncFolder(folder);
      await journal.rewrite();
      if (found.isOlder) {
        await journal.sync();
        await journals.#replace();
        return journals;
      }
      if (torn > 0) await journal.cut();
      // Once this is on disk a crash is told from a clean end, and what was found without revisions has them.
      await journal.write(JSON.stringify({ ...journals.#state('open', found.given), synced: journal.claim }));
      await journal.commit();
    } catch (error) {
      await journals.#journal.close().catch(() => {});
      throw error;
    }
    return journals;
  }

  /** The first id that was never handed out. */
  get nextId(): number {
    return this.#nextId;
  }

  /** Says that a volatile change was given up before it was written. */
  lose(): void {
    this.#isIncomplete = true;
  }

  /** Writes a batch. Resolves to undefined once it is as safe as is promised, else to how its commits have ended. */
  async append(batch: Batch): Promise<CommitOutcome | undefined> {
    await this.#later?.settle();
    if (this.#broken !== undefined && !(await this.#mend())) return this.#broken;
    const journal = this.#journal;
    const { end, given } = journal.at;
    const idMark = this.#idMarkFor(batch.nextId);
    try {
      await journal.write(encodeBatch({ ...batch, given, nextId: idMark, synced: journal.claim }));
    } catch (error) {
      const outcome = notWritten(error);
      await journal.cut().catch((cause) => this.#break('what was half written could not be cut off', cause));
      return outcome;
    }
    const failure = await this.#secure(journal, idMark !== undefined);
    if (failure !== undefined) return failure;
    this.#journalBytes += journal.at.end - end;
    this.#nextId = batch.nextId ?? this.#nextId;
    this.#idMark = idMark ?? this.#idMark;
    return undefined;
  }

  /** Makes what was written count, and as safe as is promised. Resolves to how its commits have ended where it fails. */
  async #secure(journal: Journal, isSyncDue: boolean): Promise<CommitOutcome | undefined> {
    const later = this.#later;
    if (later === undefined) {
      try {
        await journal.commit();
      } catch (error) {
        this.#break('a sync failed', error);
        return unknown(`The disk could not say whether it has stored this: ${messageOf(error)}.`);
      }
      return undefined;
    }
    // Writing may have waited for the disk.
    await later.settle();
    if (this.#broken === undefined) {
      journal.count();
      later.note();
      if (isSyncDue) await later.sync();
    }
    return this.#broken && unknown(this.#broken.message);
  }

  /** Whether something that was answered is in memory only, since a sync failed later. */
  get isUnsafe(): boolean {
    return this.#later !== undefined && this.#broken !== undefined;
  }

  /** Brings to disk what is unsafe, if it is time to try that. */
  async repair(): Promise<void> {
    if (this.isUnsafe) await this.#mend();
  }

  /** The revisions of the batch just written, in the order of its commits. */
  give(revisions: readonly number[]): void {
    this.#journal.give(revisions);
  }

  /**
   * To be called when all is quiet: writes the revisions of the last commits, without a sync. Damage to the record of
   * those commits is then told from a write that a crash has cut short, since a whole record follows it.
   */
  async rest(): Promise<void> {
    const journal = this.#journal;
    const { given } = journal.at;
    if (given.length === 0 || this.#broken !== undefined) return;
    try {
      await journal.write(
        encodeBatch({ volatile: [], commits: [], nextId: undefined, given, synced: journal.claim }),
      );
      journal.count();
    } catch {
      await journal.cut().catch((cause) => this.#break('what was half written could not be cut off', cause));
    }
  }

  /** Where it is time: begins a new journal, and a snapshot of all before it, which is written in the background. */
  async compactIfDue(): Promise<void> {
    const isLong = this.#journalBytes > Math.max(this.#threshold, this.#lastSnapshotBytes);
    if (!(isLong || this.#isIncomplete) || this.#broken !== undefined || this.#snapshot !== undefined) return;
    if (this.#clock.monotonic() < this.#snapshotAt) return;
    this.#snapshotAt = this.#clock.monotonic() + SNAPSHOT_RETRY_MS;
    try {
      await this.#syncAll();
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
    await this.#later?.flush();
    this.#mendAt = 0;
    await this.repair();
    const isClean = isFlushed && !this.#isIncomplete && this.#broken === undefined;
    try {
      if (!isClean) {
        this.#logger.warn(
          {},
          'The store is closed without all it was given; the next start begins a new epoch.',
        );
        return;
      }
      await this.#journal.write(
        JSON.stringify({ ...this.#state('close', this.#journal.at.given), synced: this.#journal.claim }),
      );
      await this.#journal.commit();
      await this.#journal.cut().catch(() => {});
    } catch (error) {
      this.#logger.warn({ err: error }, `The end could not be written to the journal: ${messageOf(error)}`);
    } finally {
      await this.#later?.drop();
      await this.#journal.close().catch(() => {});
    }
  }

  /** Replaces a journal that can't be trusted, if it is time to try that again. */
  async #mend(): Promise<boolean> {
    if (this.#clock.monotonic() < this.#mendAt) return false;
    this.#mendAt = this.#clock.monotonic() + MEND_INTERVAL_MS;
    await this.#stopSnapshot();
    try {
      await this.#replace();
    } catch (error) {
      this.#break('no new journal could be begun', error);
      return false;
    }
    this.#broken = undefined;
    this.#logger.info({}, `Writes go on in ${fileName('journal', this.#journal.number)}.`);
    return true;
  }

  /**
   * Puts everything into a new snapshot, and begins a new journal behind it. No commit is delivered meanwhile but
   * volatile ones, which are still waiting to be written afterwards.
   */
  async #replace(): Promise<void> {
    const wasIncomplete = this.#isIncomplete;
    this.#isIncomplete = false;
    const number = this.#journal.number + 1;
    try {
      const size = await draftSnapshot({ ...this.#source(number), isAborted: () => false });
      await this.#changeTo(await this.#draft({ needsSnapshot: true }));
      await publishSnapshot(this.#disk, this.#folder, number);
      await this.#replaced(size ?? 0);
    } catch (error) {
      this.#isIncomplete ||= wasIncomplete;
      await this.#disk.remove(join(this.#folder, draftName('snapshot', number))).catch(() => {});
      throw error;
    }
  }

  /** Has all that counts on disk. Rejects, with the journal broken, where that fails. */
  async #syncAll(): Promise<void> {
    await this.#later?.flush();
    const journal = this.#journal;
    if (this.#broken === undefined && journal.synced !== journal.at) {
      await journal.sync().catch((error: unknown) => this.#break('a sync failed', error));
    }
    if (this.#broken !== undefined) throw new Error('what was written last could not be synced');
  }

  /** Never rejects: the next write finds the journal broken, and what it held goes into a new snapshot. */
  async #syncLater(): Promise<void> {
    if (this.#broken !== undefined) return;
    try {
      await this.#journal.sync();
    } catch (error) {
      this.#break('a sync failed', error);
      this.onUnsafe();
    }
  }

  #break(what: string, error: unknown): void {
    const message = `Nothing can be written to the data folder, since ${what}: ${messageOf(error)}.`;
    this.#logger.error({ err: error }, `${message} A new journal is tried with the next write.`);
    const outcome = notWritten(error);
    this.#broken = outcome.code === 'STORE_FULL' ? outcome : storeFailed(message);
  }

  /** It follows what is known to be on disk: whatever else the journal before holds never happened. */
  #draft(more: Pick<StateRecord, 'needsSnapshot'> = {}): Promise<JournalDraft> {
    const { number, synced } = this.#journal;
    return draftJournal(this.#disk, this.#folder, {
      number: number + 1,
      sequence: synced.sequence,
      state: { ...this.#state('begin', synced.given), ...more, after: { journal: number, end: synced.end } },
    });
  }

  /** From here on the draft is the journal, and the one before is never written again. */
  async #changeTo(draft: JournalDraft): Promise<void> {
    try {
      await draft.publish();
    } catch (error) {
      await draft.discard();
      // It has its name, perhaps not for long: nothing may be added to the one before, and the next takes its place.
      if (draft.isPublished) this.#break('a new journal could not be made to last', error);
      throw error;
    }
    const former = this.#journal;
    this.#journal = draft.journal;
    await this.#later?.drop();
    await former.close().catch(() => {});
  }

  async #writeSnapshot(number: number, snapshot: { readonly isAborted: boolean }): Promise<void> {
    const wasIncomplete = this.#isIncomplete;
    this.#isIncomplete = false;
    let isDone = false;
    try {
      const isAborted = () => snapshot.isAborted;
      const size = await draftSnapshot({ ...this.#source(number), isAborted });
      if (size === undefined) return;
      // It may hold a part of a commit whose record is not synced yet: both are there after a power failure, or neither.
      await this.#later?.sync();
      if (this.#broken !== undefined) throw new Error('what it relies upon could not be synced');
      await publishSnapshot(this.#disk, this.#folder, number);
      isDone = true;
      this.#snapshotAt = 0;
      await this.#replaced(size);
    } catch (error) {
      await this.#disk.remove(join(this.#folder, draftName('snapshot', number))).catch(() => {});
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
    this.#journalBytes = this.#journal.at.end;
    const { leftovers } = await readLayout(this.#disk, this.#folder);
    await removeLeftovers(this.#disk, this.#folder, leftovers, this.#journal.number);
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

  #state(state: StateRecord['state'], given: readonly number[]): StateRecord {
    const nextId = state === 'close' ? this.#nextId : this.#idMark;
    return stateRecord(state, this.#identity, this.#feed.revision, nextId, given);
  }

  /** What the journal is to say of the ids, where it has not said enough. */
  #idMarkFor(nextId: number | undefined): number | undefined {
    if (nextId === undefined || nextId <= this.#idMark) return undefined;
    return this.#later === undefined ? nextId : nextId + IDS_AHEAD;
  }
}
