import type { Clock } from '../../../../core/index.js';

/** How late an end may be told. */
const TICK_MS = 100;

/**
 * Tells when waits are over, up to a tenth of a second late. One timer serves all, and a wait costs a place in a set: a
 * timer of its own takes 0.5 KB and 5 µs, where thousands wait and ask again.
 */
export class Deadlines<T> {
  readonly #clock: Clock;
  readonly #onDue: (item: T) => void;
  /** By the number of the tick at which they are due. */
  readonly #ticks = new Map<number, Set<T>>();
  #isArmed = false;

  constructor(clock: Clock, onDue: (item: T) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** Answers where it is kept until it is due: it is taken back from there. */
  add(item: T, delayMs: number): Set<T> {
    const tick = Math.ceil((this.#clock.monotonic() + delayMs) / TICK_MS);
    let due = this.#ticks.get(tick);
    if (due === undefined) {
      due = new Set();
      this.#ticks.set(tick, due);
    }
    due.add(item);
    this.#arm();
    return due;
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    const untilNext = TICK_MS - (this.#clock.monotonic() % TICK_MS);
    this.#clock.setTimer(untilNext, () => {
      this.#isArmed = false;
      this.#tick();
      if (this.#ticks.size > 0) this.#arm();
    });
  }

  #tick(): void {
    const now = this.#clock.monotonic() / TICK_MS;
    for (const [tick, due] of this.#ticks) {
      if (tick > now) continue;
      this.#ticks.delete(tick);
      for (const item of due) this.#onDue(item);
    }
  }
}
