import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type BenchRow, median, ratioOf } from './bench-row.js';
import type { Measured, Work } from './checks-child.js';

const ROUNDS = 3;
const WINDOW_MS = 20_000;
/** Longer than an interval: the first check of all at once, and the random wait for the second, are over. */
const WARM_UP_MS = 12_000;
const INTERVAL_MS = 10_000;

/** What one process spent in one window. */
interface Spent {
  /** Of one core, 0 to 1. */
  readonly share: number;
  /** Microseconds of processor time for each connection. */
  readonly each: number;
}

/**
 * What the monitor costs: the share of a core of a registry whose instances are checked by TCP every 10 seconds. The
 * limit: a process that does nothing but `net.connect` and `destroy`, as often. Both run at the same time and are
 * measured over the same windows, so that whatever else this machine does meets both alike.
 */
export async function benchChecks(): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const count of [1_000, 10_000]) rows.push(...(await benchCount(count)));
  rows.push(await benchDead(), await benchRest());
  return rows;
}

async function benchCount(count: number): Promise<BenchRow[]> {
  const listeners = begin('listeners');
  const [registry, bare] = [begin('registry'), begin('bare')];
  const ours: Spent[] = [];
  const theirs: Spent[] = [];
  try {
    const [port = 0, barePort = 0] = (await tell(listeners, {
      port: 0,
      count: 2,
      intervalMs: 0,
    })) as number[];
    await tell(registry, { port, count, intervalMs: INTERVAL_MS });
    await tell(bare, { port: barePort, count, intervalMs: INTERVAL_MS });
    await wait(WARM_UP_MS);
    for (let round = 0; round < ROUNDS; round++) {
      const before = await Promise.all([listeners, registry, bare].map(measure));
      await wait(WINDOW_MS);
      const after = await Promise.all([listeners, registry, bare].map(measure));
      ours.push(spent(before[1]!, after[1]!, connections(before[0]!, after[0]!, port, count)));
      theirs.push(spent(before[2]!, after[2]!, connections(before[0]!, after[0]!, barePort, count)));
    }
  } finally {
    await end([registry, bare, listeners]);
  }
  const what = `${count.toLocaleString('en')} TCP checks per 10 s`;
  const [share, bareShare] = [ours, theirs].map((all) => median(all.map((one) => one.share)));
  const [each, bareEach] = [ours, theirs].map((all) => all.map((one) => one.each));
  return [
    {
      name: `${what}, processor time`,
      ratio: share!,
      against: 'one core',
      target: count === 10_000 ? 0.2 : 0,
      better: 'lower',
      note: `bare connects as often ${bareShare!.toFixed(3)} at the same time`,
    },
    {
      name: `${what}, processor time a check`,
      ratio: ratioOf(each!, bareEach!),
      against: "a bare net.connect and destroy's",
      target: 0,
      better: 'lower',
      note: `${median(each!).toFixed(0)} µs to ${median(bareEach!).toFixed(0)} µs`,
    },
  ];
}

/** Ten times as fast as the defaults, with a tenth of the instances: as many checks, and long dead after a minute. */
async function benchDead(): Promise<BenchRow> {
  const registry = begin('registry');
  const spans: number[] = [];
  try {
    // Nobody listens on port 1.
    const monitor = { timeout: INTERVAL_MS / 50, maxInterval: INTERVAL_MS * 0.6 };
    await tell(registry, { port: 1, count: 1_000, intervalMs: INTERVAL_MS / 10, monitor });
    await wait(65_000);
    for (let round = 0; round < ROUNDS; round++) {
      const before = await measure(registry);
      await wait(WINDOW_MS);
      spans.push(spent(before, await measure(registry), 1).share);
    }
  } finally {
    await end([registry]);
  }
  return {
    name: '10,000 TCP checks per 10 s of instances that are all long dead, processor time',
    ratio: median(spans),
    against: 'one core',
    target: 0,
    better: 'lower',
    note: 'ECONNREFUSED; every time a tenth of the default, and a tenth of the instances',
  };
}

async function benchRest(): Promise<BenchRow> {
  const registry = begin('registry');
  const spans: number[] = [];
  try {
    await tell(registry, { port: 1, count: 0, intervalMs: INTERVAL_MS });
    await wait(2_000);
    for (let round = 0; round < ROUNDS; round++) {
      const before = await measure(registry);
      await wait(WINDOW_MS / 2);
      spans.push(spent(before, await measure(registry), 1).share);
    }
  } finally {
    await end([registry]);
  }
  const name = 'no instances, processor time';
  const note = `${(median(spans) * 1e6).toFixed(0)} µs a second`;
  return { name, ratio: median(spans), against: 'one core', target: 0, better: 'lower', note };
}

function spent(before: Measured, after: Measured, connected: number): Spent {
  const cpu = after.cpu - before.cpu;
  return { share: cpu / 1000 / (after.at - before.at), each: cpu / connected };
}

/** How many connections a port accepted; throws where that is not what was asked for. */
function connections(before: Measured, after: Measured, port: number, count: number): number {
  const accepted = (after.accepted[port] ?? 0) - (before.accepted[port] ?? 0);
  const wanted = (count * (after.at - before.at)) / INTERVAL_MS;
  if (Math.abs(accepted / wanted - 1) < 0.05) return accepted;
  throw new Error(`expected some ${Math.round(wanted)} connections, not ${accepted}`);
}

function begin(kind: 'listeners' | 'registry' | 'bare'): ChildProcess {
  return fork(fileURLToPath(new URL('./checks-child.js', import.meta.url)), [kind]);
}

async function tell(child: ChildProcess, work: Work): Promise<unknown> {
  return ((await ask(child, work)) as { answer: unknown }).answer;
}

async function measure(child: ChildProcess): Promise<Measured> {
  return (await ask(child, 'measure')) as Measured;
}

async function ask(child: ChildProcess, message: Work | 'measure'): Promise<unknown> {
  child.send(message);
  const over = new AbortController();
  const { signal } = over;
  try {
    const exit = once(child, 'exit', { signal }).then(() => {
      throw new Error('a process of the benchmark has failed');
    });
    const [answer] = await Promise.race([once(child, 'message', { signal }), exit]);
    return answer;
  } finally {
    over.abort();
  }
}

async function end(children: readonly ChildProcess[]): Promise<void> {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const exited = once(child, 'exit');
    child.disconnect();
    await exited;
  }
}
