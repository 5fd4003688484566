import type { Clock, Timer } from '../../core/index.js';

/** One check that comes round again and again. */
export interface Scheduled {
  /** It runs no more; a run under way is aborted. */
  cancel(): void;
}

/** What comes round: `run` is given a signal that aborts when it is cancelled, and says itself what went wrong. */
export interface Round {
  readonly intervalMs: number;
  /** How long until the first run. */
  readonly firstMs: number;
  run(signal: AbortSignal): Promise<void>;
}

interface Entry extends Round {
  timer: Timer | undefined;
  /** There while a run is under way. */
  controller: AbortController | undefined;
  isFirst: boolean;
  isCancelled: boolean;
}

/**
 * When each check runs: once after `firstMs`, again at a random point of the interval after that, so that those that
 * came together don't stay together, and from then on an interval after the last start. A check never overlaps itself,
 * and no more than `limit` are under way at once; those whose turn has come wait in the order in which it came.
 *
 * A timer each: 1,000 runs a second take 0.03 of a core here, the TCP connects in them five times that.
 */
export class Schedule {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #waiting = new Set<Entry>();
  /** Kept between takes: a fresh iterator would pass all that was already taken once more. */
  readonly #order: Iterator<Entry, undefined> = this.#waiting.values();
  #underWay = 0;

  constructor(clock: Clock, limit: number) {
    this.#clock = clock;
    this.#limit = limit;
  }

  /** How many runs are under way. */
  get underWay(): number {
    return this.#underWay;
  }

  /** How many runs wait for one under way to end. */
  get waiting(): number {
    return this.#waiting.size;
  }

  add({ intervalMs, firstMs, run }: Round): Scheduled {
    const entry: Entry = {
      intervalMs,
      firstMs,
      run,
      timer: undefined,
      controller: undefined,
      isFirst: true,
      isCancelled: false,
    };
    this.#arm(entry, firstMs);
    return {
      cancel: () => {
        entry.isCancelled = true;
        entry.timer?.cancel();
        entry.timer = undefined;
        this.#waiting.delete(entry);
        entry.controller?.abort();
      },
    };
  }

  #arm(entry: Entry, delayMs: number): void {
    entry.timer = this.#clock.setTimer(delayMs, () => {
      entry.timer = undefined;
      if (this.#underWay < this.#limit) this.#start(entry);
      else this.#waiting.add(entry);
    });
  }

  #start(entry: Entry): void {
    const startedAt = this.#clock.monotonic();
    const controller = new AbortController();
    entry.controller = controller;
    this.#underWay += 1;
    const end = () => {
      this.#underWay -= 1;
      entry.controller = undefined;
      if (!entry.isCancelled) {
        const gapMs = entry.isFirst ? this.#clock.random() * entry.intervalMs : entry.intervalMs;
        entry.isFirst = false;
        this.#arm(entry, Math.max(startedAt + gapMs - this.#clock.monotonic(), 0));
      }
      const next = this.#take();
      if (next !== undefined) this.#start(next);
    };
    entry.run(controller.signal).then(end, end);
  }

  #take(): Entry | undefined {
    // Asked when it has nothing left, an iterator has ended for good.
    if (this.#waiting.size === 0) return undefined;
    const { value } = this.#order.next();
    if (value !== undefined) this.#waiting.delete(value);
    return value;
  }
}
