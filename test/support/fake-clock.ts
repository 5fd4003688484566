import type { Clock, Timer } from '../../core/clock.js';
import { TimerHeap } from './timer-heap.js';

/** Wall time starts here unless a test says otherwise: 2026-01-01T00:00:00Z. */
const START = Date.UTC(2026, 0, 1);
const LEAST_MS = 1e-6;
/** More timers than this at one point of time set each other again and again. */
const MOST_AT_ONCE = 1_000_000;

/**
 * A clock that stands still until a test moves it, with chance from a seed: the same seed gives the same numbers and
 * ids. `now` is milliseconds since 1970; `monotonic` starts at 0.
 */
export class FakeClock implements Clock {
  readonly #timers = new TimerHeap();
  /** What comes from outside: after every timer that is due by then, as Node's event loop has it. */
  readonly #arrivals = new TimerHeap();
  #start: number;
  #elapsed = 0;
  #order = 0;
  /** How many have fired since time last passed. */
  #atOnce = 0;
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
    return this.#set(this.#timers, delayMs, run);
  }

  /**
   * Something comes from outside after `delayMs`: an answer, a call. It differs from a timer after a {@link stall} only:
   * then the timers that fell due come first, and whatever lies in the sockets after them.
   */
  setArrival(delayMs: number, run: () => void): Timer {
    return this.#set(this.#arrivals, delayMs, run);
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
    return this.#timers.size + this.#arrivals.size;
  }

  /** The wall clock is set: `now` moves by this much, forward or back, and nothing else does. */
  jump(ms: number): void {
    this.#start += ms;
  }

  /** The event loop is blocked, or the process stopped, for so long: time goes on and nothing fires. It does when time is next moved, late and in order. */
  stall(ms: number): void {
    this.#elapsed += ms;
  }

  /** Moves time on and fires what falls due, in order; also timers set meanwhile, each at its own time. */
  advance(ms: number): void {
    const end = this.#elapsed + ms;
    while (this.#fireNext(end));
    this.#elapsed = end;
  }

  /** As {@link advance}, but lets promises that are ready settle before each timer and at the end. */
  async advanceAsync(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    await settle();
    while (this.#fireNext(end)) await settle();
    this.#elapsed = end;
  }

  /**
   * As {@link advanceAsync}, several times as fast, for what waits for no real file or socket: promises are settled on
   * the spot. To be called where no promise is being settled already, such as in {@link onOwnTurn}.
   */
  advanceSettled(ms: number): void {
    const end = this.#elapsed + ms;
    settleNow();
    while (this.#fireNext(end)) settleNow();
    this.#elapsed = end;
  }

  #set(heap: TimerHeap, delayMs: number, run: () => void): Timer {
    // Time passes before a timer that is to wait: a delay too small to be added to it would set itself for ever.
    const waitMs = delayMs > 0 ? Math.max(delayMs, LEAST_MS) : 0;
    const pending = { due: this.#elapsed + waitMs, order: this.#order++, run, at: -1 };
    heap.add(pending);
    return { cancel: () => heap.remove(pending) };
  }

  /** Fires the first that is due by then; answers whether there was one. */
  #fireNext(end: number): boolean {
    const timer = this.#timers.first;
    const arrival = this.#arrivals.first;
    const isArrival =
      arrival !== undefined &&
      (timer === undefined || arrival.due < timer.due) &&
      (timer === undefined || timer.due > this.#elapsed);
    const next = isArrival ? arrival : timer;
    if (next === undefined || next.due > end) return false;
    (isArrival ? this.#arrivals : this.#timers).remove(next);
    if (next.due > this.#elapsed) {
      this.#elapsed = next.due;
      this.#atOnce = 0;
    } else if (++this.#atOnce > MOST_AT_ONCE) {
      throw new Error(
        `${MOST_AT_ONCE} timers fired at ${this.#elapsed} ms, and time does not pass: ${next.run}`,
      );
    }
    next.run();
    return true;
  }
}

/** One turn of the event loop: every promise that could settle without I/O has settled after it. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Runs this in a turn of the event loop of its own, outside of all promises. What it throws rejects. */
export function onOwnTurn<T>(run: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        resolve(run());
      } catch (error) {
        reject(error);
      }
    });
  });
}

/** What Node itself calls between one timer and the next. There is no other way to let promises settle in the midst of a function. */
const { _tickCallback: settleNow } = process as unknown as { _tickCallback: () => void };
