import { type Awaitable, isPromise } from './awaitable.js';
import type { Clock } from './clock.js';
import { RegistryError } from './errors.js';
import type { JsonObject } from './json.js';
import { KeyMap } from './key-map.js';
import type { Batch, MicroDB } from './microdb/index.js';
import { builtOn, endCommit, OwnCommit } from './own-commit.js';
import type {
  By,
  Change,
  Commit,
  CommitOutcome,
  Durability,
  FeedCommit,
  Precondition,
  Store,
  StoredEntry,
  StoreReader,
  StoreState,
} from './store.js';

/** A change as its author writes it: what must be true of the key follows from what the author saw. */
export type Draft = Pick<Change, 'collection' | 'key' | 'value'>;

/** What a build function wants: these changes, and then that answer. */
export interface Built<T> {
  readonly changes: readonly Draft[];
  /** Called once the feed has passed the changes. */
  answer(): T;
}

/** Some collections of the catalogue, and how their documents live in memory. */
export interface Shelf {
  readonly collections: readonly string[];
  /** One key at boot. */
  load(entry: Omit<StoredEntry, 'value'> & { readonly value: JsonObject | null }): void;
  /**
   * The changes of one commit to these collections. They go through the batch, so that they are seen together; where
   * there is none, they are one change that removes nothing, to be put directly. What it gives back is given to `tell`.
   */
  apply(changes: readonly Draft[], revision: number, batch: Batch | undefined): unknown;
  /** Tells the world of what `apply` did: in feed order, and never while another telling is under way. */
  tell?(applied: unknown, commit: FeedCommit): void;
  valueOf(collection: string, key: string): JsonObject | undefined;
  revisionOf(collection: string, key: string): number | undefined;
  entries(): Iterable<StoredEntry>;
}

/** More commits than this waiting for the store, and further ones are refused. */
const PENDING_LIMIT = 20_000;
/** How often a change is built anew because what it was built on has changed. */
const REBUILDS = 20;
/** How long an answer waits for the feed to pass its commit, once the store has said that it is committed. */
const FEED_TIMEOUT_MS = 10_000;

interface Told {
  readonly shelf: Shelf;
  readonly applied: unknown;
  readonly commit: FeedCommit;
}

/**
 * All that is stored, in memory: it brings changes to the store, and the store's feed to the shelves that hold the
 * collections (DESIGN §3, Write). Between the two it lays what is still queued over what is committed, so that a change
 * is always built on all that was said before it.
 */
export class Catalogue implements StoreReader {
  readonly #store: Store;
  readonly #db: MicroDB;
  readonly #clock: Clock;
  readonly #onCommitted: (commit: FeedCommit) => void;
  readonly #shelves = new Map<string, Shelf>();
  /** The last commit under way for each key. */
  readonly #pending = new KeyMap<OwnCommit>();
  /** How many commits have not passed the feed yet. */
  #underWay = 0;
  #revision = 0;
  #waiting: { revision: number; pass: () => void }[] = [];
  readonly #toTell: Told[] = [];
  #isTelling = false;
  #makeShelf: (collection: string) => Shelf;
  #state: StoreState | undefined;

  constructor(options: {
    store: Store;
    /** Where the shelves keep what they hold. */
    db: MicroDB;
    clock: Clock;
    /** Told of each commit, after the shelves' own tellings. */
    onCommitted: (commit: FeedCommit) => void;
    /** Holds a collection that no shelf has claimed, such as a plugin's. */
    makeShelf: (collection: string) => Shelf;
  }) {
    this.#store = options.store;
    this.#db = options.db;
    this.#clock = options.clock;
    this.#onCommitted = options.onCommitted;
    this.#makeShelf = options.makeShelf;
  }

