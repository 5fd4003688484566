import type { FakeClock } from '../support/fake-clock.js';

/** How much of the time the registry was awake: bounds are counted in that, for while it stalls it can know nothing. */
export class AwakeTime {
  readonly #clock: FakeClock;
  readonly #stalls: number[] = [];
  #stalledMs = 0;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  get now(): number {
    return this.#clock.monotonic() - this.#stalledMs;
  }

  get monotonic(): number {
    return this.#clock.monotonic();
  }

  /** A stall begins. */
  begin(): void {
    this.#stalls.push(this.now);
  }

  /** It goes on for so long. */
  stall(ms: number): void {
    this.#clock.stall(ms);
    this.#stalledMs += ms;
  }

  /** How many stalls there were since then. */
  stallsSince(at: number): number {
    let count = 0;
    while (count < this.#stalls.length && (this.#stalls.at(-1 - count) as number) >= at) count += 1;
    return count;
  }
}
