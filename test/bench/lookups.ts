import { performance } from 'node:perf_hooks';
import { writeCall } from '../../plugins/transports/xml-rpc/writer.js';
import { type BenchRow, median, ratioOf } from './bench-row.js';
import { BareMap, type Contender, MicroDBContender } from './contenders.js';
import { A_NAME, type Instance, keyOf, nameOf, recordOf, shuffledNumbers } from './records.js';
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
  const sizes = [FEW, MANY].map((count) => ({ count, microdb: new MicroDBContender(), bare: new BareMap() }));
  for (const { count, microdb, bare } of sizes) {
    for (let at = 0; at < count; at++) {
      bare.put(microdb.collection.insert(JSON.parse(JSON.stringify(recordOf(at, count)))));
    }
  }
  const asked = {
    'get(key)': (contender: Contender, keys: readonly Key[]) => contender.get(keys),
    'find({ name })': (contender: Contender, keys: readonly Key[]) =>
      contender.find(keys.map(({ name }) => name)),
  };
  return Object.entries(asked).map(([what, look]): BenchRow => {
    const times = { microdb: new Map<number, number[]>(), bare: new Map<number, number[]>() };
    // The first round warms up and is not counted.
    for (let round = 0; round <= ROUNDS; round++) {
      for (const { count, ...contenders } of sizes) {
        for (const name of ['microdb', 'bare'] as const) {
          const keys = freshKeys(count, round * 2 + (name === 'bare' ? 1 : 2));
          globalThis.gc?.();
          const start = performance.now();
          look(contenders[name], keys);
          const nanoseconds = ((performance.now() - start) * 1e6) / keys.length;
          if (round > 0) times[name].set(count, [...(times[name].get(count) ?? []), nanoseconds]);
        }
      }
    }
    const of = (name: 'microdb' | 'bare', count: number) => times[name].get(count) ?? [];
    const slowdowns = (name: 'microdb' | 'bare') =>
      of(name, MANY).map((many, round) => many / (of(name, FEW)[round] ?? Number.NaN));
    const [ours, theirs] = [slowdowns('microdb'), slowdowns('bare')];
    const show = (name: 'microdb' | 'bare') =>
      `${median(of(name, FEW)).toFixed(0)} to ${median(of(name, MANY)).toFixed(0)} ns`;
    return {
      name: `MicroDB ${what} at random, slowdown from ${FEW} to ${MANY} records`,
      ratio: median(ours) / median(theirs),
      against: "a bare Map's slowdown",
      target: TARGET,
      better: 'lower',
      note: `${median(ours).toFixed(1)} times (${show('microdb')}), the Map's ${median(theirs).toFixed(1)} times (${show('bare')})`,
    };
  });
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
      const [before = '', after = ''] = writeCall(method, ['NUMBER']).split('NUMBER');
      const named = { before: `${before}${nameOf(0).slice(0, -DIGITS)}`, after, digits: DIGITS };
      for (let round = 0; round <= CALL_ROUNDS; round++) {
        for (const [at, server] of servers.entries()) {
          const body = { ...named, below: (counts[at] ?? 0) / A_NAME };
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
      name: `XML-RPC ${method} of names at random, ${MANY} instances, time a call`,
      ratio: ratioOf(few, many),
      against: `the same with ${FEW}`,
      target: TARGET,
      better: 'lower',
      note: `${Math.round(median(many))}/s to ${Math.round(median(few))}/s, ${CONNECTIONS} connections, sent by ${clientName()}`,
    };
  });
}
