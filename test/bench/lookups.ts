import { performance } from 'node:perf_hooks';
import { MicroDB } from '../../core/microdb/index.js';
import { writeCall } from '../../plugins/transports/xml-rpc/writer.js';
import { type BenchRow, median, ratioOf } from './bench-row.js';
import { BareMap, MicroDBContender } from './contenders.js';
import { A_NAME, A_SERVICE, type Instance, keyOf, nameOf, recordOf, shuffledNumbers } from './records.js';
import { clientName, type ServerChild, send, startServer, stopServer } from './server-child.js';

const FEW = 1_000;
const MANY = 1_000_000;
const LOOKUPS = 100_000;
const ROUNDS = 7;
const CALL_ROUNDS = 5;
const CONNECTIONS = 16;
const SECONDS = 1;
const TARGET = 1.3;
/** Of the number in a name. */
const DIGITS = 6;

type Key = Pick<Instance, 'name' | 'instance'>;

/** What random lookups lose among 1,000,000 records, against 1,000: in MicroDB, and in a whole registry. */
export async function benchLookups(): Promise<BenchRow[]> {
  return [...inProcess(), ...(await overXmlRpc())];
}

/** MicroDB's slowdown to that of a bare Map, which has the same cache misses. Both hold the same records. */
function inProcess(): BenchRow[] {
  const few = subjects(FEW);
  const many = subjects(MANY);
  return Object.keys(few).map((what): BenchRow => {
    const [ours, theirs] = [slowdowns('microdb', few, many, what), slowdowns('bare', few, many, what)];
    // Taken in turn: each round has both, at both sizes.
    for (let round = 0; round <= ROUNDS; round++) {
      ours.measure(round);
      theirs.measure(round);
    }
    return {
      name: `MicroDB ${what} at random, slowdown from ${FEW} to ${MANY} records`,
      ratio: median(ours.all) / median(theirs.all),
      against: "a bare Map's slowdown",
      target: TARGET,
      better: 'lower',
      note: `${median(ours.all).toFixed(1)} times (${ours.show()}), the Map's ${median(theirs.all).toFixed(1)} times (${theirs.show()})`,
    };
  });
}

interface Subject {
  readonly count: number;
  readonly microdb: (keys: readonly Key[]) => number;
  readonly bare: (keys: readonly Key[]) => number;
}

/** What is looked up among so many records, and how each of the two does it. */
function subjects(count: number): Record<string, Subject> {
  const microdb = new MicroDBContender();
  const bare = new BareMap();
  const onePart = new MicroDB().collection<Instance>('instances', { key: ['instance'] });
  const oneMap = new Map<string, Instance>();
  for (let at = 0; at < count; at++) {
    const record = microdb.collection.insert(JSON.parse(JSON.stringify(recordOf(at, count))));
    bare.put(record);
    onePart.insert(record, { frozen: true });
    oneMap.set(record.instance, record);
  }
  const names = (keys: readonly Key[]) => keys.map(({ name }) => name);
  return {
    'get(key)': {
      count,
      microdb: (keys) => countOf(keys, ({ instance }) => onePart.get(instance)),
      bare: (keys) => countOf(keys, ({ instance }) => oneMap.get(instance)),
    },
    'get(key of two parts)': {
      count,
      microdb: (keys) => microdb.get(keys),
      bare: (keys) => bare.get(keys),
    },
    'find({ name })': {
      count,
      microdb: (keys) => microdb.find(names(keys)) / A_NAME,
      bare: (keys) => bare.find(names(keys)) / A_NAME,
    },
  };
}

function countOf(keys: readonly Key[], look: (key: Key) => Instance | undefined): number {
  let found = 0;
  for (const key of keys) if (look(key) !== undefined) found++;
  return found;
}

/** Nanoseconds a lookup among few and among many, round by round. */
function slowdowns(
  who: 'microdb' | 'bare',
  few: Record<string, Subject>,
  many: Record<string, Subject>,
  what: string,
) {
  const times: [number[], number[]] = [[], []];
  const all: number[] = [];
  return {
    all,
    measure(round: number): void {
      const [small = 0, large = 0] = [few[what], many[what]].map((subject, at) => {
        if (subject === undefined) throw new Error(`nothing is called ${what}`);
        const keys = freshKeys(subject.count, round * 4 + at * 2 + (who === 'bare' ? 1 : 2));
        globalThis.gc?.();
        const start = performance.now();
        const found = subject[who](keys);
        const nanoseconds = ((performance.now() - start) * 1e6) / keys.length;
        if (found !== keys.length) throw new Error(`${who} found ${found} of ${keys.length}`);
        // The first round warms up and is not counted.
        if (round > 0) times[at]?.push(nanoseconds);
        return nanoseconds;
      });
      if (round > 0) all.push(large / small);
    },
    show: () =>
      times
        .map((one) => median(one).toFixed(0))
        .join(' to ')
        .concat(' ns'),
  };
}

/** Keys of records at random, in strings that nothing has hashed yet: no side gains by a hash that is there already. */
function freshKeys(count: number, seed: number): Key[] {
  const places = shuffledNumbers(LOOKUPS, count, seed);
  const keys = Array.from(places, (at) => keyOf(at, count));
  return JSON.parse(JSON.stringify(keys));
}

/** Two registries, of which one has a thousand times as many instances; each name has as many in both. */
async function overXmlRpc(): Promise<BenchRow[]> {
  const counts = [FEW, MANY];
  const servers: ServerChild[] = [];
  const rates = new Map<string, number[]>();
  const methods = ['lookup', 'get_service_details'];
  try {
    for (const count of counts) servers.push(await startServer('filled', count));
    for (const method of methods) {
      const template = writeCall(method, [`${nameOf(0).slice(0, -DIGITS)}NUMBER`]);
      for (let round = 0; round <= CALL_ROUNDS; round++) {
        for (const [at, server] of servers.entries()) {
          const body = { template, digits: DIGITS, below: (counts[at] ?? 0) / A_SERVICE };
          const answered = await send(server, { connections: CONNECTIONS, seconds: SECONDS, body });
          const name = `${method} ${counts[at]}`;
          if (round > 0) rates.set(name, [...(rates.get(name) ?? []), answered]);
        }
      }
    }
  } finally {
    for (const server of servers) await stopServer(server);
  }
  return methods.map((method): BenchRow => {
    const [few = [], many = []] = counts.map((count) => rates.get(`${method} ${count}`));
    return {
      name: `XML-RPC ${method} of names at random, ${MANY} instances, ${A_SERVICE} a name, time a call`,
      ratio: ratioOf(few, many),
      against: `the same with ${FEW}`,
      target: TARGET,
      better: 'lower',
      note: `${Math.round(median(many))}/s to ${Math.round(median(few))}/s, ${CONNECTIONS} connections, sent by ${clientName()}`,
    };
  });
}
