import type { Write } from './change.js';
import { demandsOf } from './demands.js';
import { MicroDBError } from './errors.js';
import type { Key, Scalar } from './key.js';
import { planQuery } from './plan.js';
import type { Query } from './query.js';
import type { UniqueIndex } from './record-index.js';
import type { Table } from './table.js';

/** What a batch has written so far, by collection. The tables know nothing of it before {@link commit}. */
export class Staging {
  readonly #tableOf: (name: string) => Table<object>;
  readonly #stages = new Map<string, Stage<object>>();
  #isOpen = true;

  constructor(tableOf: (name: string) => Table<object>) {
    this.#tableOf = tableOf;
  }

  /** Throws INVALID_BATCH after {@link close}, and whatever finding the table throws. */
  stageOf(name: string): Stage<object> {
    this.checkOpen();
    let stage = this.#stages.get(name);
    if (stage === undefined) {
      stage = new Stage(this.#tableOf(name));
      this.#stages.set(name, stage);
    }
    return stage;
  }

  checkOpen(): void {
    if (this.#isOpen) return;
    throw new MicroDBError(
      'INVALID_BATCH',
      'The batch has ended; begin another for what is still to be written.',
    );
  }

  close(): void {
    this.#isOpen = false;
  }

  get isUnchanged(): boolean {
    for (const stage of this.#stages.values()) if (!stage.isUnchanged) return false;
    return true;
  }

  /** Puts everything in its place and gives what was written, at most once for a key. Can't fail. */
  commit(revision: number): Write[] {
    const writes: Write[] = [];
    for (const stage of this.#stages.values()) stage.commit(revision, writes);
    return writes;
  }
}

/** What a batch has written to one table. */
export class Stage<R extends object> {
  readonly table: Table<R>;
  /** What each key touched will hold; undefined for one that will be gone. */
  readonly #staged = new Map<Key, R | undefined>();
  /** For each unique index, which key has which value among those staged. */
  readonly #claims = new Map<UniqueIndex<R>, Map<Scalar, Key>>();

  constructor(table: Table<R>) {
    this.table = table;
    for (const index of table.uniques) this.#claims.set(index, new Map());
  }

  get(key: Key): R | undefined {
    return this.#staged.has(key) ? this.#staged.get(key) : this.table.records.get(key);
  }

  /** Throws INVALID_RECORD; DUPLICATE_KEY where another record has a value of a unique index that `next` has. */
  put(key: Key, next: R): R {
    this.table.checkEntries(next);
    for (const index of this.#claims.keys()) this.#checkUnique(index, key, next);
    this.#release(key);
    for (const [index, claims] of this.#claims) {
      for (const value of index.claims(next)) claims.set(value, key);
    }
    this.#staged.set(key, next);
    return next;
  }

  remove(key: Key): void {
    this.#release(key);
    this.#staged.set(key, undefined);
  }

  /** What may match a query: what the plan finds among the records left alone, and everything staged. */
  *candidates(query: Query): Iterable<R> {
    for (const record of planQuery(this.table, demandsOf(query)).read()) {
      if (this.#staged.size === 0 || !this.#staged.has(this.table.keyOf(record))) yield record;
    }
    for (const record of this.#staged.values()) if (record !== undefined) yield record;
  }

  get isUnchanged(): boolean {
    for (const [key, next] of this.#staged) if (next !== this.table.records.get(key)) return false;
    return true;
  }

  commit(revision: number, writes: Write[]): void {
    const table = this.table as unknown as Table<object>;
    for (const [key, next] of this.#staged) {
      const previous = this.table.records.get(key);
      if (previous === next) continue;
      this.table.apply(key, previous, next);
      writes.push({ revision, table, previous, next });
    }
  }

  #checkUnique(index: UniqueIndex<R>, key: Key, next: R): void {
    for (const value of index.claims(next)) {
      const claimant = this.#claims.get(index)?.get(value);
      if (claimant !== undefined && claimant !== key) this.table.refuseDuplicate(index, next);
      const owner = index.ownerOf(value);
      const ownersKey = owner === undefined ? key : this.table.keyOf(owner);
      // An owner that is staged has given the value up: if it still had it, it would be the claimant.
      if (ownersKey !== key && !this.#staged.has(ownersKey)) this.table.refuseDuplicate(index, next);
    }
  }

  /** Gives up what the record staged under a key claims. */
  #release(key: Key): void {
    const staged = this.#staged.get(key);
    if (staged === undefined) return;
    for (const [index, claims] of this.#claims) {
      for (const value of index.claims(staged)) claims.delete(value);
    }
  }
}
