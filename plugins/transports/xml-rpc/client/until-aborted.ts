import { defaultMaxListeners, getMaxListeners, setMaxListeners } from 'node:events';

/** Calls that a program may make at once with one signal before Node takes it for a leak and warns. */
const LISTENERS = 10_000;

/** Lets many listen to a signal at once: Node 20 warns of the eleventh. A limit that the program has set stays. */
export function allowMany(signal: AbortSignal): AbortSignal {
  if (getMaxListeners(signal) === defaultMaxListeners) setMaxListeners(LISTENERS, signal);
  return signal;
}

/**
 * What `run` resolves to, or, as soon as one of the signals aborts, a rejection with its reason; `run` is given a signal
 * that aborts then. Unlike AbortSignal.any it leaves nothing behind on signals that live long.
 */
export async function untilAborted<T>(
  run: (signal: AbortSignal) => Promise<T>,
  signals: readonly (AbortSignal | undefined)[],
): Promise<T> {
  for (const signal of signals) signal?.throwIfAborted();
  const controller = new AbortController();
  let onAbort = (_event: Event) => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = ({ target }) => {
      const { reason } = target as AbortSignal;
      controller.abort(reason);
      reject(reason);
    };
  });
  for (const signal of signals)
    if (signal !== undefined) allowMany(signal).addEventListener('abort', onAbort);
  try {
    return await Promise.race([run(controller.signal), aborted]);
  } finally {
    for (const signal of signals) signal?.removeEventListener('abort', onAbort);
  }
}
