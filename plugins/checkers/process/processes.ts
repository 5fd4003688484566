import { existsSync } from 'node:fs';
import {
  type Awaitable,
  askPs,
  type Clock,
  type ProcessStart,
  readProcessStart,
} from '../../../core/index.js';

/** What the processes of this host are asked. */
export interface Processes {
  /** Undefined where nothing has that pid. Throws where the system does not show it. */
  look(pid: number): Awaitable<ProcessStart | undefined>;
  /** A start time for people to read; wall time as the clock stood when the registry began. */
  describe(startTime: string): string;
  /** Start times are clock ticks since boot. */
  readonly hasTicks: boolean;
}

/** /proc where there is one, else `ps`. */
export function systemProcesses(clock: Clock): Processes {
  return existsSync('/proc/self/stat') ? procProcesses(clock) : psProcesses();
}

/** Linux writes 100 ticks a second for programs to read, whatever the kernel's own are (times(2), USER_HZ). */
const TICK_MS = 10;

/** Linux: a look takes some microseconds, so it is done without waiting. */
export function procProcesses(clock: Clock): Processes {
  // By how much later or earlier than this process: boot time is another in a container, and moves with the wall clock.
  const ownTicks = Number(readProcessStart(process.pid)?.startTime);
  const ownStartAt = clock.now() - process.uptime() * 1_000;
  return {
    hasTicks: true,
    look: (pid) => readOrHidden(pid) ?? assertGone(pid),
    describe(startTime) {
      const startedAt = ownStartAt + (Number(startTime) - ownTicks) * TICK_MS;
      return `${new Date(startedAt).toISOString().slice(0, 19)}Z`;
    },
  };
}

/** A /proc may be mounted to hide other users' processes: with hidepid=1 they can't be read. */
function readOrHidden(pid: number): ProcessStart | undefined {
  try {
    return readProcessStart(pid);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code === 'EPERM' || code === 'EACCES' ? hidden(pid, error) : error;
  }
}

/** With hidepid=2 they look as if they were not there. */
function assertGone(pid: number): undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return undefined;
    throw hidden(pid, error);
  }
  throw hidden(pid);
}

function hidden(pid: number, cause?: unknown): Error {
  const what = `pid ${pid} may be there, but /proc does not show it`;
  return new Error(`${what}: run the registry as the same user, or mount /proc without hidepid`, { cause });
}

/** macOS and the BSDs: a look starts `ps`, which takes milliseconds. */
export function psProcesses(): Processes {
  return {
    hasTicks: false,
    look: async (pid) => (await askPs([pid])).get(pid),
    describe: (startTime) => `${startTime} UTC`,
  };
}
