import { open, stat } from 'node:fs/promises';
import { shown } from '../../core/index.js';

/** Enough for a message of an error and where it comes from. */
const MOST_BYTES = 2_048;
const MOST_LINES = 3;
const MOST_CHARACTERS = 300;

/** How long a file is; 0 where there is none. */
export async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

/** The last lines of a file beyond `from`, in one: what a program printed before it died. '' where there are none to be read. */
export async function lastLines(path: string, from: number): Promise<string> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const length = Math.max(Math.min(size - from, MOST_BYTES), 0);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
      const lines = buffer.toString('utf8', 0, bytesRead).split('\n');
      const said = lines.map((line) => line.trim()).filter((line) => line !== '');
      return shown(said.slice(-MOST_LINES).join(' | '), MOST_CHARACTERS);
    } finally {
      await file.close();
    }
  } catch {
    // Spawners that can't write there, or a program that never began.
    return '';
  }
}
