import { performance } from 'node:perf_hooks';
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import { systemClock } from '../../core/index.js';
import { FakeClock } from '../support/fake-clock.js';
import { makeServiceDB } from '../support/make-servicedb.js';
import { A_SERVICE, nameOf, recordOf, shuffledNumbers } from './records.js';

/** One process of the benchmark of leases (expiry.ts): a ServiceDB with so many instances, each of which has a lease. */

/** Leases that end in a round: fewer than half of the smaller number, or it would be a mass silence. */
const ENDS = 400;
/** What happens between two rounds, and makes the caches those of a registry at work. */
const HEARTBEATS = 200_000;
const SECOND = 1_000;

/** What one round took, in nanoseconds of processor time each. */
export interface ExpiryRound {
  readonly end: number;
  readonly heartbeat: number;
  /** A bare Map with as many of the same keys, asked at random for as many as end, after as many others. */
  readonly get: number;
}

/** What it took to end all leases at once. */
export interface AllEnd {
  /** From the first end to the last, in milliseconds. */
  readonly took: number;
  /** The longest time in which nothing else had its turn, in milliseconds. */
  readonly longest: number;
}

async function steady(count: number): Promise<() => ExpiryRound> {
  const clock = new FakeClock();
  const { services } = await makeServiceDB({ clock, keepsCommits: false });
  const instances = Array.from({ length: count }, (_, at) => instanceOf(at, count));
  for (const one of instances) await services.register({ ...one, ttlMs: 86_400 * SECOND });
  const bare = new Map(instances.map((one) => [`${one.name}\0${one.host}:${one.port}`, { one }]));
  const keys = [...bare.keys()];
  let round = 0;
  return () => {
    round += 1;
    const ending = new Set(shuffledNumbers(ENDS * 2, count, round * 7));
    const doomed = [...ending].slice(0, ENDS).map((at) => instances[at]!);
    for (const one of doomed) services.register({ ...one, ttlMs: 10 * SECOND });
    clock.advance(9 * SECOND);

    const others = shuffledNumbers(HEARTBEATS, count, round * 11).filter((at) => !ending.has(at));
    let began = process.cpuUsage();
    for (const at of others) services.heartbeat(instances[at]!.name, { instance: nameAt(instances[at]!) });
    const heartbeat = spentSince(began) / others.length;

    began = process.cpuUsage();
    clock.advance(SECOND);
    const end = spentSince(began) / doomed.length;
    const ill = doomed.filter((one) => services.instance(one.name, nameAt(one))?.status !== 'running').length;
    if (ill !== ENDS) throw new Error(`expected ${ENDS} leases to have ended, not ${ill}`);

    let found = 0;
    for (const at of others) if (bare.has(keys[at]!)) found += 1;
    const wanted = Array.from(ending, (at) => keys[at]!);
    began = process.cpuUsage();
    for (const key of wanted) if (bare.get(key)?.one !== undefined) found += 1;
    const get = spentSince(began) / wanted.length;
    if (found !== others.length + ending.size) throw new Error('a key was not found');

    for (const one of doomed) services.register({ ...one, ttlMs: 86_400 * SECOND });
    // What fell silent in this round is to be forgotten before the next one is counted.
    clock.advance(60 * SECOND);
    return { end, heartbeat, get };
  };
}

async function allAtOnce(count: number): Promise<AllEnd> {
  const { services, hooks } = await makeServiceDB({ clock: systemClock, keepsCommits: false });
  let ended = 0;
  let first = 0;
  hooks.statusChanged.tap('bench', () => {
    if (ended === 0) first = performance.now();
    ended += 1;
  });
  const instances = Array.from({ length: count }, (_, at) => instanceOf(at, count));
  for (const one of instances) await services.register({ ...one, ttlMs: 3_600 * SECOND });
  for (const one of instances) await services.register({ ...one, ttlMs: 40 * SECOND });
  while (ended === 0) await wait(1);
  let longest = 0;
  for (let before = performance.now(); ended < count; ) {
    await turn();
    const now = performance.now();
    longest = Math.max(longest, now - before);
    before = now;
  }
  const took = performance.now() - first;
  services.close();
  return { took, longest };
}

function instanceOf(at: number, count: number) {
  const { host, port } = recordOf(at, count);
  // Through JSON the strings become flat ones, as a network brings them.
  return JSON.parse(JSON.stringify({ name: nameOf(at % (count / A_SERVICE)), host, port })) as {
    name: string;
    host: string;
    port: number;
  };
}

/** Nanoseconds of processor time: the clock on the wall also counts what other processes of this machine took. */
function spentSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) * 1e3;
}

function nameAt({ host, port }: { host: string; port: number }): string {
  return `${host}:${port}`;
}

const [kind = '', count = ''] = process.argv.slice(2);
if (kind === 'all') process.send?.(await allAtOnce(Number(count)));
else {
  const round = await steady(Number(count));
  process.send?.('ready');
  process.on('message', () => process.send?.(round()));
}
process.on('disconnect', () => process.exit(0));
