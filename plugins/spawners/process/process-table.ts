import { existsSync } from 'node:fs';
import {
  type Awaitable,
  askPs,
  type ProcessStart,
  readBootId,
  readProcessStart,
  type SpawnName,
} from '../../../core/index.js';
import { type NamedProcess, NameSearch } from './find-by-name.js';

/** When each of some processes began, by pid, in the system's own terms. One that has ended, or is a zombie, is left out. */
export type StartTimes = ReadonlyMap<number, string>;

/** What the system says of its processes: enough to tell one from another that later gets the same pid. */
export interface ProcessTable {
  /** Another one after each boot of the machine; '' where start times are wall time, which says it already. */
  readonly bootId: string;
  startTimes(pids: readonly number[]): Awaitable<StartTimes>;
  /** Those that were started by that name, the likeliest first. Absent where the system does not say with what they began. */
  find?(name: SpawnName): Promise<readonly NamedProcess[]>;
}

/** The table of this machine: /proc where there is one, else what `ps` says. */
export function systemProcessTable(): ProcessTable {
  return existsSync('/proc/self/stat') ? procTable() : psTable();
}

/** Linux. A read takes no disk. */
export function procTable(): ProcessTable {
  const search = new NameSearch();
  return {
    bootId: readBootId(),
    startTimes: (pids) => alive(pids.map((pid) => [pid, readProcessStart(pid)])),
    find: (name) => search.find(name),
  };
}

/** macOS and the BSDs. */
export function psTable(): ProcessTable {
  return { bootId: '', startTimes: async (pids) => alive(await askPs(pids)) };
}

function alive(starts: Iterable<readonly [pid: number, start: ProcessStart | undefined]>): StartTimes {
  const times = new Map<number, string>();
  for (const [pid, start] of starts) {
    if (start?.isZombie === false) times.set(pid, start.startTime);
  }
  return times;
}
