import type { Clock } from '../../../../core/index.js';
import type { DiskFile } from '../disk.js';
import type { JournalRecord, StateRecord } from '../format.js';
import { inspectTail, readRecord } from '../frame.js';
import { fileName } from '../layout.js';
import { type FileHead, readHead } from './file-head.js';
import { type Finding, findingOf, MEANS } from './findings.js';
import type { HeldFolder } from './hold-folder.js';
import { parseJournalRecord } from './record-shapes.js';
import { type FileReport, plural } from './verify-snapshot.js';
import { walkRecords } from './walk-records.js';

interface Journal extends FileHead {
  readonly number: number;
  readonly name: string;
  readonly file: DiskFile;
  readonly state: StateRecord | undefined;
}

/** Reads the journals of a folder, oldest first, and tells all that is wrong with them and between them. */
export async function verifyJournals(
  held: HeldFolder,
  clock: Clock,
  tell: (finding: Finding) => void,
): Promise<{ readonly reports: readonly FileReport[]; readonly unused: readonly string[] }> {
  const journals: Journal[] = [];
  for (const number of held.layout.journals) {
    const name = fileName('journal', number);
    const file = held.file(name);
    try {
      const head = await readHead(file, 'journal', name, tell);
      journals.push({ ...head, number, name, file, state: beginning(head) });
    } catch (error) {
      tell(findingOf(name, error));
    }
  }
  // A journal that was to replace a broken one, and whose snapshot did not come to be: the broken one counts.
  const unused: string[] = [];
  for (let last = journals.at(-1); last?.state?.needsSnapshot; last = journals.at(-1)) {
    if (last.number === held.layout.snapshot) break;
    journals.pop();
    unused.push(last.name);
    const before = journals.at(-1);
    if (before !== undefined && last.state.after?.journal !== before.number) {
      tell({ file: last.name, at: last.from, what: notAfter(before.number), meaning: MEANS.refused });
    }
  }
  const chain = new Chain(held, clock, tell);
  const reports: FileReport[] = [];
  for (const [index, journal] of journals.entries()) {
    const next = journals[index + 1];
    try {
      reports.push(await chain.follow(journal, next?.number === journal.number + 1 ? next : undefined));
    } catch (error) {
      tell(findingOf(journal.name, error));
      chain.lose();
    }
  }
  return { reports, unused };
}

function notAfter(number: number): string {
  return `it does not say that it follows ${fileName('journal', number)}`;
}

function beginning({ first }: FileHead): StateRecord | undefined {
  const record = first && parseJournalRecord(first.payload).record;
  return record !== undefined && 'state' in record && record.state === 'begin' ? record : undefined;
}

/** What each record must fit to, from one to the next and from file to file; undefined where damage has hidden it. */
class Chain {
  readonly #held: HeldFolder;
  readonly #clock: Clock;
  readonly #tell: (finding: Finding) => void;
  #last: number | undefined;
  #sequence: number | undefined;
  /** How many commits of the record before wait for their revisions. */
  #undecided: number | undefined;
  #revision = 0;

  constructor(held: HeldFolder, clock: Clock, tell: (finding: Finding) => void) {
    this.#held = held;
    this.#clock = clock;
    this.#tell = tell;
    // Only the catalogue's very first record has nothing before it.
    if (held.layout.snapshot !== undefined || held.layout.journals[0] !== 1) return;
    this.#sequence = 0;
    this.#undecided = 0;
  }

  /** What comes next can't be held against what came before. */
  lose(): void {
    this.#last = undefined;
    this.#sequence = undefined;
    this.#undecided = undefined;
  }

