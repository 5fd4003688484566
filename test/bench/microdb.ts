import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import { type BenchReport, type BenchRow, median, ratioOf, showRow, skippedRow } from './bench-row.js';
import {
  BareMap,
  type Contender,
  type IndexedBy,
  LokiContender,
  loadSqlite,
  MicroDBContender,
  NedbContender,
  SqliteContender,
} from './contenders.js';
import { plotBars } from './plot.js';
import {
  A_NAME,
  type Instance,
  keyOf,
  nameOf,
  rackOf,
  recordLines,
  registeredAtOf,
  shuffledNumbers,
} from './records.js';

const RECORDS = 100_000;
const LOOKUPS = 200_000;
const BLOCK = 100;
const ROUNDS = 5;
const LOOK_MS = 300;
const MEMORY_TARGET_BYTES = 650;
const HALF_KEYED = new Set(['LokiJS', 'NeDB']);
const SQLITE_MISSING = 'needs better-sqlite3 built (npm rebuild better-sqlite3)';

interface Entrant {
  readonly label: string;
  readonly open: (indexedBy: IndexedBy) => Contender | Promise<Contender>;
  /** The part of the records that its rate of inserts is taken over: the slow ones alone would take minutes. */
  readonly share: number;
  /** What is measured of it beside insert, find, get and memory. */
  readonly also: readonly ('range' | 'tagged')[];
}

/** What a contender did in each round: calls, or records inserted, a second. */
type Rates = Map<string, number[]>;

type Lines = readonly string[];
const parse = (lines: Lines): Instance[] => lines.map((line) => JSON.parse(line));

