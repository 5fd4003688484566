import type { Clock, Timer } from '../clock.js';
import type { Silence } from '../hooks.js';

export interface MassSilenceOptions {
  /** The share of all instances that must fall silent within the window, 0 to 1. */
  readonly share: number;
  readonly windowMs: number;
  /** It ends after this long, whatever is still silent. */
  readonly maxMs: number;
}

/** Fewer than this are never a mass. */
const LEAST = 5;

/** When an instance fell silent, and by which commit. */
interface Fall {
  readonly at: number;
  readonly revision: number;
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
  /** Who fell silent; the oldest first, since a key that falls silent again is put at the end. */
  #fell = new Map<string, Fall>();
  /** Who was silent in the mass silence that is on, and is still; since when does not matter any more. */
  #members: Map<string, Fall | undefined> | undefined;
  #since: number | undefined;
  #began = 0;
  #endsAt = 0;
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

  /** The revision by which the first fell silent in the mass silence that is on; undefined where none is. */
  get since(): number | undefined {
    return this.#since;
  }

  /** Whether this instance fell silent in the mass silence that is on. */
  has(key: string): boolean {
    return this.#members?.has(key) === true;
  }

  /** An instance of ours has fallen silent by the commit of this revision. */
  fell(key: string, revision: number): void {
    if (this.#members !== undefined) {
      this.#members.set(key, undefined);
      this.#began = Math.max(this.#began, this.#members.size);
      return;
    }
    const now = this.#clock.monotonic();
    this.#fell.delete(key);
    this.#fell.set(key, { at: now, revision });
    if (!this.#isMass()) return;
    this.#dropOld(now);
    if (!this.#isMass()) return;
    const [first] = this.#fell.values();
    // Taken over and not copied: it may be a million.
    const members = this.#fell;
    this.#fell = new Map();
    this.#begin(members, first?.revision ?? revision);
  }

  /** A mass silence was on when this process ended, and these are silent still: it goes on, for the whole of its time. */
  resume(keys: Iterable<string>, since: number): void {
    const members = new Map<string, undefined>();
    for (const key of keys) members.set(key, undefined);
    this.#begin(members, since);
  }

  /** An instance speaks again, or is gone. */
  rose(key: string): void {
    this.#fell.delete(key);
    if (this.#members?.delete(key) && this.#members.size * 2 < this.#began) this.#end();
  }

  close(): void {
    this.#timer?.cancel();
  }

  #begin(members: Map<string, Fall | undefined>, since: number): void {
    this.#members = members;
    this.#since = since;
    this.#began = members.size;
    this.#endsAt = this.#clock.monotonic() + this.#options.maxMs;
    this.#arm();
    this.#onTurn({ isOn: true, silent: members.size, total: this.#countInstances() });
  }

  /** The clock may have stood still meanwhile, with this process. */
  #arm(): void {
    const leftMs = this.#endsAt - this.#clock.monotonic();
    if (leftMs <= 0) this.#end();
    else this.#timer = this.#clock.setTimer(leftMs, () => this.#arm());
  }

  #end(): void {
    const silent = this.#members?.size ?? 0;
    this.#timer?.cancel();
    this.#members = undefined;
    this.#since = undefined;
    this.#onTurn({ isOn: false, silent, total: this.#countInstances() });
  }

  /** Whether those that fell silent are many enough, if all of it was within the window. */
  #isMass(): boolean {
    return this.#fell.size >= LEAST && this.#fell.size > this.#countInstances() * this.#options.share;
  }

  #dropOld(now: number): void {
    for (const [key, { at }] of this.#fell) {
      if (now - at <= this.#options.windowMs) return;
      this.#fell.delete(key);
    }
  }
}