  async follow(journal: Journal, next: Journal | undefined): Promise<FileReport> {
    const { name, file, number, format, from, first, state } = journal;
    if (this.#last !== undefined && this.#last !== number - 1) this.lose();
    this.#checkBeginning(journal);
    const size = await file.size();
    const sequence = first?.sequence ?? this.#sequence;
    this.#last = number;
    let records = 0;
    const report = (end: number, isZeroed: boolean): FileReport => {
      return { name, format, bytes: size, records, zeroed: isZeroed ? Math.max(size - end, 0) : 0 };
    };
    const start = sequence === undefined ? await this.#search(file, from, size) : { from, sequence };
    if (start === undefined) {
      this.#wrong(name, from, 'it holds no whole record');
      this.lose();
      return report(from, false);
    }
    if (start.from > from) {
      this.#wrong(name, from, `what lies here up to byte ${start.from} can't be read`, MEANS.lost);
    }

    const stop = next?.state?.after?.journal === number ? next.state.after.end : undefined;
    const isLive = this.#held.isLive && next === undefined;
    const span = { ...start, isLive, ...(stop !== undefined && { limit: stop }) };
    const { end, limit, tail, ...ending } = await walkRecords(file, span, this.#clock, {
      record: (payload, at) => {
        records += 1;
        this.#checkRecord(name, payload, at, at === from && state !== undefined);
      },
      gap: ({ from: at, to, records: lost }) => {
        this.#undecided = undefined;
        this.#wrong(name, at, `${plural(lost, 'record')} up to byte ${to} can't be read`, MEANS.lost);
      },
    });
    this.#sequence = ending.sequence;
    if (records === 0) this.#wrong(name, from, 'it holds no whole record');
    if (stop === undefined) {
      // A journal that another one should follow, and does not say where this one ends, is told of there.
      if (tail === 'torn' && records > 0) {
        const what = 'the record there is not whole, and nothing behind it shows that it ever was';
        this.#wrong(name, end, what, MEANS.torn);
      }
      return report(end, tail === 'zeros');
    }
    if (end !== stop) {
      const what = `what lies here can't be read, and ${next?.name} says that records go on up to byte ${stop}`;
      this.#wrong(name, end, what, MEANS.lost);
      this.#undecided = undefined;
      this.#sequence = undefined;
    }
    const rest = await inspectTail(
      file,
      { from: limit, limit: size, sequence: Number.MAX_SAFE_INTEGER },
      () => false,
    );
    if (!rest.isEmpty) {
      const what = `${plural(size - limit, 'byte')} lie behind its end, as ${next?.name} gives it, and are not all zero`;
      this.#wrong(name, limit, what, MEANS.stray);
    }
    return report(limit, rest.isEmpty);
  }

  #checkBeginning({ name, number, from, first, state }: Journal): void {
    if (first === undefined) return;
    if (state === undefined) this.#wrong(name, from, 'its first record does not begin a journal');
    if (this.#sequence !== undefined && first.sequence !== this.#sequence) {
      const what = `its records begin with number ${first.sequence}, where ${this.#sequence} was to come`;
      this.#wrong(name, from, what);
      this.#undecided = undefined;
    }
    if (this.#last === undefined || state === undefined || state.after?.journal === this.#last) return;
    this.#wrong(name, from, notAfter(number - 1));
  }

  #checkRecord(name: string, payload: string, at: number, isBeginning: boolean): void {
    const { record, wrong: reason } = parseJournalRecord(payload);
    if (reason !== undefined) {
      this.#wrong(name, at, `the record does not say what it should: ${reason}`);
      this.#undecided = undefined;
      return;
    }
    if ('state' in record && record.state === 'begin' && !isBeginning)
      this.#wrong(name, at, 'a second beginning');
    this.#checkRevisions(name, record, at);
    this.#undecided = 'state' in record ? 0 : (record.commits?.length ?? 0);
  }

  /** The revisions of one record's commits stand in the next, one for each, and rise. */
  #checkRevisions(name: string, record: JournalRecord, at: number): void {
    const { given = [] } = record;
    let count = 0;
    for (let index = 0; index + 1 < given.length; index += 2) {
      const first = given[index] ?? 0;
      if (first <= this.#revision) {
        this.#wrong(name, at, `revision ${first} follows ${this.#revision}: revisions must rise`);
      }
      count += given[index + 1] ?? 0;
      this.#revision = Math.max(this.#revision, first + (given[index + 1] ?? 0) - 1);
    }
    if (this.#undecided === undefined || this.#undecided === 0 || this.#undecided === count) return;
    const what = `it gives revisions to ${plural(count, 'commit')}, and the record before it has ${this.#undecided}`;
    this.#wrong(name, at, what);
  }

  /** The first whole record of a journal, of which nothing says its sequence. */
  async #search(file: DiskFile, from: number, limit: number) {
    const most = Number.MAX_SAFE_INTEGER;
    const { laterRecord } = await inspectTail(file, { from, limit, sequence: 0, most }, () => true);
    const found = laterRecord === undefined ? undefined : await readRecord(file, laterRecord);
    return laterRecord === undefined || found === undefined
      ? undefined
      : { from: laterRecord, sequence: found.sequence };
  }

  #wrong(file: string, at: number, what: string, meaning: string = MEANS.refused): void {
    this.#tell({ file, at, what, meaning });
  }
}
