/** Those that wait for a slot have a timeout each, and yet there must be an end to them. */
const MOST_WAITING = 1_000;

/** How many may be at it at once; those beyond wait in the order in which they came. */
export class Slots {
  readonly #waiting = new Set<() => void>();
  #free: number;

  constructor(count: number) {
    this.#free = count;
  }

  /** Resolves to what gives the slot back, to be called once. Rejects with the signal's reason when that aborts first. */
  take(signal: AbortSignal): Promise<() => void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      if (this.#free > 0) {
        this.#free -= 1;
        return resolve(() => this.#giveBack());
      }
      if (this.#waiting.size >= MOST_WAITING) {
        throw new Error(
          `${MOST_WAITING} checks wait for another script to end. Raise inFlight, or check less often`,
        );
      }
      const begin = () => {
        signal.removeEventListener('abort', giveUp);
        resolve(() => this.#giveBack());
      };
      const giveUp = () => {
        this.#waiting.delete(begin);
        reject(signal.reason);
      };
      this.#waiting.add(begin);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** Handed on to the one that waits longest, if any. */
  #giveBack(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
