import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type Clock,
  type Commit,
  type CommitOutcome,
  KeyMap,
  type Logger,
  messageOf,
  RegistryError,
  type Timer,
} from '../../../core/index.js';
import type { Feed } from './feed.js';
import { encodeCommit } from './format.js';
import type { Journals } from './journals.js';
import { conflict, limitReached, notOpen, storeFailed, unknown } from './outcomes.js';
import { CHARS_LIMIT, end, REQUEST_LIMIT, Request, RequestQueue } from './request-queue.js';
import { VolatileChanges } from './volatile-changes.js';

/** One write takes about this many characters of what waits, and the next one the rest. */
const BATCH_CHARS = 4_000_000;
/** A commit that alone is longer is refused. */
const COMMIT_CHARS = 8_000_000;
/** How long a request waits for the disk, and how often that is looked at. */
const TIMEOUT_MS = 10_000;
const SWEEP_MS = 1_000;
/** So long, and so many turns of the event loop, a write waits for others to join it. */
const GATHER_MS = 1;
const GATHER_TURNS = 200;
/** Volatile changes wait this long for a durable one to be written with; after a failure longer. */
const FLUSH_MS = 100;
const FLUSH_RETRY_MS = 1_000;
/** Quiet for so long, the journal is given a last word on what was written. */
const REST_MS = 50;

const LATE_WRITING = unknown(`The disk has not answered for ${TIMEOUT_MS} ms; this may be stored yet.`);
const LATE_WAITING = storeFailed(`The disk has not answered for ${TIMEOUT_MS} ms; this was not stored.`);

/**
 * Takes commits, brings them to disk in batches and then to the feed. One loop writes: while a batch is on its way, all
 * that comes waits, and makes up the next one.
 */
export class Writer {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #feed: Feed;
  readonly #journals: Journals;
  readonly #queue = new RequestQueue();
  readonly #volatile = new VolatileChanges();
  #isClosed = false;
  #work: Promise<void> | undefined;
  #hasFailed = false;
  /** How many were there for the last write: those it answered, and those that came meanwhile. */
  #expected = 0;
  #sweep: Timer | undefined;
  #flush: Timer | undefined;
  #rest: Timer | undefined;

  constructor(options: { clock: Clock; logger: Logger; feed: Feed; journals: Journals }) {
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#feed = options.feed;
    this.#journals = options.journals;
    this.#journals.onUnsafe = () => {
      if (!this.#isClosed) this.#start();
    };
  }