/** MicroDB against databases that are embedded alike, and a Map with one index by hand. Needs `--expose-gc`. */
export async function benchMicroDB(): Promise<BenchReport> {
  const text = recordLines(RECORDS);
  const sqlite = await loadSqlite();
  const entrants: Entrant[] = [
    { label: 'MicroDB', open: (by) => new MicroDBContender(by), share: 1, also: ['range', 'tagged'] },
    { label: 'bare Map', open: () => new BareMap(), share: 1, also: [] },
    { label: 'LokiJS', open: (by) => new LokiContender(by), share: 1, also: ['range'] },
    { label: 'NeDB', open: (by) => NedbContender.open(by), share: 0.2, also: ['range', 'tagged'] },
  ];
  if (sqlite !== undefined) {
    const open = (by: IndexedBy) => new SqliteContender(sqlite, by);
    entrants.push({ label: 'better-sqlite3', open, share: 0.5, also: ['range', 'tagged'] });
  }
  const bytes = new Map<string, number>();
  for (const entrant of entrants) bytes.set(entrant.label, await bytesPerRecord(text, entrant, 'name'));
  const twoIndexes = await bytesPerRecord(text, entrants[0] as Entrant, 'name and id');

  const insert = await insertRates(text, entrants);
  const insertFrozen = await frozenRates(text);
  const numbers = shuffledNumbers(LOOKUPS, RECORDS / A_NAME);
  const names = Array.from(numbers, nameOf);
  const places = shuffledNumbers(LOOKUPS, RECORDS);
  const keys = Array.from(places, (at) => keyOf(at, RECORDS));
  const filled = await fill(text, entrants, 'name');
  const find = await lookupRates(filled, names, A_NAME, (contender, some) => contender.find(some));
  const get = await lookupRates(filled, keys, 1, (contender, some) => contender.get(some));
  filled.clear();
  const tags = Array.from(numbers, rackOf);
  const tagged = await ratesWith(text, 'tagged', 'name and tags', entrants, tags, (contender, some) =>
    contender.tagged?.(some),
  );
  const froms = Array.from(places, (at) => registeredAtOf(Math.min(at, RECORDS - A_NAME)));
  const range = await ratesWith(text, 'range', 'name and registeredAt', entrants, froms, (contender, some) =>
    contender.range?.(some, A_NAME),
  );

  const row = (what: string, rates: Rates | undefined, to: string, target = 0): BenchRow => {
    const name = `MicroDB ${what}`;
    if (to === 'better-sqlite3' && sqlite === undefined) return skippedRow(name, `${to}'s`, SQLITE_MISSING);
    if (rates === undefined) return skippedRow(name, `${to}'s`, 'needs such an index in MicroDB');
    const [ours = [], theirs = []] = [rates.get('MicroDB'), rates.get(to)];
    const half = rates === get && HALF_KEYED.has(to) ? ", by the key's second half" : '';
    const note = `${showRate(median(ours))} to ${showRate(median(theirs))}${half}`;
    return { name, ratio: ratioOf(ours, theirs), against: `${to}'s`, target, better: 'higher', note };
  };
  const memoryRow = (to: string, target = 0): BenchRow => {
    const [ours = 0, theirs = 0] = [bytes.get('MicroDB'), bytes.get(to)];
    const name = 'MicroDB memory a record';
    if (to === 'better-sqlite3' && sqlite === undefined) return skippedRow(name, `${to}'s`, SQLITE_MISSING);
    const note = `${Math.round(ours)} B to ${Math.round(theirs)} B`;
    return { name, ratio: ours / theirs, against: `${to}'s`, target, better: 'lower', note };
  };
  const found = `${A_NAME} records of ${RECORDS / 1000},000`;
  const rows = [
    row('insert', insert, 'bare Map', 0.5),
    row('insert, records frozen before', insertFrozen, 'bare Map', 0.5),
    row('insert', insert, 'NeDB', 6),
    row('insert', insert, 'LokiJS'),
    row('insert', insert, 'better-sqlite3'),
    row(`find({ name }), ${found}`, find, 'bare Map', 0.5),
    row(`find({ name }), ${found}`, find, 'LokiJS', 10),
    row(`find({ name }), ${found}`, find, 'NeDB'),
    row(`find({ name }), ${found}`, find, 'better-sqlite3'),
    ...['bare Map', 'LokiJS', 'NeDB', 'better-sqlite3'].map((to) => row('get by key', get, to)),
    ...['NeDB', 'better-sqlite3'].map((to) => row(`find({ tags: one }), ${found}`, tagged, to)),
    ...['LokiJS', 'NeDB', 'better-sqlite3'].map((to) => row(`find a range, ${found}`, range, to)),
    memoryRow('bare Map', 1.2),
    ...['LokiJS', 'NeDB', 'better-sqlite3'].map((to) => memoryRow(to)),
    {
      name: 'MicroDB memory a record, two indexes',
      ratio: twoIndexes / MEMORY_TARGET_BYTES,
      against: `${MEMORY_TARGET_BYTES} B`,
      target: 1,
      better: 'lower',
      note: `${Math.round(twoIndexes)} B`,
    } as const,
  ];
  const bars = (rates: Rates | undefined) =>
    entrants.flatMap(({ label }) => {
      const values = rates?.get(label);
      return values === undefined ? [] : [{ label, value: median(values) }];
    });
  const panels = [
    { title: 'insert, records a second', bars: bars(insert) },
    { title: `find({ name }) answering ${A_NAME}, calls a second`, bars: bars(find) },
    { title: 'get by key, calls a second', bars: bars(get) },
    { title: `find by list member, answering ${A_NAME}, calls a second`, bars: bars(tagged) },
    { title: `find a range, answering ${A_NAME}, calls a second`, bars: bars(range) },
    { title: 'memory, bytes a record', bars: [...bytes].map(([label, value]) => ({ label, value })) },
  ].filter((panel) => panel.bars.length > 0);
  const title = `MicroDB and its peers: ${RECORDS / 1000},000 records of 20 fields, one index`;
  return { rows, plots: { 'microdb.svg': plotBars(title, panels, 'MicroDB') } };
}

/** Records a second of those that were frozen before, as a caller that makes them itself hands them over: no copy is made. */
async function frozenRates(text: Lines): Promise<Rates> {
  const rates: Rates = new Map();
  const freezing = new MicroDBContender();
  freezing.insert(parse(text));
  const records = [...freezing.collection];
  for (let round = 0; round <= ROUNDS; round++) {
    const { collection } = new MicroDBContender();
    const bare = new BareMap();
    const fills: Record<string, () => void> = {
      MicroDB: () => {
        for (const record of records) collection.insert(record, { frozen: true });
      },
      'bare Map': () => {
        for (const record of records) bare.put(record);
      },
    };
    for (const [label, run] of Object.entries(fills)) {
      const taken = await seconds(run);
      if (round > 0) rates.set(label, [...(rates.get(label) ?? []), records.length / taken]);
    }
  }
  return rates;
}

