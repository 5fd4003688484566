import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { messageOf, RegistryError } from '../../../../core/index.js';
import { nodeDisk } from '../disk.js';

/** Writes pieces to a file that is there as a whole or not at all. Answers its size in bytes. */
export async function writeWhole(
  file: string,
  pieces: AsyncIterable<string>,
  options: { readonly isForced: boolean },
): Promise<number> {
  const draft = `${file}.${process.pid}.tmp`;
  await refuseExisting(file, options.isForced);
  const stream = createWriteStream(draft, { flags: 'wx', mode: 0o600, flush: true });
  try {
    await once(stream, 'open');
  } catch (error) {
    throw unwritable(file, error);
  }
  try {
    await pipeline(pieces, stream);
    await refuseExisting(file, options.isForced);
    await rename(draft, file);
    await nodeDisk.syncFolder(dirname(file));
    return stream.bytesWritten;
  } catch (error) {
    await rm(draft, { force: true });
    throw error instanceof RegistryError ? error : unwritable(file, error);
  }
}

async function refuseExisting(file: string, isForced: boolean): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined || (isForced && found.isFile())) return;
  throw new RegistryError(
    'INVALID_ARGUMENT',
    found.isFile()
      ? `${file} exists, and was left as it is. Name another file, or say --force to replace it.`
      : `${file} exists and is no plain file. Name another one.`,
  );
}

function unwritable(file: string, cause: unknown): RegistryError {
  const code = (cause as NodeJS.ErrnoException).code;
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  return new RegistryError(
    isFull ? 'STORE_FULL' : 'STORE_FAILED',
    `${file} can't be written: ${messageOf(cause)}. There is no export; nothing else has changed.`,
    { cause },
  );
}