  commit(commit: Commit): CommitOutcome | Promise<CommitOutcome> {
    if (this.#isClosed) return notOpen;
    // A volatile commit waits only where a change of the same key does: to overtake that would turn the two around.
    if (commit.durability === 'volatile' && !this.#queue.touches(commit)) return this.#commitVolatile(commit);
    let text: string;
    try {
      text = encodeCommit(commit);
    } catch (error) {
      return {
        kind: 'refused',
        code: 'INVALID_ARGUMENT',
        message: `The change is not JSON: ${messageOf(error)}.`,
      };
    }
    if (text.length > COMMIT_CHARS) {
      return limitReached(
        `A commit has at most ${COMMIT_CHARS} characters of JSON, and this one ${text.length}.`,
      );
    }
    return this.#enqueue(new Request(commit, text, 0, this.#clock.monotonic()));
  }

  async reserveIds(count: number): Promise<number> {
    if (this.#isClosed) throw new RegistryError(notOpen.code, notOpen.message);
    const request = new Request(undefined, '', count, this.#clock.monotonic());
    const ending = await this.#enqueue(request);
    if (ending.kind === 'committed') return request.firstId;
    throw new RegistryError(ending.kind === 'refused' ? ending.code : 'STORE_UNKNOWN', ending.message);
  }

  /** Writes what waits and lets go of the files. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#flush?.cancel();
    this.#rest?.cancel();
    do {
      this.#start();
      await this.#work;
    } while (this.#queue.size > 0 || (this.#volatile.size > 0 && !this.#hasFailed));
    this.#sweep?.cancel();
    await this.#journals.close(this.#volatile.size === 0);
  }

  #commitVolatile(commit: Commit): CommitOutcome {
    const failed = this.#feed.failed(commit);
    if (failed !== undefined) return conflict(failed);
    const revision = this.#feed.number(commit);
    // Noted before it is delivered: whoever hears of it may change the same key again.
    if (!this.#volatile.put(commit, revision)) {
      this.#journals.lose();
      this.#logger.warn(
        {},
        'Too many volatile changes wait for the disk; they will be in the next snapshot.',
      );
    }
    this.#feed.deliver(commit, revision);
    this.#flushSoon();
    return { kind: 'committed', revision };
  }

  #enqueue(request: Request): Promise<CommitOutcome> {
    if (this.#queue.add(request)) {
      this.#sweep ??= this.#clock.setTimer(SWEEP_MS, () => this.#expire());
      this.#start();
    } else {
      const most = `${REQUEST_LIMIT} commits or ${CHARS_LIMIT} characters`;
      end(request, limitReached(`${most} wait for the disk; try again later.`));
    }
    return request.outcome;
  }

  #start(): void {
    this.#work ??= this.#run();
  }

  async #run(): Promise<void> {
    try {
      do {
        await this.#gather();
        await this.#writeBatch();
        await this.#journals.compactIfDue();
      } while (this.#queue.size > 0);
    } catch (error) {
      // Every failure of the disk has its answer further in.
      this.#hasFailed = true;
      const message = `The file store failed unexpectedly: ${messageOf(error)}.`;
      this.#logger.error({ err: error }, message);
      this.#queue.clear({ writing: unknown(message), waiting: storeFailed(message) });
    }
    this.#work = undefined;
    if (this.#isClosed) return;
    if (this.#journals.isUnsafe) this.#hasFailed = true;
    if (this.#volatile.size > 0 || this.#journals.isUnsafe) this.#flushSoon();
    this.#rest ??= this.#clock.setTimer(REST_MS, () => {
      this.#rest = undefined;
      this.#work ??= this.#restQuietly();
    });
  }

  async #restQuietly(): Promise<void> {
    await this.#journals.rest();
    this.#work = undefined;
    if (this.#queue.size > 0) this.#start();
    else if (this.#volatile.size > 0 || this.#journals.isUnsafe) this.#flushSoon();
  }

  /**
   * What else this turn of the event loop brings belongs into the same write, and so does what those ask for next who
   * have just been answered: else 64 callers settle into two groups that wait for each other's syncs. Under load the next
   * write therefore waits a little for as many as were there for the last one.
   */
  async #gather(): Promise<void> {
    const until = this.#clock.monotonic() + GATHER_MS;
    let turns = 0;
    do {
      await nextTurn();
      turns += 1;
    } while (this.#queue.size < this.#expected && turns < GATHER_TURNS && this.#clock.monotonic() < until);
  }

  #flushSoon(): void {
    if (this.#isClosed) return;
    this.#flush ??= this.#clock.setTimer(this.#hasFailed ? FLUSH_RETRY_MS : FLUSH_MS, () => {
      this.#flush = undefined;
      this.#start();
    });
  }

  async #writeBatch(): Promise<void> {
    const { requests, nextId } = this.#take();
    const { texts: volatile, isLossy, written } = this.#volatile.take(this.#feed.reader, BATCH_CHARS);
    if (isLossy) this.#journals.lose();
    if (requests.length === 0 && volatile.length === 0) {
      await this.#journals.repair();
      return;
    }
    const commits = requests.flatMap(({ commit, text }) => (commit === undefined ? [] : [text]));
    const failure = await this.#journals.append({ volatile, commits, nextId });
    this.#hasFailed = failure !== undefined;
    if (failure === undefined) {
      written();
      this.#deliver(requests);
    } else {
      this.#fail(requests, failure);
    }
    this.#queue.settle();
    this.#expected = requests.length + this.#queue.size;
  }

  /** Takes what waits, each commit held against what the feed has passed and the commits taken before it. */
  #take(): { requests: readonly Request[]; nextId: number | undefined } {
    const taken = new KeyMap<Commit>();
    const pending = (collection: string, key: string) => taken.get(collection, key);
    let nextId: number | undefined;
    const requests = this.#queue.take(BATCH_CHARS, (request) => {
      const { commit, ids } = request;
      if (commit === undefined) {
        request.firstId = nextId ?? this.#journals.nextId;
        nextId = request.firstId + ids;
        return true;
      }
      const failed = this.#feed.failed(commit, pending);
      if (failed !== undefined) {
        end(request, conflict(failed));
        return false;
      }
      for (const { collection, key } of commit.changes) taken.set(collection, key, commit);
      return true;
    });
    return { requests, nextId };
  }

  #deliver(requests: readonly Request[]): void {
    const given: number[] = [];
    for (const request of requests) {
      this.#queue.leave(request);
      const { commit } = request;
      if (commit === undefined) {
        end(request, { kind: 'committed', revision: this.#feed.revision });
        continue;
      }
      const revision = this.#feed.number(commit);
      given.push(revision);
      this.#feed.deliver(commit, revision);
      end(request, { kind: 'committed', revision });
    }
    this.#journals.give(given);
  }

  #fail(requests: readonly Request[], failure: CommitOutcome): void {
    for (const request of requests) {
      this.#queue.leave(request);
      // A volatile one had only waited for its turn, and needs no disk.
      const isVolatile = request.commit?.durability === 'volatile' && request.answer !== undefined;
      end(request, isVolatile && request.commit ? this.#commitVolatile(request.commit) : failure);
    }
  }

  #expire(): void {
    this.#queue.expire(this.#clock.monotonic() - TIMEOUT_MS, {
      writing: LATE_WRITING,
      waiting: LATE_WAITING,
    });
    this.#sweep = this.#work === undefined ? undefined : this.#clock.setTimer(SWEEP_MS, () => this.#expire());
  }
}
