import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import Nedb from '@seald-io/nedb';
import Loki from 'lokijs';
import { type Collection, MicroDB } from '../../core/microdb/index.js';
import { type BenchRow, median, showRow } from './bench-row.js';

const RECORDS = 100_000;
const NAMES = 5_000;
const LOOKUPS = 200_000;
const ROUNDS = 5;
const MEMORY_TARGET_BYTES = 650;

/** A record with the fields that a registry of services keeps of one instance. */
interface Instance {
  readonly id: number;
  readonly name: string;
  readonly instance: string;
  readonly [field: string]: unknown;
}

/** The records as text, so that each contender parses strings of its own, as from a network or a file. */
function lines(): string[] {
  return Array.from({ length: RECORDS }, (_, at) => {
    const host = `10.${(at >> 16) & 255}.${(at >> 8) & 255}.${at & 255}`;
    const port = 9000 + (at % 1000);
    return JSON.stringify({
      id: at + 1,
      name: `service-${at % NAMES}`,
      instance: `${host}:${port}`,
      host,
      port,
      status: 'running',
      version: '1.4.2',
      tags: ['blue', 'canary'],
      meta: { team: 'payments' },
      weight: 1,
      zone: 'eu-west-1a',
      ttlMs: 30000,
      checks: [],
      owner: 'xml-rpc',
      home: 'server-1',
      reported: 'running',
      reason: '',
      registeredAt: 1_700_000_000_000 + at,
      updatedAt: 1_700_000_000_000 + at,
      revision: at + 1,
    });
  });
}

const parse = (text: readonly string[]): Instance[] => text.map((line) => JSON.parse(line));

function microdb(): Collection<Instance> {
  return new MicroDB().collection<Instance>('instances', {
    key: ['name', 'instance'],
    indexes: { id: { fields: ['id'], unique: true }, name: { fields: ['name'] } },
  });
}

/** The least that does the same by hand: frozen records by key, and by name. */
class BareMap {
  readonly records = new Map<string, Instance>();
  readonly byName = new Map<string, Set<Instance>>();

  insert(record: Instance): void {
    Object.freeze(record.tags);
    Object.freeze(record.meta);
    Object.freeze(record.checks);
    this.records.set(`${record.name}\0${record.instance}`, Object.freeze(record));
    const group = this.byName.get(record.name);
    if (group === undefined) this.byName.set(record.name, new Set([record]));
    else group.add(record);
  }

  find(name: string): Instance[] {
    return [...(this.byName.get(name) ?? [])];
  }
}

// Its types say ESM, its code is CommonJS: the class itself is what is imported.
const Datastore = Nedb as unknown as typeof Nedb.default;

/** Seconds that one call takes. */
async function seconds(run: () => void | Promise<void>): Promise<number> {
  globalThis.gc?.();
  const start = performance.now();
  await run();
  return (performance.now() - start) / 1000;
}

async function nedb() {
  const store = new Datastore<Instance>();
  await store.ensureIndexAsync({ fieldName: 'id', unique: true });
  await store.ensureIndexAsync({ fieldName: 'instance', unique: true });
  await store.ensureIndexAsync({ fieldName: 'name' });
  return store;
}

/** Records a second into an empty database, by contender. NeDB's promise a call is its API, so it is part of the cost. */
async function insertRates(text: readonly string[]): Promise<Record<string, number>> {
  const times: Record<string, number[]> = { microdb: [], nedb: [], bare: [], trusted: [] };
  for (let round = 0; round < ROUNDS; round++) {
    const own = parse(text);
    const ours = microdb();
    times.microdb?.push(
      await seconds(() => {
        for (const record of own) ours.insert(record);
      }),
    );
    const frozen = [...ours];
    const trusting = microdb();
    times.trusted?.push(
      await seconds(() => {
        for (const record of frozen) trusting.put(record, { frozen: true });
      }),
    );
    const forBare = parse(text);
    const bare = new BareMap();
    times.bare?.push(
      await seconds(() => {
        for (const record of forBare) bare.insert(record);
      }),
    );
    // A fifth of the records is enough to know NeDB's rate, which falls as it grows.
    const some = parse(text.slice(0, RECORDS / 5));
    const store = await nedb();
    times.nedb?.push(
      5 *
        (await seconds(async () => {
          for (const record of some) await store.insertAsync(record);
        })),
    );
  }
  return Object.fromEntries(Object.entries(times).map(([name, taken]) => [name, RECORDS / median(taken)]));
}

