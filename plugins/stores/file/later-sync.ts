import type { Clock, Timer } from '../../../core/index.js';

/**
 * For durability `interval`: syncs some time after something was written. What was answered and not synced was all
 * answered within one interval, however slow the disk is: whoever would answer later waits for the sync.
 */
export class LaterSync {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #sync: () => Promise<void>;
  /** When the oldest write that is not known to be synced was made, on the monotonic clock. */
  #since: number | undefined;
  /** The same of those that came after the sync that is running. */
  #next: number | undefined;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;

  /** `sync` never rejects: it says elsewhere that it failed. */
  constructor(options: { clock: Clock; intervalMs: number; sync: () => Promise<void> }) {
    this.#clock = options.clock;
    this.#intervalMs = options.intervalMs;
    this.#sync = options.sync;
  }

  /** Something was written. */
  note(): void {
    if (this.#running !== undefined) {
      this.#next ??= this.#clock.monotonic();
    } else {
      this.#since ??= this.#clock.monotonic();
      this.#arm();
    }
  }

  /** Waits until nothing that is older than the interval lies unsynced. */
  async settle(): Promise<void> {
    while (this.#since !== undefined && this.#clock.monotonic() - this.#since >= this.#intervalMs) {
      await this.#run();
    }
  }

  /** Syncs what was written up to now, not beside another sync: an error is told to one of them only. */
  async sync(): Promise<void> {
    await this.#running;
    if (this.#since !== undefined) await this.#run();
  }

  /** Syncs all that was written, and all that is meanwhile. */
  async flush(): Promise<void> {
    while (this.#since !== undefined) await this.#run();
  }

  /** Nothing is left to sync: what was written is of no use any more. */
  async drop(): Promise<void> {
    await this.#running;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#since = undefined;
  }

  /** Half of the interval is for waiting, and half for the disk. */
  #arm(): void {
    this.#timer ??= this.#clock.setTimer(this.#intervalMs / 2, () => void this.#run());
  }

  #run(): Promise<void> {
    this.#running ??= this.#runOnce();
    return this.#running;
  }

  async #runOnce(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#sync();
    this.#running = undefined;
    this.#since = this.#next;
    this.#next = undefined;
    if (this.#since !== undefined) this.#arm();
  }
}
