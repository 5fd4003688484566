import { execFile } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';
import type { Awaitable } from '../../../core/index.js';

/** When each of some processes began, by pid, in the system's own terms. One that has ended, or is a zombie, is left out. */
export type StartTimes = ReadonlyMap<number, string>;

/** What the system says of its processes: enough to tell one from another that later gets the same pid. */
export interface ProcessTable {
  /** Another one after each boot of the machine; '' where start times are wall time, which says it already. */
  readonly bootId: string;
  startTimes(pids: readonly number[]): Awaitable<StartTimes>;
}

/** The table of this machine: /proc where there is one, else what `ps` says. */
export function systemProcessTable(): ProcessTable {
  return existsSync('/proc/self/stat') ? procTable() : psTable();
}

/** Linux: field 22 of /proc/PID/stat, in clock ticks since boot (proc_pid_stat(5)). A read takes no disk. */
export function procTable(): ProcessTable {
  // Long enough for 52 numbers; readFileSync would cost twice as much, and this is done for each adopted process.
  const buffer = Buffer.alloc(2_048);
  return {
    bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    startTimes(pids) {
      const times = new Map<number, string>();
      for (const pid of pids) {
        const line = readStat(pid, buffer);
        // Field 2 is the program's name in brackets, and may itself hold blanks and brackets.
        const fromField3 = line.slice(line.lastIndexOf(')') + 2).split(' ', 20);
        const began = fromField3[19];
        if (began !== undefined && !isDead(fromField3[0])) times.set(pid, began);
      }
      return times;
    },
  };
}

/** '' where there is no such process. */
function readStat(pid: number, buffer: Buffer): string {
  let fd: number | undefined;
  try {
    fd = openSync(`/proc/${pid}/stat`, 'r');
    return buffer.toString('latin1', 0, readSync(fd, buffer, 0, buffer.length, 0));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return '';
    throw error;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** macOS and the BSDs: wall time to the second, by one call of `ps` for all. */
export function psTable(): ProcessTable {
  return {
    bootId: '',
    startTimes: (pids) =>
      new Promise((resolve, reject) => {
        // Another locale or time zone would write the same moment in another way.
        const env = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
        const args = ['-o', 'pid=', '-o', 'stat=', '-o', 'lstart=', '-p', pids.join(',')];
        execFile('ps', args, { env, timeout: 5_000 }, (error, output) => {
          // It ends with 1 where none of them is there.
          if (error !== null && error.code !== 1) return reject(error);
          const times = new Map<number, string>();
          for (const line of output.split('\n')) {
            const [pid, state, ...began] = line.trim().split(/\s+/);
            if (began.length > 0 && !isDead(state)) times.set(Number(pid), began.join(' '));
          }
          resolve(times);
        });
      }),
  };
}

function isDead(state: string | undefined): boolean {
  return state === undefined || state.startsWith('Z') || state.startsWith('X');
}
