import { constants } from 'node:fs';
import { access, open, stat } from 'node:fs/promises';
import { resolve } from 'node:path';

/** What execvp(3) takes where there is no PATH. */
const DEFAULT_PATH = '/usr/bin:/bin';
/** The longest first line of a script that Linux reads. */
const FIRST_LINE_BYTES = 256;

/**
 * The file that execvp(3) would run for a program's name. Rejects as spawn does, with the code ENOENT or EACCES, also where
 * the interpreter that the first line of a script names is missing.
 */
export async function findProgram(program: string, cwd: string, path = DEFAULT_PATH): Promise<string> {
  const places = program.includes('/') ? [''] : path.split(':');
  let failure = 'ENOENT';
  for (const place of places) {
    const file = resolve(cwd, place, program);
    const code = await whyNot(file);
    if (code === undefined) return file;
    if (code === 'EACCES') failure = code;
  }
  throw Object.assign(new Error(`${program}: ${failure}`), { code: failure });
}

/** The code of what stands against running that file, if anything does. */
async function whyNot(file: string): Promise<string | undefined> {
  try {
    const found = await stat(file);
    if (!found.isFile()) return 'EACCES';
    await access(file, constants.X_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EACCES' ? code : 'ENOENT';
  }
  const interpreter = await interpreterOf(file);
  if (interpreter === undefined) return undefined;
  return access(interpreter).then(
    () => undefined,
    () => 'ENOENT',
  );
}

async function interpreterOf(script: string): Promise<string | undefined> {
  // A program may be executable and not readable.
  const file = await open(script).catch(() => undefined);
  try {
    const { buffer, bytesRead } = (await file?.read(Buffer.alloc(FIRST_LINE_BYTES))) ?? { bytesRead: 0 };
    return /^#![ \t]*([^\s\u0000]+)/.exec(buffer?.toString('latin1', 0, bytesRead) ?? '')?.[1];
  } finally {
    await file?.close();
  }
}
