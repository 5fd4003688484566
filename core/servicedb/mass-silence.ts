import type { Clock, Timer } from '../clock.js';
import type { Silence } from '../hooks.js';

export interface MassSilenceOptions {
  /** The share of all instances that must fall silent within the window, 0 to 1. */
  readonly share: number;
  /** Fewer than this are never a mass. */
  readonly least: number;
  readonly windowMs: number;
  /** It ends after this long, whatever is still silent. */
  readonly maxMs: number;
}

/**
 * Tells one instance's silence from everybody's: when many fall silent within a window it is the network, or the
 * registry, that is ill, and nobody is removed for it (DESIGN §4). Failing checks and missed leases count alike.
 */
export class MassSilence {
  readonly #clock: Clock;
  readonly #options: MassSilenceOptions;
  readonly #countInstances: () => number;
  readonly #onTurn: (silence: Silence) => void;
  /** Who fell silent, and when; the oldest first, since a key that falls silent again is put at the end. */
  #fell = new Map<string, number>();
  /** Who was silent in the mass silence that is on, and is still; since when does not matter any more. */
  #members: Map<string, number> | undefined;
  #began = 0;
  #timer: Timer | undefined;

  constructor(
    options: MassSilenceOptions & {
      clock: Clock;
      countInstances: () => number;
      onTurn: (silence: Silence) => void;
    },
  ) {
    this.#clock = options.clock;
    this.#options = options;
    this.#countInstances = options.countInstances;
    this.#onTurn = options.onTurn;
  }

  get isOn(): boolean {
    return this.#members !== undefined;
  }

  /** Whether this instance fell silent in the mass silence that is on. */
  has(key: string): boolean {
    return this.#members?.has(key) === true;
  }

  /** An instance of ours has fallen silent. */
  fell(key: string): void {
    const now = this.#clock.monotonic();
    if (this.#members !== undefined) {
      this.#members.set(key, now);
      this.#began = Math.max(this.#began, this.#members.size);
      return;
    }
    this.#fell.delete(key);
    this.#fell.set(key, now);
    this.#dropOld(now);
    const total = this.#countInstances();
    if (this.#fell.size < this.#options.least || this.#fell.size <= total * this.#options.share) return;
    // Taken over and not copied: it may be a million.
    this.#members = this.#fell;
    this.#fell = new Map();
    this.#began = this.#members.size;
    this.#timer = this.#clock.setTimer(this.#options.maxMs, () => this.#end());
    this.#onTurn({ isOn: true, silent: this.#members.size, total });
  }

  /** An instance speaks again, or is gone. */
  rose(key: string): void {
    this.#fell.delete(key);
    if (this.#members?.delete(key) && this.#members.size * 2 < this.#began) this.#end();
  }

  close(): void {
    this.#timer?.cancel();
  }

  #end(): void {
    const silent = this.#members?.size ?? 0;
    this.#timer?.cancel();
    this.#members = undefined;
    this.#onTurn({ isOn: false, silent, total: this.#countInstances() });
  }

  #dropOld(now: number): void {
    for (const [key, at] of this.#fell) {
      if (now - at <= this.#options.windowMs) return;
      this.#fell.delete(key);
    }
  }
}
