import { randomInt, randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';

/** A timer that was set; cancelling it twice, or after it fired, does nothing. */
export interface Timer {
  cancel(): void;
}

/**
 * Time and chance, handed in so that whole scenarios run from a seed. Core, monitor and supervisor take both from
 * here and nowhere else (DESIGN §7).
 */
export interface Clock {
  /** Wall time in milliseconds since 1970, for records. It may jump. */
  now(): number;
  /** Milliseconds that never go back, for leases, timeouts and durations. Its zero means nothing. */
  monotonic(): number;
  /** Calls `run` once after `delayMs` (0 or more, any length). The timer never keeps the process alive. */
  setTimer(delayMs: number, run: () => void): Timer;
  /** A number from 0 up to, but not including, 1. */
  random(): number;
  /** A new id that no other call, process or machine gives. */
  uuid(): string;
}

/** Node's setTimeout fires after 1 ms when asked for more than this. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** The machine's own clocks, timers and randomness. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(delayMs, run) {
    const due = performance.now() + delayMs;
    let handle: NodeJS.Timeout;
    const arm = (left: number) => {
      const wait = Math.min(Math.max(left, 0), LONGEST_TIMEOUT_MS);
      handle = setTimeout(() => (wait < left ? arm(due - performance.now()) : run()), wait);
      handle.unref();
    };
    arm(delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
  random: () => randomInt(2 ** 47) / 2 ** 47,
  uuid: () => randomUUID(),
};
