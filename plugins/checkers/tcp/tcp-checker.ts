import { connect } from 'node:net';
import { z } from 'zod';
import type { Checker, CheckTarget, Clock, Verdict } from '../../../core/index.js';

const options = z.strictObject({});

/** A checker of kind `tcp`: an instance that accepts a connection on its host and port is running. */
export function createTcpChecker(clock: Clock): Checker<typeof options> {
  return { kind: 'tcp', options, check: ({ target, signal }) => probe(target, signal, clock) };
}

/**
 * Connects once, and closes again at once. What stands in the way is an `error` verdict with the system's name for it,
 * such as `ECONNREFUSED`; rejects with the signal's reason when that aborts.
 */
function probe({ host, port }: CheckTarget, signal: AbortSignal, clock: Clock): Promise<Verdict> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const begunAt = clock.monotonic();
    const socket = connect({ host, port });
    const end = (settle: () => void) => {
      signal.removeEventListener('abort', abort);
      socket.destroy();
      settle();
    };
    const abort = () => end(() => reject(signal.reason));
    const conclude = (status: Verdict['status'], output: string) =>
      end(() => resolve({ status, output, latencyMs: clock.monotonic() - begunAt }));

    signal.addEventListener('abort', abort);
    socket.once('connect', () => conclude('running', 'connected'));
    // Stays on: without a listener, an error that comes late would end the process.
    socket.on('error', (error: NodeJS.ErrnoException) => conclude('error', error.code ?? error.message));
  });
}
