import type { Clock, Exit, Timer } from '../../../core/index.js';
import type { ProcessTable } from './process-table.js';

/** What names a process: a pid comes again, with the same start time it does not. */
export interface ProcessName {
  readonly pid: number;
  readonly startTime: string;
}

const LOOK_MS = 250;
/**
 * Zombies, and others that got the pid, are only told apart by a look that costs ten times as much: every so many. With
 * every fourth, what ended right after one was seen after 1 s and the lateness of four timers.
 */
const THOROUGH_EVERY = 3;

/**
 * Notices the end of processes that are no children of this one, about which nobody tells it: most within 250 ms, a
 * zombie within a second. One timer serves all, and there is none while there is nothing to watch.
 */
export class EndWatch {
  readonly #clock: Clock;
  readonly #table: ProcessTable;
  readonly #watched = new Map<ProcessName, (exit: Exit) => void>();
  #timer: Timer | undefined;
  #looks = 0;
  #isClosed = false;

  constructor(clock: Clock, table: ProcessTable) {
    this.#clock = clock;
    this.#table = table;
  }

  /** Resolves, once the process has ended, with neither code nor signal. */
  ended(name: ProcessName): Promise<Exit> {
    return new Promise((resolve) => {
      this.#watched.set(name, resolve);
      this.#arm();
    });
  }

  /** Whether the process of that name still runs. */
  async isThere({ pid, startTime }: ProcessName): Promise<boolean> {
    return (await this.#table.startTimes([pid])).get(pid) === startTime;
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #arm(): void {
    if (this.#isClosed || this.#watched.size === 0) return;
    this.#timer ??= this.#clock.setTimer(LOOK_MS, () => this.#look());
  }

  async #look(): Promise<void> {
    this.#looks += 1;
    if (this.#looks % THOROUGH_EVERY === 0) await this.#lookThoroughly();
    else this.#lookBriefly();
    this.#timer = undefined;
    this.#arm();
  }

  #lookBriefly(): void {
    for (const name of this.#watched.keys()) {
      if (!hasPid(name.pid)) this.#tell(name);
    }
  }

  async #lookThoroughly(): Promise<void> {
    const names = [...this.#watched.keys()];
    if (names.length === 0) return;
    try {
      const times = await this.#table.startTimes(names.map(({ pid }) => pid));
      for (const name of names) {
        if (times.get(name.pid) !== name.startTime) this.#tell(name);
      }
    } catch {
      // A look that fails says nothing of the processes; the next one may.
    }
  }

  #tell(name: ProcessName): void {
    this.#watched.get(name)?.({ code: null, signal: null });
    this.#watched.delete(name);
  }
}

/** Whether anything has that pid, be it only a zombie. */
function hasPid(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
