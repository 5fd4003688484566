import { gunzip, inflate, inflateRaw } from 'node:zlib';
import type { Refusal } from './http-refuse.js';

/** How a body was packed: Content-Encoding (RFC 9110 §8.4). */
export type Coding = 'gzip' | 'deflate';

/** An unpacker takes some 100 KB while it works; what zlib's few threads cannot take up yet waits without one. */
const AT_ONCE = 16;

/** The coding of a Content-Encoding; undefined for none, null for one we can't read. */
export function codingOf(header: string | undefined): Coding | undefined | null {
  if (header === undefined) return undefined;
  const name = header.trim().toLowerCase();
  if (name === 'gzip' || name === 'x-gzip') return 'gzip';
  if (name === 'deflate') return 'deflate';
  return name === '' || name === 'identity' ? undefined : null;
}

/** Unpacks request bodies off the main thread, a few at a time, never beyond the size allowed. */
export class Unpacker {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  /** Calls `done` once, later: with the body, or with 400 for broken data, 413 for more than `maxBytes`. */
  unpack(coding: Coding, packed: Buffer, maxBytes: number, done: (result: Buffer | Refusal) => void): void {
    const run = () => {
      this.#running += 1;
      const unpack = coding === 'gzip' ? gunzip : hasZlibHead(packed) ? inflate : inflateRaw;
      unpack(packed, { maxOutputLength: maxBytes }, (error, body) => {
        this.#running -= 1;
        this.#waiting.shift()?.();
        done(error === null ? body : refusalOf(error, coding, maxBytes));
      });
    };
    if (this.#running < AT_ONCE) run();
    else this.#waiting.push(run);
  }
}

/** `deflate` means the zlib format (RFC 1950), yet some clients send the bare stream inside it. */
function hasZlibHead(packed: Buffer): boolean {
  return packed.length >= 2 && (packed.readUInt8(0) & 0x0f) === 8 && packed.readUInt16BE(0) % 31 === 0;
}

function refusalOf(error: NodeJS.ErrnoException, coding: Coding, maxBytes: number): Refusal {
  if (error.code === 'ERR_BUFFER_TOO_LARGE') {
    const text = `The body unpacks to more than the ${maxBytes} bytes that are taken here.`;
    return { status: 413, code: 'REQUEST_TOO_LARGE', text };
  }
  return { status: 400, text: `The body is not ${coding}, as its Content-Encoding says: ${error.message}.` };
}
