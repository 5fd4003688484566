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

  /** All writes after a revision; undefined where some are gone. */
  since(revision: number): Write[] | undefined {
    if (revision < this.#floor) return undefined;
    const count = this.#revisions.length;
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#revisions[this.#at(middle)] as number) > revision) high = middle;
      else low = middle + 1;
    }
    const writes: Write[] = [];
    for (let position = low; position < count; position++) {
      const at = this.#at(position);
      writes.push({
        revision: this.#revisions[at] as number,
        table: this.#tables[at] as Table<object>,
        previous: this.#previous[at],
        next: this.#next[at],
      });
    }
    return writes;
  }

  #at(position: number): number {
    return (this.#oldest + position) % this.#revisions.length;
  }
}
