import { type FileHandle, open } from 'node:fs/promises';
import { type Clock, type Logger, messageOf, pause } from '../../../core/index.js';
import type { Engine } from './engine.js';
import { EngineRefusal } from './engine-link.js';
import { payloads } from './payloads.js';

export interface LogCopyParts {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborts when the container has ended. */
  readonly ended: AbortSignal;
  /** Aborts when nobody is interested any more. */
  readonly closing: AbortSignal;
}

/** The file takes nothing: a full disk, say. */
class FileFault extends Error {}

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;
/** Of one that has ended, what is left is asked for so often. */
const LAST_TRIES = 3;

/**
 * Appends what a container prints to a file, from `since` (wall time in milliseconds) to its end. A broken connection is
 * taken up where it broke. Resolves when there is no more to come, or nobody wants it; never rejects.
 */
export async function copyLog(id: string, file: string, since: number, parts: LogCopyParts): Promise<void> {
  const { engine, clock, logger, ended, closing } = parts;
  let from = since;
  let wait = FIRST_PAUSE_MS;
  let isTold = false;
  for (let triesAfterEnd = 0; triesAfterEnd < LAST_TRIES; ) {
    const wasEnded = ended.aborted;
    if (wasEnded) triesAfterEnd += 1;
    try {
      const stream = await engine.logs(id, from / 1_000, closing);
      // Anew each time: who moves the file away gets a new one in its place.
      const target = await open(file, 'a', 0o640).catch(throwFault);
      try {
        for await (const payload of payloads(stream)) {
          await appendAll(target, payload).catch(throwFault);
          isTold = false;
          from = clock.now();
          wait = FIRST_PAUSE_MS;
        }
      } finally {
        stream.destroy();
        await target.close();
      }
      // An engine ends the stream with the container, and a moment before it says so itself.
      if (!wasEnded) await pause(clock, wait, AbortSignal.any([ended, closing]));
      if (closing.aborted || ended.aborted) return;
    } catch (error) {
      if (closing.aborted) return;
      const isRefused = error instanceof EngineRefusal;
      if (isRefused && error.status === 404) return;
      if ((isRefused || error instanceof FileFault) && !isTold) {
        isTold = true;
        const why = `The output of container ${id.slice(0, 12)} is not copied to ${file}: ${messageOf(error)}.`;
        logger.warn({ container: id, err: error }, why);
      }
      // An engine that keeps no logs has none later.
      if (isRefused) return;
      await pause(clock, wait, closing);
    }
    wait = Math.min(wait * 2, LONGEST_PAUSE_MS);
  }
}

async function appendAll(target: FileHandle, payload: Buffer): Promise<void> {
  for (let at = 0; at < payload.length; ) {
    const { bytesWritten } = await target.write(payload, at);
    at += bytesWritten;
  }
}

function throwFault(error: unknown): never {
  throw new FileFault(messageOf(error), { cause: error });
}
