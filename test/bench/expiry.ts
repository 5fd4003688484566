import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type BenchRow, median, ratioOf } from './bench-row.js';
import type { AllEnd, ExpiryRound } from './expiry-child.js';

const [FEW, MANY] = [1_000, 1_000_000];
const ROUNDS = 15;
const WARM_UP = 5;

/**
 * What a lease's end costs, from being due to `error`, with few and with many others that stay: nothing in it may grow with
 * their number. What does is the time that memory takes to answer, which a bare Map's `get` tells. And how long nothing
 * else has its turn while all of them end at once.
 */
export async function benchExpiry(): Promise<BenchRow[]> {
  const few = await begin(FEW);
  const many = await begin(MANY);
  const rounds: { few: ExpiryRound; many: ExpiryRound }[] = [];
  try {
    for (let round = 0; round < WARM_UP + ROUNDS; round++) {
      const both = { few: await ask(few), many: await ask(many) };
      if (round >= WARM_UP) rounds.push(both);
    }
  } finally {
    await end(few);
    await end(many);
  }
  const all = await measureAll();
  return [...rowsOf(rounds), ...rowsOfAll(all)];
}

function rowsOf(rounds: readonly { few: ExpiryRound; many: ExpiryRound }[]): BenchRow[] {
  const [end, heartbeat, get] = (['end', 'heartbeat', 'get'] as const).map((what) => {
    const [few, many] = [rounds.map((one) => one.few[what]), rounds.map((one) => one.many[what])];
    return { slowdown: ratioOf(many, few), few: median(few), many: median(many) };
  }) as [Figures, Figures, Figures];
  const row = (what: string, target: number, { slowdown, few, many }: Figures): BenchRow => ({
    name: `${what}, slowdown from ${FEW} to ${MANY} leases`,
    ratio: slowdown / get.slowdown,
    against: "a bare Map's slowdown",
    target,
    better: 'lower',
    note:
      `${slowdown.toFixed(1)} times (${(few / 1_000).toFixed(1)} to ${(many / 1_000).toFixed(1)} µs), ` +
      `the Map's ${get.slowdown.toFixed(1)} times (${get.few.toFixed(0)} to ${get.many.toFixed(0)} ns)`,
  });
  return [
    row('a lease ends and its instance is in error', 1, end),
    // It looks up the name, the instance among those of the name, and the lease: three places, each far from the others.
    row('heartbeat of instances at random', 0, heartbeat),
  ];
}

/** Of all rounds, the times in nanoseconds. */
interface Figures {
  readonly slowdown: number;
  readonly few: number;
  readonly many: number;
}

function rowsOfAll({ took, longest }: AllEnd): BenchRow[] {
  const what = `${MANY.toLocaleString('en')} leases end at once`;
  return [
    {
      name: `${what}, the longest time in which nothing else has its turn`,
      ratio: longest / 100,
      against: '100 ms',
      target: 1,
      better: 'lower',
      note: `${longest.toFixed(0)} ms, of ${(took / 1_000).toFixed(1)} s until the last is in error`,
    },
  ];
}

async function begin(count: number): Promise<ChildProcess> {
  const child = start('steady', count);
  await answer(child);
  return child;
}

async function measureAll(): Promise<AllEnd> {
  const child = start('all', MANY);
  try {
    return (await answer(child)) as AllEnd;
  } finally {
    await end(child);
  }
}

function start(kind: 'steady' | 'all', count: number): ChildProcess {
  const file = fileURLToPath(new URL('./expiry-child.js', import.meta.url));
  return fork(file, [kind, String(count)], { execArgv: ['--max-old-space-size=8192'] });
}

async function ask(child: ChildProcess): Promise<ExpiryRound> {
  child.send('round');
  return (await answer(child)) as ExpiryRound;
}

async function answer(child: ChildProcess): Promise<unknown> {
  const over = new AbortController();
  const { signal } = over;
  try {
    const exit = once(child, 'exit', { signal }).then(() => {
      throw new Error('a process of the benchmark has failed');
    });
    const [message] = await Promise.race([once(child, 'message', { signal }), exit]);
    return message;
  } finally {
    over.abort();
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.disconnect();
  await exited;
}
