import { readdirSync, readFileSync, statSync } from 'node:fs';
import type { SpawnName } from '../../../core/index.js';

/** One process that was started by a name, as far as its environment says so. */
export interface NamedProcess {
  readonly pid: number;
  readonly startTime: string;
  readonly parent: number;
  /** What it was given as HOST. */
  readonly host: string | undefined;
}

/** What of a process's environment says who it is. */
interface Names {
  readonly instance: string;
  readonly service: string | undefined;
  readonly port: string | undefined;
  readonly host: string | undefined;
}

interface Candidate extends NamedProcess {
  readonly names: Names;
}

/** So many are looked at before others have their turn: some 3 ms. */
const SLICE = 64;

/**
 * Linux: looks through /proc for processes whose environment says that they were started as an instance, for one that
 * was started but not noted before the registry died. Some 40 µs a process; all who ask in one turn share one look.
 */
export class NameSearch {
  #search: Promise<Map<string, Candidate[]>> | undefined;

  /**
   * The first processes of a session that carry the name and append to a log file of ours, the eldest first. An
   * environment is inherited and says what anybody likes, while nobody else can open such a file. Left out are zombies,
   * this process, and what has its name from a parent that still runs.
   */
  async find({ service, instance, port }: SpawnName): Promise<NamedProcess[]> {
    this.#search ??= searchAll().finally(() => {
      this.#search = undefined;
    });
    const all = (await this.#search).get(instance) ?? [];
    return all
      .filter(({ names }) => names.service === service && names.port === String(port))
      .filter(({ parent }) => orNothing(() => readNames(parent))?.instance !== instance)
      .filter(({ pid }) => [1, 2].some((fd) => orNothing(() => isOurLog(pid, fd))))
      .toSorted((a, b) => Number(a.startTime) - Number(b.startTime) || a.pid - b.pid);
  }
}

async function searchAll(): Promise<Map<string, Candidate[]>> {
  // Whoever asks later in this turn shares the look.
  await nextTurn();
  const found = new Map<string, Candidate[]>();
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  for (const [at, pid] of pids.entries()) {
    if (at % SLICE === SLICE - 1) await nextTurn();
    const one = orNothing(() => look(Number(pid)));
    if (one === undefined) continue;
    const { instance } = one.names;
    found.set(instance, [...(found.get(instance) ?? []), one]);
  }
  return found;
}

function look(pid: number): Candidate | undefined {
  if (pid === process.pid) return undefined;
  const line = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // proc_pid_stat(5); the name in field 2 may hold blanks and brackets.
  const fromField3 = line.slice(line.lastIndexOf(')') + 2).split(' ', 20);
  const [state = '', parent, group, session] = fromField3;
  const startTime = fromField3[19];
  if (startTime === undefined || /^[ZX]/.test(state)) return undefined;
  // What we start is the first of its group and session; most others need no further look.
  if (Number(group) !== pid || Number(session) !== pid) return undefined;
  const names = readNames(pid);
  return names && { pid, startTime, parent: Number(parent), host: names.host, names };
}

/** What the environment that a process began with says of it; undefined where it names no instance. */
function readNames(pid: number): Names | undefined {
  const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\u0000');
  const value = (name: string) =>
    variables.find((variable) => variable.startsWith(`${name}=`))?.slice(name.length + 1);
  const instance = value('INSTANCE_ID');
  if (instance === undefined) return undefined;
  return { instance, service: value('SERVICE_NAME'), port: value('PORT'), host: value('HOST') };
}

/** Whether the process appends, by that descriptor, to a file that only this user may open for that. */
function isOurLog(pid: number, fd: number): boolean {
  const file = statSync(`/proc/${pid}/fd/${fd}`);
  if (!file.isFile() || file.uid !== process.geteuid?.() || (file.mode & 0o022) !== 0) return false;
  const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1'))?.[1];
  return (Number.parseInt(flags ?? '0', 8) & (O_ACCMODE | O_APPEND)) === (O_WRONLY | O_APPEND);
}

/** As /proc/PID/fdinfo writes them, which is alike on all of Linux's machines that Node runs on. */
const [O_ACCMODE, O_WRONLY, O_APPEND] = [0o3, 0o1, 0o2000];

/** Undefined where the process has ended meanwhile, or the system does not show it. */
function orNothing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES' || code === 'EPERM') return undefined;
    throw error;
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
