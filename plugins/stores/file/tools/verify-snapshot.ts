import type { Clock } from '../../../../core/index.js';
import { fileName } from '../layout.js';
import { readHead } from './file-head.js';
import { type Finding, MEANS } from './findings.js';
import type { HeldFolder } from './hold-folder.js';
import { parseSnapshotRecord } from './record-shapes.js';
import { walkRecords } from './walk-records.js';

/** What a file was found to hold. */
export interface FileReport {
  readonly name: string;
  readonly format: number | undefined;
  readonly bytes: number;
  readonly records: number;
  /** Zeros behind the last record: room that was made ahead. */
  readonly zeroed: number;
}

/** Reads a snapshot from end to end and tells all that is wrong with it. */
export async function verifySnapshot(
  held: HeldFolder,
  number: number,
  clock: Clock,
  tell: (finding: Finding) => void,
): Promise<FileReport> {
  const name = fileName('snapshot', number);
  const file = held.file(name);
  const { format, from } = await readHead(file, 'snapshot', name, tell);
  const wrong = (at: number, what: string, meaning: string = MEANS.refused) =>
    tell({ file: name, at, what, meaning });

  let records = 0;
  let entries = 0;
  let counted: number | undefined;
  let isWhole = true;
  const check = (payload: string, at: number) => {
    const isFirst = at === from;
    records += 1;
    if (counted !== undefined) wrong(at, 'a record follows the end record');
    const { record, wrong: reason } = parseSnapshotRecord(payload);
    if (reason !== undefined) {
      isWhole = false;
      wrong(at, `the record does not say what it should: ${reason}`);
    } else if ('snapshot' in record) {
      if (!isFirst) wrong(at, 'a second beginning');
      else if (record.snapshot !== number) wrong(at, `it says that it is snapshot ${record.snapshot}`);
    } else {
      if (isFirst) wrong(at, 'the first record does not begin a snapshot');
      if ('end' in record) counted = record.end;
      else entries += record.entries.length;
    }
  };
  const { end, limit, tail } = await walkRecords(file, { from, sequence: 0, isLive: false }, clock, {
    record: check,
    gap({ from: at, to, records: lost }) {
      isWhole = false;
      wrong(at, `${plural(lost, 'record')} up to byte ${to} can't be read`, MEANS.lost);
    },
  });
  if (end < limit) {
    isWhole = false;
    const isCut = counted === undefined;
    const what = isCut ? "can't be read, nor anything up to its end" : 'follows the end record';
    wrong(end, `what lies here ${what} at byte ${limit}`, isCut ? MEANS.lost : MEANS.refused);
  } else if (counted === undefined) {
    isWhole = false;
    wrong(end, 'the end record is missing: the file was cut off', MEANS.lost);
  }
  if (isWhole && counted !== entries) {
    wrong(end, `it holds ${plural(entries, 'entry', 'entries')}, and its end counts ${counted}`, MEANS.count);
  }
  return { name, format, bytes: limit, records, zeroed: tail === 'zeros' ? limit - end : 0 };
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
