import { execFile } from 'node:child_process';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

/** What tells one process from another that later gets its pid. */
export interface ProcessStart {
  /** When it began, as the system writes it: clock ticks since boot by /proc, wall time to the second by `ps`. */
  readonly startTime: string;
  /** It has ended, and its parent has not waited for it yet. */
  readonly isZombie: boolean;
}

/** Long enough for a name and 52 numbers. readFileSync would cost twice as much, and this is done again and again. */
const STAT_BYTES = 2_048;
const PS_TIMEOUT_MS = 5_000;

/**
 * Linux: looks at one process, by field 22 of /proc/PID/stat (proc_pid_stat(5)), which takes some microseconds and no
 * disk. Undefined where there is none; throws what the system says where it may not be read.
 */
export function readProcessStart(pid: number): ProcessStart | undefined {
  const line = readStat(pid);
  // Field 2 is the program's name in brackets, and may itself hold blanks and brackets.
  const [state = '', ...fromField4] = line.slice(line.lastIndexOf(')') + 2).split(' ', 20);
  const startTime = fromField4[18];
  return startTime === undefined ? undefined : { startTime, isZombie: isEnded(state) };
}

/** '' where there is no such process. */
function readStat(pid: number): string {
  let fd: number | undefined;
  try {
    fd = openSync(`/proc/${pid}/stat`, 'r');
    const buffer = Buffer.allocUnsafe(STAT_BYTES);
    return buffer.toString('latin1', 0, readSync(fd, buffer, 0, STAT_BYTES, 0));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return '';
    throw error;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Linux: names this run of the machine, since start times by /proc come again after a boot. */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** macOS and the BSDs: looks at all of these by one call of `ps`. Those that are not there are left out. */
export function askPs(pids: readonly number[]): Promise<ReadonlyMap<number, ProcessStart>> {
  return new Promise((resolve, reject) => {
    // Another locale or time zone would write the same moment in another way.
    const env = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
    const args = ['-o', 'pid=', '-o', 'stat=', '-o', 'lstart=', '-p', pids.join(',')];
    execFile('ps', args, { env, timeout: PS_TIMEOUT_MS }, (error, output) => {
      // It ends with 1 where none of them is there.
      if (error !== null && error.code !== 1) return reject(error);
      const starts = new Map<number, ProcessStart>();
      for (const line of output.split('\n')) {
        const [pid, state = '', ...began] = line.trim().split(/\s+/);
        if (began.length > 0)
          starts.set(Number(pid), { startTime: began.join(' '), isZombie: isEnded(state) });
      }
      resolve(starts);
    });
  });
}

/** Zombie, or dead: a state that is seen for the moment in which the last of a process goes. */
function isEnded(state: string): boolean {
  return state.startsWith('Z') || state.startsWith('X');
}
