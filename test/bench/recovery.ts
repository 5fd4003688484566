import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BenchReport, type BenchRow, median, ratioOf } from './bench-row.js';
import { plotLines } from './plot.js';
import { bytesOf, type Recovered } from './recovery-child.js';

const SIZES = [10_000, 100_000, 1_000_000];
/** Also started from journals alone. */
const JOURNAL_SIZE = 100_000;
const ROUNDS = 5;
/** A million takes its time. */
const LONG_ROUNDS = 3;
const TARGET = 1.5;
const MB = 1e6;

type What = 'start' | 'journals' | 'parse';
type Measured = Record<What, Recovered[]>;

/** The start of a registry from its file store, against JSON.parse of the same records line by line. */
export async function benchRecovery(): Promise<BenchReport> {
  const measured = new Map<number, Measured>();
  const rows: BenchRow[] = [];
  for (const size of SIZES) {
    const folder = await mkdtemp(join(tmpdir(), 'rollcall-bench-'));
    try {
      const of = await measure(folder, size);
      measured.set(size, of);
      rows.push(...rowsOf(size, of, bytesOf(join(folder, 'data'), 'snapshot')));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  const line = (label: string, what: What, value: (one: Recovered) => number) => ({
    label,
    points: SIZES.map((size) => ({ x: size, y: median((measured.get(size)?.[what] ?? []).map(value)) })),
  });
  const panel = (title: string, yLabel: string, value: (one: Recovered) => number) => ({
    title,
    xLabel: 'records',
    yLabel,
    lines: [line('registry from snapshot', 'start', value), line('JSON.parse by line', 'parse', value)],
  });
  const plot = plotLines('Start of a registry, by number of records', [
    panel('time', 'seconds', ({ seconds }) => seconds),
    panel('memory (resident, after garbage collection)', 'MB', ({ rssBytes }) => rssBytes / MB),
  ]);
  return { rows, plots: { 'recovery.svg': plot } };
}

async function measure(folder: string, size: number): Promise<Measured> {
  const data = join(folder, 'data');
  const lines = join(folder, 'records.jsonl');
  const of: Measured = { start: [], journals: [], parse: [] };
  await run('fill', data, String(size));
  const rounds = size > 100_000 ? LONG_ROUNDS : ROUNDS;
  if (size === JOURNAL_SIZE) {
    for (let round = 0; round < rounds; round++) of.journals.push(await run('start', data));
  }
  await run('compact', data);
  await run('lines', data, lines);
  for (let round = 0; round < rounds; round++) {
    of.start.push(await run('start', data));
    of.parse.push(await run('parse', lines));
  }
  for (const { records } of [...of.start, ...of.journals, ...of.parse]) {
    if (records !== size) throw new Error(`${records} records were recovered, not ${size}`);
  }
  return of;
}

function rowsOf(size: number, { start, journals, parse }: Measured, bytes: number): BenchRow[] {
  const seconds = (all: readonly Recovered[]) => all.map((one) => one.seconds);
  const records = size.toLocaleString('en');
  const time = (name: string, all: readonly Recovered[], note: string): BenchRow => ({
    name: `start of a registry with ${records} records, ${name}`,
    ratio: ratioOf(seconds(all), seconds(parse)),
    against: 'JSON.parse by line of the same records',
    target: size === 1_000_000 ? TARGET : 0,
    better: 'lower',
    note: `${median(seconds(all)).toFixed(2)} s to ${median(seconds(parse)).toFixed(2)} s${note}`,
  });
  const memory = (all: readonly Recovered[], which: 'rssBytes' | 'heapBytes') =>
    median(all.map((one) => one[which]));
  const mb = (number: number) => `${Math.round(number / MB)} MB`;
  return [
    time('from a snapshot', start, `, ${mb(bytes)} of snapshot`),
    ...(journals.length > 0 ? [time('from journals', journals, '')] : []),
    {
      name: `the same, ${records} records, resident memory`,
      ratio: memory(start, 'rssBytes') / memory(parse, 'rssBytes'),
      against: 'the parsed values in an array',
      target: 0,
      better: 'lower',
      note:
        `${mb(memory(start, 'rssBytes'))} to ${mb(memory(parse, 'rssBytes'))}; ` +
        `heap ${mb(memory(start, 'heapBytes'))} to ${mb(memory(parse, 'heapBytes'))}`,
    },
  ];
}

/** One step in a process of its own. */
async function run(step: string, path: string, argument = ''): Promise<Recovered> {
  const file = fileURLToPath(new URL('./recovery-child.js', import.meta.url));
  const child = fork(file, [step, path, argument], {
    execArgv: ['--expose-gc', '--max-old-space-size=8192'],
  });
  const exited = once(child, 'exit');
  const [message] = await Promise.race([once(child, 'message'), exited]);
  await exited;
  if (typeof message !== 'object' || message === null) throw new Error(`the step "${step}" failed`);
  return message as Recovered;
}