/** Seconds that one call takes. */
async function seconds(run: () => unknown): Promise<number> {
  globalThis.gc?.();
  const start = performance.now();
  await run();
  return (performance.now() - start) / 1000;
}

/** Into an empty database each, in turn. NeDB's rate falls as it grows, so few records favour it. */
async function insertRates(text: Lines, entrants: readonly Entrant[]): Promise<Rates> {
  const rates: Rates = new Map(entrants.map(({ label }) => [label, []]));
  // The first round warms up and is not counted.
  for (let round = 0; round <= ROUNDS; round++) {
    for (const { label, open, share } of entrants) {
      const records = parse(text.slice(0, RECORDS * share));
      const contender = await open('name');
      const taken = await seconds(() => contender.insert(records));
      if (round > 0) rates.get(label)?.push(records.length / taken);
    }
  }
  return rates;
}

async function fill(
  text: Lines,
  entrants: readonly Entrant[],
  by: IndexedBy,
): Promise<Map<Entrant, Contender>> {
  const filled = new Map<Entrant, Contender>();
  for (const entrant of entrants) {
    const contender = await entrant.open(by);
    await contender.insert(parse(text));
    filled.set(entrant, contender);
  }
  return filled;
}

/** Calls a second, in turn; throws where an answer is not as long as it has to be. */
async function lookupRates<T>(
  filled: ReadonlyMap<Entrant, Contender>,
  all: readonly T[],
  answer: number,
  look: (contender: Contender, some: readonly T[]) => unknown,
): Promise<Rates> {
  const rates: Rates = new Map([...filled.keys()].map(({ label }) => [label, []]));
  const blocks = Array.from({ length: all.length / BLOCK }, (_, at) =>
    all.slice(at * BLOCK, (at + 1) * BLOCK),
  );
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [{ label }, contender] of filled) {
      globalThis.gc?.();
      const start = performance.now();
      let calls = 0;
      let taken = 0;
      // As many as go into the time: some take a thousand times as long as others.
      for (let at = round; taken < LOOK_MS; at = (at + 1) % blocks.length) {
        const found = await look(contender, blocks[at] ?? []);
        if (found !== BLOCK * answer) throw new Error(`${label} found ${found}, not ${BLOCK * answer}`);
        calls += BLOCK;
        taken = performance.now() - start;
      }
      if (round > 0) rates.get(label)?.push((calls * 1000) / taken);
    }
  }
  return rates;
}

/** Undefined where MicroDB has no such index, and would look at each record. */
async function ratesWith<T>(
  text: Lines,
  what: 'range' | 'tagged',
  by: IndexedBy,
  entrants: readonly Entrant[],
  all: readonly T[],
  look: (contender: Contender, some: readonly T[]) => unknown,
): Promise<Rates | undefined> {
  if (!MicroDBContender.canIndex(by)) return undefined;
  const able = entrants.filter(({ also }) => also.includes(what));
  return lookupRates(await fill(text, able, by), all, A_NAME, look);
}

/** Bytes for each record of a database filled one by one; of MicroDB the change feed's ring included. */
async function bytesPerRecord(text: Lines, { open }: Entrant, by: IndexedBy): Promise<number> {
  const used = () => {
    globalThis.gc?.();
    globalThis.gc?.();
    return process.memoryUsage().heapUsed;
  };
  if (globalThis.gc === undefined) throw new Error('Memory needs node --expose-gc; npm run bench gives it.');
  const before = used();
  const contender = await open(by);
  // A thousand at a time, so that those not yet stored do not count.
  for (let at = 0; at < RECORDS; at += 1_000) await contender.insert(parse(text.slice(at, at + 1_000)));
  const bytes = contender.bytes?.() ?? used() - before;
  // Asked for something after the measurement, so that it lives until then.
  const found = await contender.find([nameOf(0)]);
  if (found !== A_NAME) throw new Error(`${found} records were found after filling, not ${A_NAME}`);
  return bytes / RECORDS;
}

function showRate(perSecond: number): string {
  return perSecond >= 10_000 ? `${Math.round(perSecond / 1000)}k/s` : `${Math.round(perSecond)}/s`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const row of (await benchMicroDB()).rows) console.log(showRow(row));
}
