import {
  type Clock,
  type Exit,
  type JsonObject,
  type Logger,
  pause,
  type SpawnedInstance,
} from '../../../core/index.js';
import type { Engine } from './engine.js';
import { EngineTimeout } from './engine-link.js';
import { copyLog } from './log-copy.js';
import type { Outage } from './outage.js';
import type { Removals } from './removals.js';

/** What all containers of a spawner share. */
export interface ContainerContext {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly outage: Outage;
  readonly removals: Removals;
  /** Aborts when nobody is interested in the containers any more; they are left alone. */
  readonly closing: AbortSignal;
}

/** What a container is found by after a restart. */
export interface ContainerRef extends JsonObject {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  /** Its output goes there. */
  readonly log: string;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
/** So long a container's last lines may take; then it is removed, and they with it. */
const LAST_LINES_MS = 3_000;

/**
 * A container in the spawner's hands: its output is copied from `since` on (wall time in milliseconds), its end is told,
 * and it is removed after that.
 */
export function holdContainer(
  ref: ContainerRef,
  { pid, since }: { readonly pid: number | undefined; readonly since: number },
  context: ContainerContext,
): SpawnedInstance {
  const { engine, clock, removals, closing } = context;
  const { id, host, port, log } = ref;
  const end = new AbortController();
  const copied = copyLog(id, log, since, { ...context, ended: end.signal });
  const exited = untilEnded(id, context).then((exit) => {
    end.abort();
    const patience = pause(clock, LAST_LINES_MS, closing);
    removals.remove(id, Promise.race([copied, patience]));
    return exit;
  });
  return {
    ref,
    host,
    port,
    ...(pid !== undefined && { pid }),
    exited,
    async stop(signal) {
      if (end.signal.aborted) return;
      try {
        await engine.kill(id, signal);
      } catch (error) {
        // Engines refuse to signal what has just ended, each with another code.
        const isRunning = await engine.inspect(id).then(
          (state) => state?.isRunning === true,
          () => true,
        );
        if (isRunning && !end.signal.aborted) throw error;
      }
    },
  };
}

/**
 * Resolves when the container has ended: with its exit code, or without where another has removed it. While the engine is
 * away, nothing is known of its end, and it is asked again. Stays pending once nobody is interested.
 */
async function untilEnded(id: string, context: ContainerContext): Promise<Exit> {
  const { engine, clock, outage, closing } = context;
  let wait = FIRST_PAUSE_MS;
  while (!closing.aborted) {
    try {
      const code = await engine.wait(id, closing);
      outage.over();
      return { code: code ?? null, signal: null };
    } catch (failure) {
      if (closing.aborted) break;
      try {
        const state = await engine.inspect(id);
        outage.over();
        if (state?.isRunning !== true) return { code: state?.exitCode ?? null, signal: null };
        // It had nothing to tell for so long, and still runs.
        if (failure instanceof EngineTimeout) wait = 0;
      } catch (error) {
        outage.begun(error);
      }
      await pause(clock, wait, closing);
      wait = Math.min(Math.max(wait * 2, FIRST_PAUSE_MS), LONGEST_PAUSE_MS);
    }
  }
  return new Promise(() => {});
}
