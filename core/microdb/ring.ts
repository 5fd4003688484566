import type { Write } from './change.js';
import type { Table } from './table.js';

/** The last writes, at most `size` of them, in order. In columns, so that keeping one costs no object. */
export class Ring {
  readonly #size: number;
  readonly #revisions: number[] = [];
  readonly #tables: Table<object>[] = [];
  readonly #previous: (object | undefined)[] = [];
  readonly #next: (object | undefined)[] = [];
  /** Where the oldest is, once the ring is full. */
  #oldest = 0;
  /** The last revision of which a write is no longer here. */
  #floor: number;

  constructor(size: number, floor: number) {
    this.#size = size;
    this.#floor = floor;
  }

  push(revision: number, table: Table<object>, previous: object | undefined, next: object | undefined): void {
    let at = this.#revisions.length;
    if (at >= this.#size) {
      at = this.#oldest;
      this.#floor = this.#revisions[at] ?? revision;
      if (this.#size === 0) return;
      this.#oldest = at + 1 === this.#size ? 0 : at + 1;
    }
    this.#revisions[at] = revision;
    this.#tables[at] = table;
    this.#previous[at] = previous;
    this.#next[at] = next;
  }

  /**
   * The writes after a revision, to one collection or all, those of one commit together; undefined where some are gone.
   * To be read before anything else is pushed.
   */
  commitsAfter(revision: number, collection: string | undefined): Iterable<readonly Write[]> | undefined {
    return revision < this.#floor ? undefined : this.#commitsFrom(this.#positionAfter(revision), collection);
  }

  *#commitsFrom(position: number, collection: string | undefined): Iterable<readonly Write[]> {
    let commit: Write[] = [];
    for (; position < this.#revisions.length; position++) {
      const at = this.#at(position);
      const table = this.#tables[at] as Table<object>;
      if (collection !== undefined && table.name !== collection) continue;
      const revision = this.#revisions[at] as number;
      if (commit.length > 0 && commit[0]?.revision !== revision) {
        yield commit;
        commit = [];
      }
      commit.push({ revision, table, previous: this.#previous[at], next: this.#next[at] });
    }
    if (commit.length > 0) yield commit;
  }

  #positionAfter(revision: number): number {
    let low = 0;
    let high = this.#revisions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#revisions[this.#at(middle)] as number) > revision) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #at(position: number): number {
    return (this.#oldest + position) % this.#revisions.length;
  }
}
