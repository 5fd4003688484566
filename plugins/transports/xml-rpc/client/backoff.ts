import type { Clock } from '../../../../core/clock.js';

const FIRST_MS = 250;

/**
 * How long to wait after so many failures in a row, 1 or more: twice as long each time, at most `maxMs`, and anything from
 * half of that up, so that many clients do not come back at once.
 */
export function backoffMs(failures: number, maxMs: number, clock: Pick<Clock, 'random'>): number {
  const longest = Math.min(FIRST_MS * 2 ** Math.min(failures - 1, 20), maxMs);
  return longest * (0.5 + clock.random() / 2);
}

/** Resolves after `ms`, or rejects with the signal's reason. */
export function pause(ms: number, clock: Pick<Clock, 'setTimer'>, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.setTimer(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
