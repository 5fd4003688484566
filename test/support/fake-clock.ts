import type { Clock, Timer } from '../../core/clock.js';

interface Pending {
  readonly due: number;
  readonly order: number;
  readonly run: () => void;
}

/** Wall time starts here unless a test says otherwise: 2026-01-01T00:00:00Z. */
const START = Date.UTC(2026, 0, 1);

/**
 * A clock that stands still until a test moves it, with chance from a seed: the same seed gives the same numbers and
 * ids. `now` is milliseconds since 1970; `monotonic` starts at 0.
 */
export class FakeClock implements Clock {
  readonly #pending = new Set<Pending>();
  readonly #start: number;
  #elapsed = 0;
  #order = 0;
  #state: number;

  constructor(options: { now?: number; seed?: number } = {}) {
    this.#start = options.now ?? START;
    this.#state = options.seed ?? 1;
  }

  now(): number {
    return this.#start + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  setTimer(delayMs: number, run: () => void): Timer {
    const pending = { due: this.#elapsed + Math.max(delayMs, 0), order: this.#order++, run };
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }

  /** mulberry32: small, and good enough for tests. */
  random(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  uuid(): string {
    const hex = (digits: number) =>
      Math.floor(this.random() * 16 ** digits)
        .toString(16)
        .padStart(digits, '0');
    return `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(6)}${hex(6)}`;
  }

  /** How many timers are set and have not fired. */
  get timers(): number {
    return this.#pending.size;
  }

  /** Moves time on and fires what falls due, in order; also timers set meanwhile, each at its own time. */
  advance(ms: number): void {
    const end = this.#elapsed + ms;
    for (let next = this.#nextUntil(end); next !== undefined; next = this.#nextUntil(end)) {
      this.#pending.delete(next);
      this.#elapsed = Math.max(this.#elapsed, next.due);
      next.run();
    }
    this.#elapsed = end;
  }

  /** As {@link advance}, but lets promises that are ready settle before each timer and at the end. */
  async advanceAsync(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    await settle();
    for (let next = this.#nextUntil(end); next !== undefined; next = this.#nextUntil(end)) {
      this.#pending.delete(next);
      this.#elapsed = Math.max(this.#elapsed, next.due);
      next.run();
      await settle();
    }
    this.#elapsed = end;
  }

  #nextUntil(end: number): Pending | undefined {
    let first: Pending | undefined;
    for (const pending of this.#pending) {
      if (pending.due > end) continue;
      if (
        first === undefined ||
        pending.due < first.due ||
        (pending.due === first.due && pending.order < first.order)
      ) {
        first = pending;
      }
    }
    return first;
  }
}

/** One turn of the event loop: every promise that could settle without I/O has settled after it. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
