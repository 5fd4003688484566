import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { Clock } from '../../../core/index.js';

/** What is run, and where. */
export interface Script {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: { readonly [name: string]: string };
}

/** How a script ended: by itself, or not even begun. */
export interface ScriptEnd {
  /** Why it could not be started. */
  readonly failure?: NodeJS.ErrnoException;
  readonly code: number | null;
  readonly signal: string | null;
  /** It was killed because it had printed more than `MOST_PRINTED`. */
  readonly isFlood: boolean;
  /** The beginnings of what it printed. */
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

export interface RunningScript {
  readonly end: Promise<ScriptEnd>;
  /** Resolves, and never rejects, once the system has no such process any more: after SIGKILL, mostly at once. */
  readonly gone: Promise<void>;
  /** Kills the script with its group; `end` rejects with the reason. Does nothing once it has ended. */
  giveUp(reason: unknown): void;
}

/** Of each of stdout and stderr. What comes after is read, so that the script can go on, and dropped. */
const KEPT_BYTES = 4_096;
/** What a script prints beyond keeps the registry busy, and tells nobody anything. */
export const MOST_PRINTED = 1_048_576;
/** How long what a script has printed, or what still holds its output, is waited for once it has ended. */
const LINGER_MS = 250;

/**
 * Runs a program without a shell, in a session and process group of its own, with nothing to read. It ends when the
 * program does; what that leaves behind in its group is killed.
 */
export function runScript({ command, cwd, env }: Script, clock: Clock): RunningScript {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let printed = 0;
  let isFlood = false;
  const count = (bytes: number) => {
    printed += bytes;
    if (isFlood || printed <= MOST_PRINTED) return;
    isFlood = true;
    killGroup(child.pid);
  };
  const stdout = keepBeginning(child.stdout, count);
  const stderr = keepBeginning(child.stderr, count);
  const dropOutput = () => {
    child.stdout?.destroy();
    child.stderr?.destroy();
  };

  let giveUp: RunningScript['giveUp'] = () => {};
  let conclude: () => void = () => {};
  const gone = new Promise<void>((resolve) => {
    conclude = resolve;
  });
  const end = new Promise<ScriptEnd>((resolve, reject) => {
    let isOver = false;
    const finish = (failure?: NodeJS.ErrnoException) => {
      if (isOver) return;
      isOver = true;
      // Also when it has just ended: a number is given to no other process while a group has it for a name, and not
      // soon after.
      killGroup(child.pid);
      dropOutput();
      const { exitCode: code, signalCode: signal } = child;
      resolve({ code, signal, isFlood, stdout: stdout(), stderr: stderr(), ...(failure && { failure }) });
      conclude();
    };
    // Stays on: without a listener, an error that comes late would end the registry.
    child.on('error', (error) => {
      if (child.pid === undefined) finish(error);
    });
    child.once('exit', () => {
      // What has left the group may hold the output for ever.
      const timer = clock.setTimer(LINGER_MS, finish);
      child.once('close', () => {
        timer.cancel();
        finish();
      });
    });
    giveUp = (reason) => {
      if (isOver) return;
      reject(reason);
      killGroup(child.pid);
      dropOutput();
      // One that waits for a disk which does not answer can't be killed; it must not keep the registry from ending.
      child.unref();
    };
  });
  return { end, gone, giveUp: (reason) => giveUp(reason) };
}

/** Reads all, keeps the beginning, and says of each piece how long it was. A stream is missing where a start fails. */
function keepBeginning(
  stream: Readable | null | undefined,
  count: (bytes: number) => void,
): () => Uint8Array {
  const pieces: Uint8Array[] = [];
  let left = KEPT_BYTES;
  stream?.on('data', (piece: Buffer) => {
    if (left > 0) pieces.push(Uint8Array.prototype.slice.call(piece, 0, left));
    left -= Math.min(left, piece.length);
    count(piece.length);
  });
  stream?.on('error', () => {});
  return () => Buffer.concat(pieces);
}

/** The group has its first process's pid for a name. None left, or only such that run as another user, is no error. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}
