import { crc32 } from 'node:zlib';
import { RegistryError } from '../../../core/index.js';
import type { DiskFile } from './disk.js';

/**
 * How records lie in a file: length of the payload (u32), CRC-32 of all that follows (u32), sequence (u64), payload
 * (JSON in UTF-8), numbers little-endian. The sequence rises by one from record to record, also from file to file. Where a file ends is told
 * by checksum and sequence, never by its size, so that room may be zeroed ahead.
 */
export const FRAME_BYTES = 16;
/** A longer payload is neither written nor read. */
export const LARGEST_PAYLOAD = 2 ** 26;

const CHUNK_BYTES = 2 ** 22;
const KEPT_BYTES = 2 ** 20;
const HIGH = 2 ** 32;

/** Makes records of payloads, in a buffer that is used again, so that a batch leaves nothing to the garbage collector. */
export class RecordEncoder {
  #buffer = Buffer.alloc(0);

  /** A payload as a record, good until the next call. Throws LIMIT_REACHED where it is too long to be read again. */
  encode(payload: string, sequence: number): Buffer {
    const length = Buffer.byteLength(payload);
    if (length > LARGEST_PAYLOAD) {
      throw new RegistryError(
        'LIMIT_REACHED',
        `A record of ${length} bytes is too long to be written; the limit is ${LARGEST_PAYLOAD}.`,
      );
    }
    const record = this.#room(FRAME_BYTES + length);
    record.writeUInt32LE(length, 0);
    record.writeUInt32LE(sequence % HIGH, 8);
    record.writeUInt32LE(Math.floor(sequence / HIGH), 12);
    record.write(payload, FRAME_BYTES);
    record.writeUInt32LE(crc32(record.subarray(8)), 4);
    return record;
  }

  #room(length: number): Buffer {
    // One that is very long is not kept for the many that are not.
    if (length > KEPT_BYTES) return Buffer.allocUnsafe(length);
    if (length > this.#buffer.length) this.#buffer = Buffer.allocUnsafe(Math.min(KEPT_BYTES, length * 2));
    return this.#buffer.subarray(0, length);
  }
}

/** Whether a whole record of that sequence, unharmed, lies at `at`: its length with frame, or 0. */
function recordLength(bytes: Buffer, at: number, sequence: number): number {
  if (bytes.length - at < FRAME_BYTES || sequenceAt(bytes, at) !== sequence) return 0;
  const length = FRAME_BYTES + bytes.readUInt32LE(at);
  if (length > bytes.length - at) return 0;
  return crc32(bytes.subarray(at + 8, at + length)) === bytes.readUInt32LE(at + 4) ? length : 0;
}

function sequenceAt(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at + 8) + bytes.readUInt32LE(at + 12) * HIGH;
}

/** The payload of the record at `at` and its length with frame; undefined where there is no whole one of that sequence. */
export async function readRecord(
  file: DiskFile,
  at: number,
  sequence?: number,
): Promise<{ payload: string; length: number; sequence: number } | undefined> {
  const frame = Buffer.alloc(FRAME_BYTES);
  if ((await file.read(frame, at)) < FRAME_BYTES) return undefined;
  const payloadLength = frame.readUInt32LE(0);
  if (payloadLength > LARGEST_PAYLOAD) return undefined;
  const record = Buffer.allocUnsafe(FRAME_BYTES + payloadLength);
  if ((await file.read(record, at)) < record.length) return undefined;
  const found = sequence ?? sequenceAt(record, 0);
  const length = recordLength(record, 0, found);
  if (length === 0) return undefined;
  return { payload: record.toString('utf8', FRAME_BYTES), length, sequence: found };
}

/**
 * Reads records one after the other from `from` up to `limit`, until one is missing or harmed. Answers where it stopped
 * and the sequence that the next one would have.
 */
export async function scanRecords(
  file: DiskFile,
  span: { readonly from: number; readonly limit: number; readonly sequence: number },
  onRecord: (payload: string, at: number) => void,
): Promise<{ end: number; sequence: number }> {
  let { from: end, sequence } = span;
  let wanted = CHUNK_BYTES;
  while (end < span.limit) {
    const chunk = Buffer.allocUnsafe(Math.min(wanted, span.limit - end));
    const bytes = chunk.subarray(0, await file.read(chunk, end));
    let at = 0;
    for (let length = recordLength(bytes, at, sequence); length > 0; ) {
      onRecord(bytes.toString('utf8', at + FRAME_BYTES, at + length), end + at);
      at += length;
      sequence += 1;
      length = recordLength(bytes, at, sequence);
    }
    end += at;
    // What is left over may be the beginning of a record; one that is longer than a chunk is read in one piece.
    const left = bytes.length - at;
    const next = left >= FRAME_BYTES ? FRAME_BYTES + bytes.readUInt32LE(at) : FRAME_BYTES;
    const isPartial = next > left && next <= FRAME_BYTES + LARGEST_PAYLOAD && end + next <= span.limit;
    if (!isPartial) break;
    wanted = Math.max(CHUNK_BYTES, next);
  }
  return { end, sequence };
}

/** What lies behind the last good record of a file. */
export interface Tail {
  /** Whether there is anything but zeros. */
  readonly isEmpty: boolean;
  /** Where the last byte that is no zero ends. */
  readonly end: number;
  /** Where a later record lies unharmed that proves what is missing before it to be damage, and not the end. */
  readonly laterRecord: number | undefined;
}

/**
 * Looks through what follows the last good record. `sequence` is what the next one would have had, a later one has at
 * most `most`, which is what fits in between unless it is given; `isProof` says of a later one whether what is missing
 * had been on disk when it was written.
 */
export async function inspectTail(
  file: DiskFile,
  span: { readonly from: number; readonly limit: number; readonly sequence: number; readonly most?: number },
  isProof: (payload: string, at: number) => boolean,
): Promise<Tail> {
  const last = span.most ?? span.sequence + Math.ceil((span.limit - span.from) / FRAME_BYTES);
  let isEmpty = true;
  let end = span.from;
  for (let begin = span.from; begin < span.limit; begin += CHUNK_BYTES) {
    // Chunks overlap by a frame, so that each one can be read whole wherever it begins.
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES + FRAME_BYTES, span.limit - begin));
    const bytes = chunk.subarray(0, await file.read(chunk, begin));
    if (bytes.equals(Buffer.alloc(bytes.length))) continue;
    isEmpty = false;
    end = begin + bytes.findLastIndex((byte) => byte !== 0) + 1;
    for (let at = 0; at + FRAME_BYTES <= bytes.length; at += 1) {
      const sequence = sequenceAt(bytes, at);
      if (sequence <= span.sequence || sequence > last) continue;
      const later = await readRecord(file, begin + at, sequence);
      if (later !== undefined && isProof(later.payload, begin + at)) {
        return { isEmpty: false, end, laterRecord: begin + at };
      }
    }
  }
  return { isEmpty, end, laterRecord: undefined };
}
