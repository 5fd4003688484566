import type { Clock } from '../../../../core/index.js';
import type { DiskFile } from '../disk.js';
import { readFirstLine } from '../format.js';
import { inspectTail, readRecord, scanRecords } from '../frame.js';
import { parseJournalRecord } from './record-shapes.js';

/** A registry that writes just now gets this long to finish a record, and so many looks are taken meanwhile. */
const LOOKS = 20;
const LOOK_MS = 25;
/** A file that grows this often under a reader is left to its writer. */
const ROUNDS = 200;

export interface Span {
  readonly from: number;
  /** The sequence of the first record. */
  readonly sequence: number;
  /** Where the records are known to end; the file's size unless given. */
  readonly limit?: number;
  /** Whether a registry may be adding to the file. */
  readonly isLive: boolean;
}

/** Bytes that are no record although a later one is whole. */
export interface Gap {
  readonly from: number;
  readonly to: number;
  /** How many records should lie there. */
  readonly records: number;
}

/** How a walk ended. */
export interface WalkEnd {
  /** Where the last whole record ends. */
  readonly end: number;
  /** The sequence that the next one would have. */
  readonly sequence: number;
  readonly limit: number;
  /**
   * What lies behind the end: nothing but zeros; something else, where nothing shows that it ever was more; or a registry
   * adds so fast that none can tell.
   */
  readonly tail: 'zeros' | 'torn' | 'moving';
}

/**
 * Reads the records of a file, and goes on behind damage at the next whole one. Beside a running registry, what is not
 * whole is looked at again before it is called damage.
 */
export async function walkRecords(
  file: DiskFile,
  span: Span,
  clock: Clock,
  on: { record(payload: string, at: number): void; gap(gap: Gap): void },
): Promise<WalkEnd> {
  let { from, sequence } = span;
  let looks = 0;
  for (let rounds = 0; ; rounds += 1) {
    const size = await file.size();
    const limit = Math.min(size, span.limit ?? size);
    const scan = await scanRecords(file, { from, limit, sequence }, on.record);
    if (scan.end > from) looks = 0;
    from = scan.end;
    sequence = scan.sequence;
    const rest = { from, limit, sequence };
    const { isEmpty, laterRecord } = await inspectTail(file, rest, () => true);
    if (isEmpty) return { end: from, sequence, limit, tail: 'zeros' };
    if (span.isLive && rounds >= ROUNDS) return { end: from, sequence, limit, tail: 'moving' };
    // It may have been written since: records are written one after the other, so it was whole before a later one.
    if (span.isLive && (await readRecord(file, from, sequence)) !== undefined) continue;
    const { laterRecord: proof } = await inspectTail(file, rest, (payload) => wasOnDisk(sequence, payload));
    if (laterRecord === undefined || proof === undefined) {
      if (!span.isLive || looks === LOOKS) return { end: from, sequence, limit, tail: 'torn' };
      looks += 1;
      await new Promise<void>((resolve) => clock.setTimer(LOOK_MS, resolve));
      continue;
    }
    const later = await readRecord(file, laterRecord);
    const next = later?.sequence ?? sequence + 1;
    on.gap({ from, to: laterRecord, records: next - sequence });
    from = laterRecord;
    sequence = next;
  }
}

/** Whether the record of that sequence had been on disk when a later one was written: then it is damage if it is not whole. */
function wasOnDisk(sequence: number, payload: string): boolean {
  const { record } = parseJournalRecord(payload);
  return record?.synced === undefined || record.synced > sequence;
}

/**
 * Where the last whole record of a journal ends that a registry may be adding to; undefined where the journal is damaged
 * before that. What follows the end is then being written, or was never answered for.
 */
export async function settledEnd(file: DiskFile, name: string, clock: Clock): Promise<number | undefined> {
  const { length: from } = await readFirstLine(file, 'journal', name);
  const first = await readRecord(file, from);
  if (first === undefined) return undefined;
  let isDamaged = false;
  const span = { from, sequence: first.sequence, isLive: true };
  const { end } = await walkRecords(file, span, clock, {
    record() {},
    gap() {
      isDamaged = true;
    },
  });
  return isDamaged ? undefined : end;
}
