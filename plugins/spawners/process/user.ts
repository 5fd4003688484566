import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { messageOf } from '../../../core/index.js';

/** Whose rights a program has. */
export interface User {
  readonly uid: number;
  readonly gid: number;
  /** All groups that the user is in. */
  readonly groups: readonly number[];
  readonly name: string;
  readonly home: string;
}

/** One line of the system's list of users (passwd(5)). */
interface Entry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

const TIMEOUT_MS = 5_000;
const MOST_OUTPUT = 1024 * 1024;

/**
 * Looks a user up: a name, a number, or `uid:gid`, which is in that group and no other. Rejects with an Error that says
 * what is missing. `path` is where the system's programs are.
 */
export async function lookUpUser(given: string, path: string): Promise<User> {
  const [who = '', group] = given.split(':');
  const entry = await findEntry(who, path);
  if (group !== undefined) {
    const uid = Number(who);
    const gid = Number(group);
    return { uid, gid, groups: [gid], name: entry?.name ?? who, home: entry?.home ?? '/' };
  }
  if (entry === undefined) {
    const isNumber = /^\d+$/.test(who);
    const advice = isNumber
      ? `Say its group too ("${who}:${who}")`
      : 'Add it with useradd, or correct `user`; a number with a group ("1000:1000") needs no such user';
    throw new Error(`there is no user "${who}" on this machine. ${advice}`);
  }
  return { ...entry, groups: await groupsOf(entry.name, path) };
}

/** By getent(1), which also asks LDAP and the like; where there is none (macOS), by the file. */
async function findEntry(who: string, path: string): Promise<Entry | undefined> {
  let lines: string;
  try {
    lines = await run('getent', ['passwd', who], path);
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code === 2) return undefined;
    if (code !== 'ENOENT') throw new Error(`the user "${who}" can't be looked up: ${messageOf(error)}`);
    lines = await readFile('/etc/passwd', 'utf8');
  }
  for (const line of lines.split('\n')) {
    const [name = '', , uid, gid, , home] = line.split(':');
    if (home !== undefined && (name === who || uid === who)) {
      return { name, uid: Number(uid), gid: Number(gid), home: home || '/' };
    }
  }
  return undefined;
}

async function groupsOf(name: string, path: string): Promise<number[]> {
  try {
    return (await run('id', ['-G', name], path)).trim().split(/\s+/).map(Number);
  } catch (error) {
    throw new Error(`the groups of "${name}" can't be looked up: ${messageOf(error)}`);
  }
}

function run(command: string, args: readonly string[], path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { PATH: path, LC_ALL: 'C' };
    execFile(command, args, { env, timeout: TIMEOUT_MS, maxBuffer: MOST_OUTPUT }, (error, output) =>
      error === null ? resolve(output) : reject(error),
    );
  });
}
