import type { Belief } from './thresholds.js';

/** How often one check runs. All in milliseconds. */
export interface Pace {
  readonly intervalMs: number;
  /** From the end of a check that went against what is believed to the next one, as long as the row is not complete. */
  readonly retryMs: number;
  /** What has been dead for long is checked at least this often. */
  readonly maxIntervalMs: number;
}

/** What has been dead is checked after this part of the time for which it has been so. */
const PART_OF_DEATH = 0.1;
/** A check that was to run at a point of its interval may end a little before it: timers fire early by less than this. */
const EARLY_MS = 5;

/**
 * When one check comes round. It keeps to its own point of the interval, whatever else happens, so that those that began
 * together, or were all held up, do not stay together. Times are the monotonic clock's.
 */
export class Cadence {
  readonly #pace: Pace;
  #pointAt: number;

  /** `chance`, from 0 to 1, is where in the interval its point lies. */
  constructor(pace: Pace, now: number, chance: number) {
    this.#pace = pace;
    this.#pointAt = now + chance * pace.intervalMs;
  }

  /** The next point of the interval that is this check's. */
  get pointAt(): number {
    return this.#pointAt;
  }

  /**
   * When to check next after a check from `startedAt` to `now`, which left `belief`: soon, where it went against what is
   * believed; ever more rarely, where the target has been dead since `deadSince`.
   */
  next(startedAt: number, now: number, belief: Belief, deadSince: number | undefined): number {
    const { intervalMs, retryMs, maxIntervalMs } = this.#pace;
    // Never later than an interval after the last start: else a slow answer would make the row longer than it may be.
    if (belief.isInDoubt) return Math.max(now, Math.min(now + retryMs, startedAt + intervalMs));
    const passedMs = now + EARLY_MS - this.#pointAt;
    if (passedMs >= 0) this.#pointAt += (Math.floor(passedMs / intervalMs) + 1) * intervalMs;
    const deadMs = deadSince === undefined ? 0 : now - deadSince;
    const gapMs = Math.min(deadMs * PART_OF_DEATH, maxIntervalMs);
    const rounds = Math.max(Math.floor(gapMs / intervalMs), 1);
    return this.#pointAt + (rounds - 1) * intervalMs;
  }
}
