import type { Clock, Timer } from '../clock.js';

/** How often it is looked whether this process runs. What stands still for less than twice as long is no stall. */
const TICK_MS = 100;

/**
 * A clock whose `monotonic` stands still while this process does: stopped by SIGSTOP, its event loop held up, its machine
 * suspended. Who was not heard meanwhile may have spoken, so leases are counted in this time: a stall extends each of
 * them by its length. From `watch` on it looks for stalls, as long as anyone needs it.
 */
export class AwakeClock implements Clock {
  readonly #clock: Clock;
  readonly #isNeeded: () => boolean;
  #lookedAt: number;
  #stalledMs = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock, isNeeded: () => boolean) {
    this.#clock = clock;
    this.#isNeeded = isNeeded;
    this.#lookedAt = clock.monotonic();
  }

  now(): number {
    return this.#clock.now();
  }

  monotonic(): number {
    const now = this.#clock.monotonic();
    const gapMs = now - this.#lookedAt;
    if (this.#timer !== undefined && gapMs > 2 * TICK_MS) this.#stalledMs += gapMs - TICK_MS;
    this.#lookedAt = now;
    return now - this.#stalledMs;
  }

  setTimer(delayMs: number, run: () => void): Timer {
    return this.#clock.setTimer(delayMs, run);
  }

  random(): number {
    return this.#clock.random();
  }

  uuid(): string {
    return this.#clock.uuid();
  }

  watch(): void {
    if (this.#timer !== undefined) return;
    this.#lookedAt = this.#clock.monotonic();
    this.#tick();
  }

  close(): void {
    this.#timer?.cancel();
  }

  #tick(): void {
    this.#timer = this.#clock.setTimer(TICK_MS, () => {
      this.monotonic();
      if (this.#isNeeded()) this.#tick();
      else this.#timer = undefined;
    });
  }
}
