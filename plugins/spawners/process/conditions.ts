import { execFile } from 'node:child_process';
import { prlimitOptions } from './limits.js';
import type { ProcessSpec } from './process-spec.js';
import { findProgram } from './program-file.js';
import { lookUpUser, type User } from './user.js';

/** Under what a program is started: as whom, and under which limits. */
export interface Conditions {
  /** Programs that set something and then turn into what follows them, so that the pid stays the same. */
  readonly prefix: readonly string[];
  /** For spawn itself, which then clears all other groups. */
  readonly ids: { readonly uid?: number; readonly gid?: number };
  /** What of the environment belongs to the user. */
  readonly env: { readonly [name: string]: string };
}

const TIMEOUT_MS = 5_000;
const MOST_TRIED = 1_000;
const TEXT_LENGTH = 300;
/** prlimit and the like may be there, where a PATH for users does not lead to. */
const SYSTEM_PATH = '/usr/bin:/bin:/usr/sbin:/sbin';

/** Makes the conditions of specs, for one machine. */
export class ConditionMaker {
  readonly #path: string;
  /** Prefixes that have worked. */
  readonly #tried = new Set<string>();

  /** The registry's own PATH, and where else to look. */
  constructor(path: string | undefined, systemPath = SYSTEM_PATH) {
    this.#path = path === undefined ? systemPath : `${path}:${systemPath}`;
  }

  /** Rejects with an Error that says what this machine lacks, or what the registry may not do. */
  async make({ user: who, limits = {}, nice }: ProcessSpec): Promise<Conditions> {
    const user = who === undefined ? undefined : await lookUpUser(who, this.#path);
    const options = prlimitOptions(limits);
    const prefix: string[] = [];
    if (options.length > 0) prefix.push(await this.#tool('prlimit', 'limits'), ...options, '--');
    if (nice !== undefined) prefix.push(await this.#tool('nice', 'nice'), '-n', String(nice), '--');
    const isAnother = user !== undefined && !isSelf(user);
    // The rights that limits may need go with the user, so this comes last. spawn itself can't give a user its groups.
    const isByTool = isAnother && (prefix.length > 0 || hasMoreGroups(user));
    if (isByTool) prefix.push(await this.#tool('setpriv', 'user'), ...setprivOptions(user), '--');
    if (prefix.length > 0) await this.#try(prefix);
    return {
      prefix,
      ids: isAnother && !isByTool ? { uid: user.uid, gid: user.gid } : {},
      env: user === undefined ? {} : { HOME: user.home, USER: user.name },
    };
  }

  /** By its full path, since the program's own PATH may not lead there. */
  async #tool(name: string, option: string): Promise<string> {
    try {
      return await findProgram(name, '/', this.#path);
    } catch (error) {
      const from = name === 'nice' ? 'coreutils' : 'util-linux';
      const what = `\`${option}\` needs ${name}(1), which is not on this machine`;
      const advice =
        process.platform === 'linux'
          ? `Install the package ${from}, or leave \`${option}\` out`
          : `It is of Linux (package ${from}); leave \`${option}\` out on ${process.platform}`;
      throw new Error(`${what}. ${advice}`, { cause: error });
    }
  }

  /** What fails in it would look as if the program had ended: so it is tried with a program that does nothing. */
  async #try(prefix: readonly string[]): Promise<void> {
    const key = prefix.join('\u0000');
    if (this.#tried.has(key)) return;
    const nothing = await findProgram('true', '/', this.#path);
    const [file = '', ...args] = [...prefix, nothing];
    const problem = await new Promise<string>((resolve) => {
      const env = { PATH: this.#path, LC_ALL: 'C' };
      execFile(file, args, { cwd: '/', env, timeout: TIMEOUT_MS }, (error, _, stderr) =>
        // nice(1) goes on where it may not do as it was told.
        resolve(stderr.trim() || (error?.message ?? '')),
      );
    });
    if (problem !== '') {
      const text = problem.slice(0, TEXT_LENGTH).replaceAll('\n', ' ');
      const advice =
        'Only root may take another user, raise a hard limit or go below nice 0, and in a container not even root ' +
        'without the capability (SYS_RESOURCE, SYS_NICE, SETUID). Grant it, or change the spec';
      throw new Error(`its user, limits or niceness can't be set: ${text}. ${advice}`);
    }
    if (this.#tried.size >= MOST_TRIED) this.#tried.clear();
    this.#tried.add(key);
  }
}

function isSelf({ uid, gid }: User): boolean {
  return process.geteuid?.() === uid && process.getegid?.() === gid;
}

function hasMoreGroups({ gid, groups }: User): boolean {
  // Elsewhere no program can give them: then it has its first group alone, which the README says.
  return process.platform === 'linux' && groups.some((group) => group !== gid);
}

function setprivOptions({ uid, gid, groups }: User): string[] {
  return [`--reuid=${uid}`, `--regid=${gid}`, `--groups=${groups.join(',')}`];
}
