import { execFile } from 'node:child_process';

export interface ProgramResult {
  /** Its exit code, or the signal that ended it. */
  readonly code: number | string;
  readonly out: string;
  readonly err: string;
}

export interface ProgramOptions {
  readonly folder?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** Runs a program to its end, or kills it after 30 s; text in and out of it is UTF-8. */
export function runProgram(
  command: readonly string[],
  { folder = process.cwd(), env = {}, timeoutMs = 30_000 }: ProgramOptions = {},
): Promise<ProgramResult> {
  const [file = '', ...args] = command;
  return new Promise((resolve) => {
    execFile(
      file,
      args,
      {
        cwd: folder,
        env: { ...process.env, LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', no_proxy: '*', ...env },
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
        maxBuffer: 16 * 1024 * 1024,
      },
      (error, out, err) =>
        resolve({ code: error === null ? 0 : (error.code ?? error.signal ?? ''), out, err }),
    );
  });
}
