import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ProcessStart, readProcessStart } from '../../core/index.js';
import { type BenchRow, median, ratioOf, skippedRow } from './bench-row.js';
import type { Killed, Resolved, Scene, Task } from './spawned-death-child.js';

const IDLE = 500;
const KILLS = 200;
const ADOPTED_KILLS = 100;
/** No part of any interval at which a registry may look. */
const ADOPTED_EVERY_MS = 37;
const RESOLVES = 30;
const REST_MS = 10_000;
/** What a start leaves to be done is done. */
const SETTLE_MS = 3_000;

const [DEATH_MS, ADOPTED_DEATH_MS, RESOLVE_RATIO, REST_SHARE] = [5, 1_000, 1.3, 0.02];

/**
 * The life of spawned services, of real registries in processes of their own: how long after `kill -9` one is still found,
 * of the registry's own children and of adopted ones; how long the start on demand takes; what many idle ones cost.
 */
export async function benchSpawnedDeath(): Promise<BenchRow[]> {
  const what = `kill -9 of a spawned instance, until it is gone from lookups, of ${KILLS}`;
  if (process.platform !== 'linux') return [skippedRow(what, 'the bare event `exit`', 'needs /proc')];
  const own = await inFolder(async (folder) => {
    const registry = await Bench.start({ folder, services: KILLS });
    return registry.ending(() => registry.ask<Killed>({ task: 'kill', kills: KILLS }));
  });
  const { resting, restingAdopted, adopted } = await inFolder(many);
  const resolved = await inFolder(async (folder) => {
    const registry = await Bench.start({ folder, services: RESOLVES, isOnDemand: true });
    return registry.ending(() => registry.ask<Resolved>({ task: 'resolve', rounds: RESOLVES }));
  });
  return [
    {
      name: `${what}, p50`,
      ratio: median(own.gone) / median(own.exit),
      against: 'the bare event `exit` of child_process',
      target: 0,
      better: 'lower',
      note: `${ms(median(own.gone))} to ${ms(median(own.exit))}`,
    },
    {
      name: 'the same, p99',
      ratio: p99(own.gone) / DEATH_MS,
      against: `${DEATH_MS} ms`,
      target: 1,
      better: 'lower',
      note: `${ms(p99(own.gone))}; the bare event's ${ms(p99(own.exit))}`,
    },
    {
      name: `the same of an adopted one, of ${ADOPTED_KILLS}, the longest`,
      ratio: Math.max(...adopted.gone) / ADOPTED_DEATH_MS,
      against: `${ADOPTED_DEATH_MS} ms`,
      target: 1,
      better: 'lower',
      note: `p50 ${ms(median(adopted.gone))}, longest ${ms(Math.max(...adopted.gone))}; ${adopted.zombies} were zombies`,
    },
    {
      name: 'resolve of a stopped service that is ready as soon as it listens',
      ratio: ratioOf(resolved.resolve, resolved.byHand),
      against: 'spawning it and asking its port every ms',
      target: RESOLVE_RATIO,
      better: 'lower',
      note: `${ms(median(resolved.resolve))} to ${ms(median(resolved.byHand))}`,
    },
    restRow(`processor time of a registry with ${IDLE} idle spawned services`, resting),
    restRow(`the same with ${IDLE} that it adopted`, restingAdopted),
  ];
}

function restRow(name: string, share: number): BenchRow {
  return {
    name,
    ratio: share / REST_SHARE,
    against: `${REST_SHARE * 100} % of a core`,
    target: 1,
    better: 'lower',
    note: `${(share * 100).toFixed(2)} %`,
  };
}

/** Many services of one registry, which is killed, and of another, which adopts them. */
async function many(folder: string) {
  const scene = { folder, services: IDLE };
  const first = await Bench.start(scene);
  const pids = await first.ask<number[]>({ task: 'pids' });
  const began = new Map(pids.map((pid) => [pid, readProcessStart(pid)]));
  try {
    const resting = await first.rest();
    await first.kill();
    const second = await Bench.start(scene);
    return await second.ending(async () => {
      if ((await second.ask<number[]>({ task: 'pids' })).some((pid) => !began.has(pid)))
        throw new Error('a service was not adopted, but started again');
      const restingAdopted = await second.rest();
      const task = { task: 'kill adopted', kills: ADOPTED_KILLS, everyMs: ADOPTED_EVERY_MS } as const;
      return { resting, restingAdopted, adopted: await second.ask<Killed>(task) };
    });
  } finally {
    endAll(began);
  }
}

/** A registry of the benchmark, in a process of its own. */
class Bench {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(scene: Scene): Promise<Bench> {
    const file = fileURLToPath(new URL('./spawned-death-child.js', import.meta.url));
    const bench = new Bench(fork(file, [JSON.stringify(scene)]));
    await bench.#answer();
    return bench;
  }

  async ask<T>(task: Task): Promise<T> {
    this.#child.send(task);
    return (await this.#answer()) as T;
  }

  /** The share of a core that it takes while nothing happens. */
  async rest(): Promise<number> {
    await this.ask({ task: 'rest', ms: SETTLE_MS });
    return this.ask({ task: 'rest', ms: REST_MS });
  }

  /** Does something, and stops the registry with all that it runs. */
  async ending<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } finally {
      const isOver = this.#child.exitCode !== null || this.#child.signalCode !== null;
      const exited = isOver || once(this.#child, 'exit');
      if (this.#child.connected) this.#child.disconnect();
      await exited;
    }
  }

  async kill(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  async #answer(): Promise<unknown> {
    const over = new AbortController();
    const { signal } = over;
    try {
      const exit = once(this.#child, 'exit', { signal }).then(() => {
        throw new Error('a registry of the benchmark has failed');
      });
      const [message] = await Promise.race([once(this.#child, 'message', { signal }), exit]);
      return message;
    } finally {
      over.abort();
    }
  }
}

/** What a benchmark that failed left running, and nothing that has got its pid meanwhile. */
function endAll(began: ReadonlyMap<number, ProcessStart | undefined>): void {
  for (const [pid, start] of began) {
    const now = readProcessStart(pid);
    if (now?.isZombie === false && now.startTime === start?.startTime) process.kill(pid, 'SIGKILL');
  }
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'rollcall-bench-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function p99(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * 0.99) - 1] ?? Number.NaN;
}

function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 0)} ms`;
}
