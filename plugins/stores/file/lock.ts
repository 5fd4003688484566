import { readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type Clock, RegistryError, readBootId, readProcessStart } from '../../../core/index.js';

/** Who holds a data folder, as the file `lock` says it. */
export interface Holder {
  readonly pid: number;
  readonly host: string;
  /** Which run of the machine, and when the process started in it: a process id alone is given anew. Linux only. */
  readonly boot?: string;
  readonly started?: string;
  readonly since: string;
}

export interface Lock {
  release(): Promise<void>;
}

const TRIES = 10;
/** One who has just created a lock may not have written it yet: one that says nothing counts as dead after this many. */
const PATIENT_TRIES = 5;
const WAIT_MS = 50;

/**
 * Takes the lock of a data folder. One whose process has died is taken over; one that a process of another machine, or
 * of another container, left is not, since nothing here can tell whether that lives. Throws STORE_LOCKED.
 */
export async function takeLock(folder: string, clock: Clock): Promise<Lock> {
  const path = join(folder, 'lock');
  const mine = `${JSON.stringify(describeMe(clock))}\n`;
  for (let tries = 0; tries < TRIES; tries += 1) {
    if (await create(path, mine)) return { release: () => release(path, mine) };
    const found = await look(path);
    if (found.kind === 'alive') throw locked(folder, path, found.holder);
    if (found.kind === 'gone') continue;
    const isPatient = tries < PATIENT_TRIES;
    if ((found.kind === 'unclear' && isPatient) || !(await clear(path, mine, isPatient))) {
      await new Promise<void>((resolve) => clock.setTimer(WAIT_MS, resolve));
    }
  }
  throw new RegistryError(
    'STORE_LOCKED',
    `The lock of ${folder} keeps changing hands: several registries start in it.`,
  );
}

function describeMe(clock: Clock): Holder {
  const boot = bootId();
  const started = startOf(process.pid);
  return {
    pid: process.pid,
    host: hostname(),
    ...(boot !== undefined && started !== undefined && { boot, started }),
    since: new Date(clock.now()).toISOString(),
  };
}

async function create(path: string, text: string): Promise<boolean> {
  try {
    await writeFile(path, text, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Removes a dead holder's file. Between a look and the removal another might remove it too, and take the lock: so only
 * who has a second lock may remove the first, after another look. Answers false where that is another.
 */
async function clear(path: string, mine: string, isPatient: boolean): Promise<boolean> {
  const turn = `${path}.takeover`;
  if (!(await create(turn, mine))) {
    const other = await look(turn);
    if (other.kind === 'dead' || (other.kind === 'unclear' && !isPatient)) await rm(turn, { force: true });
    return false;
  }
  try {
    const { kind } = await look(path);
    if (kind === 'dead' || kind === 'unclear') await rm(path, { force: true });
    return true;
  } finally {
    await rm(turn, { force: true });
  }
}

/** What a lock says of its holder. `alive` is also one of another machine, of which nothing here can tell. */
export type Look =
  | { readonly kind: 'gone' | 'unclear' }
  | { readonly kind: 'alive' | 'dead'; readonly holder: Holder };

/** Says who holds a data folder, and changes nothing. */
export function lookAtLock(folder: string): Promise<Look> {
  return look(join(folder, 'lock'));
}

async function look(path: string): Promise<Look> {
  const text = await readOrNothing(path);
  if (text === undefined) return { kind: 'gone' };
  const holder = parse(text);
  if (holder === undefined) return { kind: 'unclear' };
  return { kind: isAlive(holder) ? 'alive' : 'dead', holder };
}

async function release(path: string, mine: string): Promise<void> {
  if ((await readOrNothing(path)) === mine) await rm(path, { force: true });
}

async function readOrNothing(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function parse(text: string): Holder | undefined {
  try {
    const value = JSON.parse(text) as Partial<Holder> | null;
    return Number.isInteger(value?.pid) && typeof value?.host === 'string' ? (value as Holder) : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(holder: Holder): boolean {
  if (holder.host !== hostname()) return true;
  if (holder.boot !== undefined && holder.started !== undefined) {
    return holder.boot === bootId() && holder.started === startOf(holder.pid);
  }
  try {
    process.kill(holder.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function bootId(): string | undefined {
  return orNothing(readBootId);
}

/** When a process started. A zombie, which its parent has not waited for yet, has ended and holds nothing. */
function startOf(pid: number): string | undefined {
  const start = orNothing(() => readProcessStart(pid));
  return start?.isZombie === false ? start.startTime : undefined;
}

/** No Linux, or one that does not show this: what is not known can't be compared. */
function orNothing<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function locked(folder: string, path: string, { pid, host, since }: Holder): RegistryError {
  return new RegistryError(
    'STORE_LOCKED',
    `Another registry uses ${folder}: process ${pid} on ${host}, since ${since}. Stop it, or use another folder. If that process no longer exists, remove ${path}.`,
  );
}