  /** What the store said of itself when it was opened. */
  get state(): StoreState {
    if (this.#state === undefined) throw new RegistryError('INTERNAL', 'The catalogue is not open.');
    return this.#state;
  }

  /** The last revision that the feed has passed. */
  get revision(): number {
    return this.#revision;
  }

  /** Gives collections a shelf. To be done before `open`. */
  addShelf(shelf: Shelf): void {
    for (const collection of shelf.collections) this.#shelves.set(collection, shelf);
  }

  /** The shelf of a collection, made when there is none. */
  shelf(collection: string): Shelf {
    let shelf = this.#shelves.get(collection);
    if (shelf === undefined) {
      shelf = this.#makeShelf(collection);
      this.#shelves.set(collection, shelf);
    }
    return shelf;
  }

  async open(): Promise<StoreState> {
    const state = await this.#store.open(this);
    this.#state = state;
    this.#revision = state.revision;
    this.#db.startAt(state.revision);
    return state;
  }

  /** How many commits wait for the store or for its feed. */
  get underWay(): number {
    return this.#underWay;
  }

  /** A key's value, with what is queued laid over what is committed. */
  valueOf(collection: string, key: string): JsonObject | undefined {
    const commit = this.#pendingFor(collection, key);
    if (commit === undefined) return this.shelf(collection).valueOf(collection, key);
    return lastChange(commit, collection, key)?.value ?? undefined;
  }

  /** The keys of a collection that have something queued and begin with `prefix`. */
  pendingKeys(collection: string, prefix: string): string[] {
    return [...this.#pending.keys(collection)].filter((key) => key.startsWith(prefix));
  }

  /**
   * Builds changes in one synchronous step and has them stored; builds them anew where another's change came first.
   * Answers once the feed has passed them: at once with a store that does so. Throws, or rejects with, STORE_FULL,
   * STORE_FAILED, STORE_UNKNOWN, LIMIT_REACHED, CONFLICT, STOPPING, or what `build` throws.
   */
  write<T>(build: () => Built<T>, by: By, durability: Durability): Awaitable<T> {
    const built = build();
    if (built.changes.length === 0) return built.answer();
    if (this.#underWay >= PENDING_LIMIT && durability === 'durable') {
      throw new RegistryError(
        'LIMIT_REACHED',
        `${PENDING_LIMIT} changes wait for the store; try again later.`,
      );
    }
    const commit = this.#commitOf(built.changes, by, durability);
    const outcome = this.#store.commit(commit);
    if (!isPromise(outcome)) {
      if (outcome.kind === 'committed' && outcome.revision <= this.#revision) return built.answer();
      return this.#finish(commit, outcome, build, built, 1);
    }
    return this.#writeLater(commit, outcome, build, built, 1);
  }

  async #writeLater<T>(
    commit: OwnCommit,
    outcome: Promise<CommitOutcome>,
    build: () => Built<T>,
    built: Built<T>,
    tries: number,
  ): Promise<T> {
    this.#cover(commit);
    let end: CommitOutcome;
    try {
      end = await outcome;
      if (end.kind !== 'committed') this.#withdraw(commit);
      else if (end.revision > this.#revision) await this.#passed(end.revision);
      this.#uncover(commit);
    } catch (error) {
      this.#withdraw(commit);
      throw error;
    } finally {
      if (commit.isUnderWay) this.#underWay -= 1;
      endCommit(commit);
    }
    return end.kind === 'committed' ? built.answer() : this.#finish(commit, end, build, built, tries);
  }

  async #finish<T>(
    commit: OwnCommit,
    outcome: CommitOutcome,
    build: () => Built<T>,
    built: Built<T>,
    tries: number,
  ): Promise<T> {
    if (outcome.kind === 'committed') {
      await this.#passed(outcome.revision);
      return built.answer();
    }
    if (outcome.kind === 'unknown') {
      throw new RegistryError(
        'STORE_UNKNOWN',
        `It is not known whether this was stored; repeat the call. ${outcome.message}`,
      );
    }
    if (outcome.code !== 'CONFLICT') throw new RegistryError(outcome.code, outcome.message);
    if (tries >= REBUILDS)
      throw new RegistryError('CONFLICT', `Given up after ${tries} tries. ${outcome.message}`);
    const again = build();
    if (again.changes.length === 0) return again.answer();
    const anew = this.#commitOf(again.changes, commit.by, commit.durability);
    const next = this.#store.commit(anew);
    return isPromise(next)
      ? this.#writeLater(anew, next, build, again, tries + 1)
      : this.#finish(anew, next, build, again, tries + 1);
  }

  #commitOf(drafts: readonly Draft[], by: By, durability: Durability): OwnCommit {
    const changes: Change[] = [];
    for (const { collection, key, value } of drafts) {
      changes.push({ collection, key, value, when: this.#precondition(collection, key) });
    }
    return new OwnCommit(changes, by, durability);
  }

  #precondition(collection: string, key: string): Precondition {
    const commit = this.#pendingFor(collection, key);
    if (commit !== undefined) return { kind: 'after', commit };
    const revision = this.shelf(collection).revisionOf(collection, key);
    return revision === undefined ? ABSENT : { kind: 'revision', revision };
  }

  #pendingFor(collection: string, key: string): OwnCommit | undefined {
    return this.#pending.size === 0 ? undefined : this.#pending.get(collection, key);
  }

  /** Lays a commit over what is committed, until the feed has passed it. */
  #cover(commit: OwnCommit): void {
    if (commit.revision !== undefined && commit.revision <= this.#revision) return;
    commit.isUnderWay = true;
    this.#underWay += 1;
    for (const { collection, key, when } of commit.changes) {
      this.#pending.set(collection, key, commit);
      const before = builtOn(when);
      if (before?.isUnderWay) before.dependents = [...(before.dependents ?? []), commit];
    }
  }

  /**
   * A commit was not stored, so whatever was built on it will not be either. None of it is laid over the state from now
   * on: else those that are built anew would be built on each other's refused changes for ever.
   */
  #withdraw(commit: OwnCommit): void {
    const refused = new Set([commit]);
    for (const one of refused) {
      for (const next of one.dependents ?? []) refused.add(next);
      one.dependents = undefined;
    }
    for (const one of refused) this.#uncover(one, refused);
  }

