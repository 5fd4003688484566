import type { Clock } from '../../core/index.js';

const MINUTE_MS = 60_000;

/**
 * How many programs may be started in a minute, over all services: however many crash at once, the machine has time for
 * those that work. Up to a minute's worth may be started at once.
 */
export class StartBudget {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #onUsedUp: () => void;
  /** When the next start would be due if all had come evenly (GCRA: ITU-T I.371). */
  #dueAt = Number.NEGATIVE_INFINITY;

  /** `onUsedUp` is called for each start that has to wait. */
  constructor(clock: Clock, perMinute: number, onUsedUp: () => void) {
    this.#clock = clock;
    this.#onUsedUp = onUsedUp;
    this.#intervalMs = MINUTE_MS / perMinute;
  }

  /** Reserves one start, and answers how many milliseconds it has to wait; 0: none. */
  reserve(): number {
    const now = this.#clock.monotonic();
    const dueAt = Math.max(this.#dueAt, now);
    this.#dueAt = dueAt + this.#intervalMs;
    const waitMs = Math.max(dueAt - now - (MINUTE_MS - this.#intervalMs), 0);
    if (waitMs > 0) this.#onUsedUp();
    return waitMs;
  }
}
