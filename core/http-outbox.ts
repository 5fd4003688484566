/** So many wait for each other at the most: the first must not wait for a thousand requests that came with it. */
const AT_ONCE = 32;

/** What has something to write at the end of a turn. */
export interface Outgoing {
  /** Writes it. Must not throw. */
  flush(): void;
}

/**
 * Holds answers back until every request that arrived together has been worked on, and then writes them one right after
 * the other. Each write that finds its reader asleep has the kernel wake it, which costs more than all our own work
 * on a small request; of writes that follow at once only the first one does (docs/benchmarks.md).
 */
export class Outbox {
  #waiting: Outgoing[] = [];
  #isDue = false;
  readonly #onTurn = (): void => {
    this.#isDue = false;
    this.flush();
  };

  /** Has it flushed once, at the end of this turn of the event loop. */
  add(outgoing: Outgoing): void {
    this.#waiting.push(outgoing);
    if (this.#waiting.length >= AT_ONCE) {
      this.flush();
    } else if (!this.#isDue) {
      this.#isDue = true;
      setImmediate(this.#onTurn);
    }
  }

  /** Has all flushed now: what is large is not to wait for more of the kind. */
  flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const outgoing of waiting) outgoing.flush();
  }
}
