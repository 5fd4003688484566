import { expect } from 'vitest';
import type { CommitOutcome, StoreState } from '../../core/index.js';
import type { MapReader } from '../contracts/store.js';

/** A commit that was asked for since the folder was last opened. */
export interface Asked {
  readonly n: number;
  readonly isDurable: boolean;
  /** What it leaves under each of its keys; null where it removes. */
  readonly values: ReadonlyMap<string, number | null>;
  outcome: CommitOutcome['kind'] | undefined;
  /** Whether it can't be lost any more: answered and durable, or volatile and before such a one. */
  isSure: boolean;
}

/** An answer that may still be lost, with the volatile changes that went before it. */
interface Unsynced {
  readonly at: number;
  readonly asked: readonly Asked[];
}

/** What was asked of a store and answered, over all its lives, and what must therefore be found. */
export class History {
  #asked: Asked[] = [];
  #found = new Map<string, number>();
  /** The revisions of what was last seen, by key and commit. */
  #revisions = new Map<string, number>();
  #n = 0;
  /** Whether all that the last process wrote is still there. */
  #isPowered = true;
  #state: StoreState | undefined;
  #lastRevision = 0;
  #nextId = 1;
  /** What a close that ended well has left: only then the epoch may stay. */
  #closed: { readonly epoch: string; readonly entries: unknown } | undefined;

  /** With durability `interval`: what was answered within the last one. */
  #unsynced: Unsynced[] = [];
  readonly #intervalMs: number | undefined;

  constructor(intervalMs: number | undefined) {
    this.#intervalMs = intervalMs;
  }

  /** Numbers a commit, and remembers what it would do. The answer is to be given to `answered`. */
  ask(keys: readonly string[], removed: readonly string[], isDurable: boolean): Asked {
    this.#n += 1;
    const values = new Map(keys.map((key) => [key, removed.includes(key) ? null : this.#n]));
    const asked: Asked = { n: this.#n, isDurable, values, outcome: undefined, isSure: false };
    this.#asked.push(asked);
    return asked;
  }

  /** Volatile changes that were made before now: a durable commit that is asked for now takes them with it. */
  get delivered(): readonly Asked[] {
    return this.#asked.filter(({ isDurable, outcome }) => !isDurable && outcome === 'committed');
  }

  /** `at` is the time of the answer, on the monotonic clock. */
  answered(asked: Asked, delivered: readonly Asked[], outcome: CommitOutcome, at: number): void {
    asked.outcome = outcome.kind;
    if (outcome.kind !== 'committed' || !asked.isDurable) return;
    this.#unsynced.push({ at, asked: [asked, ...delivered] });
    // What may be lost was all answered within one interval: this answer makes sure of those long before it.
    const kept = (answer: Unsynced) => this.#intervalMs !== undefined && at - answer.at <= this.#intervalMs;
    for (const answer of this.#unsynced) {
      if (!kept(answer)) for (const one of answer.asked) one.isSure = true;
    }
    this.#unsynced = this.#unsynced.filter(kept);
  }

  reserved(first: number, count: number): void {
    expect(first, 'ids are given once').toBeGreaterThanOrEqual(this.#nextId);
    this.#nextId = first + count;
  }

  /** Power has gone since the process ended, so that what had not been synced is less than sure. */
  cut(): void {
    this.#isPowered = false;
  }

  /** The process has ended. `reader` saw what it delivered. */
  ended(reader: MapReader, state: StoreState): void {
    this.#isPowered = true;
    let last = state.revision;
    for (const { revision } of reader.feed) {
      expect(revision, 'revisions rise').toBeGreaterThan(last);
      last = revision;
    }
    this.#lastRevision = last;
    this.#see(reader);
  }

  closed(reader: MapReader, { epoch }: StoreState): void {
    this.#closed = { epoch, entries: reader.state() };
  }

  /** Holds what was found against all that was asked; from then on that is where it begins. */
  check(reader: MapReader, state: StoreState): void {
    const found = new Map<string, number>();
    for (const { key, value } of reader.entries()) found.set(key, value.n as number);
    for (const key of new Set([...this.#found.keys(), ...found.keys(), ...this.#keys()])) {
      const value = found.get(key) ?? null;
      expect(this.#possible(key), `${key} after ${this.#story(key)}`).toContain(value);
    }
    for (const asked of this.#asked) this.#checkWhole(asked, found);
    this.#checkNumbers(reader, state);
    this.#state = state;
    this.#lastRevision = Math.max(this.#lastRevision, state.revision);
    this.#found = found;
    this.#asked = [];
    this.#unsynced = [];
    this.#see(reader);
  }

  #see(reader: MapReader): void {
    const seen = [...reader.entries()].map(
      ({ key, value, revision }) => [`${key} ${value.n}`, revision] as const,
    );
    this.#revisions = new Map(seen);
  }

  #keys(): string[] {
    return this.#asked.flatMap(({ values }) => [...values.keys()]);
  }

  #writes(key: string): Asked[] {
    return this.#asked.filter(({ values, outcome }) => values.has(key) && outcome !== 'refused');
  }

  /** What a key may hold: what the last sure commit left there, or any after it that was not refused. */
  #possible(key: string): (number | null)[] {
    const writes = this.#writes(key);
    const sure = writes.findLastIndex(
      ({ isSure, isDurable, outcome }) => isSure || (this.#isPowered && isDurable && outcome === 'committed'),
    );
    const values = writes.slice(Math.max(sure, 0)).map(({ values }) => values.get(key) ?? null);
    return sure === -1 ? [this.#found.get(key) ?? null, ...values] : values;
  }

  /** A durable commit of which one key is seen must have reached its other keys too, or later ones have. */
  #checkWhole({ n, isDurable, outcome, values }: Asked, found: ReadonlyMap<string, number>): void {
    if (!isDurable || ![...values.keys()].some((key) => found.get(key) === n)) return;
    expect(outcome, `commit ${n} is there`).not.toBe('refused');
    for (const key of values.keys()) {
      const later = this.#writes(key).filter((write) => write.n >= n);
      const possible = later.map((write) => write.values.get(key) ?? null);
      expect(possible, `${key} of commit ${n}`).toContain(found.get(key) ?? null);
    }
  }

  #checkNumbers(reader: MapReader, state: StoreState): void {
    expect(state.revision, 'the revision').toBeGreaterThanOrEqual(this.#lastRevision);
    for (const { key, value, revision } of reader.entries()) {
      expect(revision, `the revision of ${key}`).toBeLessThanOrEqual(state.revision);
      const before = this.#revisions.get(`${key} ${value.n}`) ?? 0;
      expect(revision, `the revision of ${key}`).toBeGreaterThanOrEqual(before);
    }
    if (this.#state !== undefined) expect(state.home, 'the home').toBe(this.#state.home);
    if (state.epoch === this.#state?.epoch) {
      expect(this.#closed?.epoch, 'the epoch stays only after a clean end').toBe(state.epoch);
      expect(reader.state()).toEqual(this.#closed?.entries);
    } else if (this.#state !== undefined) {
      expect(state.revision, 'the revision of a new epoch').toBeGreaterThan(this.#lastRevision);
    }
    this.#closed = undefined;
  }

  #story(key: string): string {
    const steps = this.#writes(key).map(
      ({ n, isDurable, isSure, outcome }) =>
        `${n} ${isDurable ? 'durable' : 'volatile'} ${outcome ?? 'unanswered'}${isSure ? ' and sure' : ''}`,
    );
    return steps.join(', ');
  }
}