  /** Lays bare again what a commit was built on, where that is under way itself. */
  #uncover(commit: OwnCommit, refused?: ReadonlySet<OwnCommit>): void {
    if (this.#pending.size === 0) return;
    for (const { collection, key, when } of commit.changes) {
      if (this.#pending.get(collection, key) !== commit) continue;
      const before = builtOn(when);
      if (before?.isUnderWay && refused?.has(before) !== true) this.#pending.set(collection, key, before);
      else this.#pending.delete(collection, key);
    }
  }

  #passed(revision: number): Promise<void> | undefined {
    if (revision <= this.#revision) return undefined;
    return new Promise((resolve, reject) => {
      const waiter = {
        revision,
        pass: () => {
          timer.cancel();
          resolve();
        },
      };
      const timer = this.#clock.setTimer(FEED_TIMEOUT_MS, () => {
        this.#waiting = this.#waiting.filter((other) => other !== waiter);
        reject(
          new RegistryError(
            'STORE_UNKNOWN',
            `Stored, but the store's feed did not deliver it within ${FEED_TIMEOUT_MS} ms.`,
          ),
        );
      });
      this.#waiting.push(waiter);
    });
  }

  // What the store calls.

  load(entry: Omit<StoredEntry, 'value'> & { readonly value: JsonObject | null }): void {
    this.shelf(entry.collection).load(entry);
  }

  apply(commit: FeedCommit): void {
    const { changes, revision } = commit;
    this.#settle(commit);
    const [first] = changes;
    if (changes.length === 1 && first !== undefined && first.value !== null) {
      const shelf = this.shelf(first.collection);
      this.#toTell.push({ shelf, applied: shelf.apply(changes, revision, undefined), commit });
    } else {
      this.#db.batch(
        (batch) => {
          for (const [shelf, drafts] of this.#byShelf(changes)) {
            this.#toTell.push({ shelf, applied: shelf.apply(drafts, revision, batch), commit });
          }
        },
        { revision },
      );
    }
    this.#revision = revision;
    this.#tell();
    if (this.#waiting.length > 0) {
      const passed = this.#waiting.filter((waiter) => waiter.revision <= revision);
      this.#waiting = this.#waiting.filter((waiter) => waiter.revision > revision);
      for (const { pass } of passed) pass();
    }
  }

  revisionOf(collection: string, key: string): number | undefined {
    return this.shelf(collection).revisionOf(collection, key);
  }

  *entries(): Iterable<StoredEntry> {
    for (const shelf of new Set(this.#shelves.values())) yield* shelf.entries();
  }

  /** What was queued and is now committed is no longer laid over what is committed. */
  #settle({ changes, revision, local }: FeedCommit): void {
    if (!local || this.#pending.size === 0) return;
    for (const { collection, key } of changes) {
      if (this.#pending.get(collection, key)?.revision === revision) this.#pending.delete(collection, key);
    }
  }

  #byShelf(changes: readonly Draft[]): Map<Shelf, Draft[]> {
    const parts = new Map<Shelf, Draft[]>();
    for (const change of changes) {
      const shelf = this.shelf(change.collection);
      const drafts = parts.get(shelf);
      if (drafts === undefined) parts.set(shelf, [change]);
      else drafts.push(change);
    }
    return parts;
  }

  /** A tap may write, and a store may deliver that at once: its telling waits until this one is over. */
  #tell(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    try {
      for (let told = this.#toTell.shift(); told !== undefined; told = this.#toTell.shift()) {
        told.shelf.tell?.(told.applied, told.commit);
        if (this.#toTell[0]?.commit !== told.commit) this.#onCommitted(told.commit);
      }
    } finally {
      this.#isTelling = false;
    }
  }
}

const ABSENT: Precondition = { kind: 'absent' };

function lastChange(commit: Commit, collection: string, key: string): Change | undefined {
  return commit.changes.findLast((change) => change.collection === collection && change.key === key);
}