/** Calls of find({ name }) a second, each answering 20 records, by contender. */
async function findRates(text: readonly string[]): Promise<Record<string, number>> {
  const ours = microdb();
  for (const record of parse(text)) ours.insert(record);
  const bare = new BareMap();
  for (const record of parse(text)) bare.insert(record);
  const loki = new Loki('bench').addCollection<Instance>('instances', { indices: ['name', 'id'] });
  for (const record of parse(text)) loki.insert(record);
  loki.ensureIndex('name');
  const names = Array.from({ length: LOOKUPS }, (_, at) => `service-${(at * 7919) % NAMES}`);
  const contenders = {
    microdb: (name: string) => ours.find({ name }),
    bare: (name: string) => bare.find(name),
    loki: (name: string) => loki.find({ name }),
  };
  const times: Record<string, number[]> = { microdb: [], bare: [], loki: [] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, find] of Object.entries(contenders)) {
      // LokiJS gets fewer calls, or it alone would take a minute.
      const asked = name === 'loki' ? names.slice(0, LOOKUPS / 10) : names;
      let found = 0;
      const taken = await seconds(() => {
        for (const one of asked) found += find(one).length;
      });
      if (found !== asked.length * (RECORDS / NAMES)) throw new Error(`${name} found ${found} records`);
      times[name]?.push(taken / asked.length);
    }
  }
  return Object.fromEntries(Object.entries(times).map(([name, taken]) => [name, 1 / median(taken)]));
}

/** Bytes of heap for each record of a collection filled one by one, the change feed's ring included. */
function bytesPerRecord<T>(
  text: readonly string[],
  make: () => T,
  insert: (into: T, record: Instance) => void,
): number {
  const used = () => {
    globalThis.gc?.();
    globalThis.gc?.();
    return process.memoryUsage().heapUsed;
  };
  const before = used();
  const into = make();
  for (const line of text) insert(into, JSON.parse(line));
  const bytes = used() - before;
  // Asked for something after the measurement, so that it lives until then.
  insert(into, JSON.parse(text[0]?.replace('"id":1', '"id":-1').replace('service-0', 'last') ?? ''));
  return bytes / RECORDS;
}

/** MicroDB against LokiJS, NeDB and a Map with one index by hand; its memory needs `--expose-gc`. */
export async function benchMicroDB(): Promise<BenchRow[]> {
  const text = lines();
  const memory = bytesPerRecord(text, microdb, (into, record) => into.insert(record));
  const bareMemory = bytesPerRecord(
    text,
    () => new BareMap(),
    (into, record) => into.insert(record),
  );
  const insert = await insertRates(text);
  const find = await findRates(text);
  const ratio = (of: number | undefined, to: number | undefined) => (of ?? 0) / (to ?? Number.NaN);
  const rate = (of: number | undefined) => `${Math.round((of ?? 0) / 1000)}k/s`;
  const note = globalThis.gc ? `${Math.round(memory)} B` : 'run with --expose-gc to measure this';
  const row = (name: string, value: number, against: string, target: number, note: string): BenchRow => {
    return { name: `MicroDB ${name}`, ratio: value, against, target, better: 'higher', note };
  };
  const memoryRow = (against: string, bytes: number, target: number, note: string): BenchRow => {
    return { name: 'MicroDB memory a record', ratio: memory / bytes, against, target, better: 'lower', note };
  };
  const find20 = 'find({ name }), 20 records of 100,000';
  const versus = (ours: number | undefined, theirs: number | undefined) => `${rate(ours)} to ${rate(theirs)}`;
  // Against the bare Map is for later: what is aimed at stands in the note, not as a target.
  return [
    row(find20, ratio(find.microdb, find.loki), "LokiJS's", 10, versus(find.microdb, find.loki)),
    row('insert', ratio(insert.microdb, insert.nedb), "NeDB's", 6, versus(insert.microdb, insert.nedb)),
    memoryRow(`${MEMORY_TARGET_BYTES} B`, MEMORY_TARGET_BYTES, 1, note),
    row('find({ name })', ratio(find.microdb, find.bare), "a bare Map's", 0, 'aim 0.5'),
    row('insert', ratio(insert.microdb, insert.bare), "a bare Map's", 0, 'aim 0.5'),
    row('put, frozen', ratio(insert.trusted, insert.bare), "a bare Map's insert", 0, 'aim 0.5'),
    memoryRow("a bare Map's", bareMemory, 0, `${Math.round(bareMemory)} B; aim 1.2`),
  ];
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const row of await benchMicroDB()) console.log(showRow(row));
}
