import { type ChildProcess, spawn } from 'node:child_process';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { type Exit, messageOf, RegistryError } from '../../../core/index.js';
import type { Conditions } from './conditions.js';
import { findProgram } from './program-file.js';

/** A program that was started, and its end. */
export interface Launched {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly exited: Promise<Exit>;
}

/** What is to be started, as far as messages name it. */
export interface LaunchName {
  readonly service: string;
  readonly command: readonly string[];
  readonly cwd: string;
}

/** What is started, and where. */
export interface Launch extends LaunchName {
  readonly env: { readonly [name: string]: string };
  readonly logFile: string;
  readonly conditions: Pick<Conditions, 'prefix' | 'ids'>;
}

/**
 * Starts a program in a session of its own, without a shell, its output appended to the log file by itself: so it
 * outlives the registry. Rejects with SPAWN_FAILED.
 */
export async function launch(what: Launch): Promise<Launched> {
  const log = await open(what.logFile, 'a', 0o640).catch((error) => {
    const advice = 'Set `logs` of the supervisor to a folder that the registry may write';
    throw startFailed(
      what,
      `its log file ${what.logFile} can't be opened: ${messageOf(error)}. ${advice}`,
      error,
    );
  });
  const program = what.command[0] ?? '';
  try {
    return await start(what, program, log).catch((error) => {
      // A registry that was started by a full path may have no `node` on its PATH.
      if (program === 'node' && error.code === 'ENOENT') return start(what, process.execPath, log);
      throw error;
    });
  } catch (error) {
    throw startFailed(what, await explain(what, error), error);
  } finally {
    await log.close();
  }
}

/** SPAWN_FAILED, saying what could not be started and why. */
export function startFailed(
  { service, command, cwd }: LaunchName,
  why: string,
  cause: unknown,
): RegistryError {
  const what = `Can't start ${JSON.stringify(command)} of service "${service}" in ${cwd}`;
  return new RegistryError('SPAWN_FAILED', `${what}: ${why}.`, { cause });
}

async function start(what: Launch, program: string, log: FileHandle): Promise<Launched> {
  const { command, cwd, env, conditions } = what;
  // What comes before it would be found, and only it knew that the program is not.
  if (conditions.prefix.length > 0) await findProgram(program, cwd, env.PATH);
  const [file = '', ...args] = [...conditions.prefix, program, ...command.slice(1)];
  return new Promise((resolve, reject) => {
    const stdio = ['ignore', log.fd, log.fd] as const;
    const child = spawn(file, args, { cwd, env, stdio: [...stdio], detached: true, ...conditions.ids });
    const exited = new Promise<Exit>((end) => {
      child.once('exit', (code, signal) => end({ code, signal }));
    });
    // Stays on: without a listener, an error that comes late would end the registry.
    child.on('error', reject);
    child.once('spawn', () => resolve({ child, pid: child.pid as number, exited }));
  });
}

/** The system gives one code for many causes: here is which one it was, and what to do. */
async function explain({ command, cwd, env, conditions }: Launch, error: unknown): Promise<string> {
  const { code } = error as NodeJS.ErrnoException;
  const program = command[0] ?? '';
  const isFolder = await stat(cwd).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) return `that folder does not exist, or is none. Make it, or set \`cwd\``;
  switch (code) {
    case 'ENOENT':
      return program.includes('/')
        ? `there is no file ${program}, or the interpreter that its first line names is missing (ENOENT)`
        : `no "${program}" is on the PATH ${env.PATH ?? '(none)'} (ENOENT). Install it, or give its full path`;
    case 'EACCES':
      return `"${program}" is not executable for this user (EACCES). Use chmod +x, or start it by its interpreter`;
    case 'EPERM':
      if (conditions.ids.uid === undefined) return messageOf(error);
      return `only root may start a program as another user, and the registry runs as user ${process.geteuid?.()} (EPERM). Start it as root, or leave \`user\` out`;
    case 'E2BIG':
      return 'command and environment are too long for this system (E2BIG). Shorten them';
    case 'EAGAIN':
    case 'EMFILE':
    case 'ENFILE':
    case 'ENOMEM':
      return `this machine, or its limit for this user, has no room for one more process (${code}). See ulimit -a`;
    default:
      return messageOf(error);
  }
}
