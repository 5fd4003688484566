import { judgeReader, type Verdict } from './judge.js';
import { inputOf, MEGABYTE, MS_A_MEGABYTE } from './mutate.js';
import { post } from './post.js';
import type { Found, Question, Reply } from './target.js';
import { TargetProcess } from './target-process.js';

export interface FuzzOptions {
  readonly seed: number;
  /** Inputs for the reader and for the door, in each round. */
  readonly reads: number;
  readonly posts: number;
  /** The longest input. */
  readonly bombBytes: number;
  /** Asked before each round, with how many there were. */
  readonly goesOn: (rounds: number) => boolean;
  /** Whether processor time and memory are judged: not where other work disturbs them. */
  readonly isMeasured: boolean;
}

export interface FuzzReport {
  readonly rounds: number;
  readonly reads: number;
  readonly posts: number;
  readonly found: readonly Found[];
  /** Of the slowest inputs, in ms for each MB begun; of the heap after each round, in MB. */
  readonly worstRead: number;
  readonly worstPost: number;
  readonly heapMb: readonly number[];
}

type Counted = Extract<Reply, { found: unknown }>;
type Used = Extract<Reply, { cpuMs: unknown }>;

/** A query may hold 20,000 values, which MicroDB needs its own time to understand. */
const ASKING: ReadonlySet<string> = new Set(['find', 'lookup']);
const TIMES_FOR_A_QUERY = 4;
/** Heap that a run may gain once it is warm: what the engine compiled, not what the inputs left. */
const MOST_GAINED_MB = 8;

/** Fuzzes the reader, within a process of its own, and a real door by HTTP, round after round. */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const run = new FuzzRun(options);
  try {
    return await run.run();
  } finally {
    await run.stop();
  }
}

class FuzzRun {
  readonly #options: FuzzOptions;
  readonly #found: Found[] = [];
  readonly #heapMb: number[] = [];
  #target: TargetProcess | undefined;
  #next = 0;
  #worstRead = 0;
  #worstPost = 0;

  constructor(options: FuzzOptions) {
    this.#options = options;
  }

  async run(): Promise<FuzzReport> {
    const { goesOn, reads, posts, bombBytes, isMeasured } = this.#options;
    if (isMeasured && !(await this.#keep({ ask: 'bombs', bytes: bombBytes }))) {
      this.#found.push({ problem: 'the process ended, or hung, while it read the bombs' });
    }
    let rounds = 0;
    for (; goesOn(rounds); rounds++) {
      await this.#read(reads);
      for (let left = posts; left > 0; left--) await this.#post(this.#next++);
      const target = await this.#running();
      await target.ask({ ask: 'forget' });
      const used = await target.ask<Used>({ ask: 'usage', collect: true });
      if (used !== undefined) this.#heapMb.push(used.heapBytes / MEGABYTE);
    }
    const gained = gainOf(this.#heapMb);
    if (isMeasured && gained > MOST_GAINED_MB) {
      this.#found.push({ problem: `the heap grew by ${gained.toFixed(1)} MB over the run` });
    }
    return {
      rounds,
      reads: rounds * reads,
      posts: rounds * posts,
      found: this.#found,
      worstRead: this.#worstRead,
      worstPost: this.#worstPost,
      heapMb: this.#heapMb,
    };
  }

  async stop(): Promise<void> {
    await this.#target?.stop();
  }

  async #running(): Promise<TargetProcess> {
    if (this.#target === undefined || this.#target.hasEnded) this.#target = await TargetProcess.start();
    return this.#target;
  }

  async #read(count: number): Promise<void> {
    const { seed, bombBytes, isMeasured } = this.#options;
    const from = this.#next;
    this.#next += count;
    if (await this.#keep({ ask: 'read', inputs: { seed, from, count, bombBytes }, isMeasured })) return;
    // It ended within the batch: which input it was is found one by one.
    for (let index = from; index < from + count; index++) {
      const inputs = { seed, from: index, count: 1, bombBytes };
      if (await this.#keep({ ask: 'read', inputs, isMeasured })) continue;
      this.#found.push({ index, problem: 'the process ended, or hung, while it read this' });
    }
  }

  /** Asks for what is found, and keeps it; false where the process ended in place of an answer. */
  async #keep(question: Question): Promise<boolean> {
    const target = await this.#running();
    const reply = await target.ask<Counted>(question);
    if (reply === undefined) return false;
    this.#worstRead = Math.max(this.#worstRead, reply.worst);
    this.#found.push(...reply.found);
    return true;
  }

  async #post(index: number): Promise<void> {
    const { seed, bombBytes, isMeasured } = this.#options;
    const body = inputOf(seed, index, bombBytes);
    const expected = judgeReader(body);
    const limit = MS_A_MEGABYTE * (ASKING.has(expected.call?.method ?? '') ? TIMES_FOR_A_QUERY : 1);
    let { problem, cost } = await this.#postOnce(body, expected);
    // What is over the limit is posted again: noise does not repeat.
    for (let again = 0; isMeasured && problem === undefined && cost > limit && again < 3; again++) {
      const next = await this.#postOnce(body, expected);
      problem = next.problem;
      cost = Math.min(cost, next.cost);
    }
    this.#worstPost = Math.max(this.#worstPost, cost);
    if (isMeasured && cost > limit) problem ??= `answered in ${cost.toFixed()} ms/MB, ${body.length} bytes`;
    if (problem !== undefined) this.#found.push({ index, problem });
  }

  /** `cost` is processor time of the registry in ms, for each MB begun. */
  async #postOnce(body: Buffer, expected: Verdict): Promise<{ problem: string | undefined; cost: number }> {
    const target = await this.#running();
    const before = await target.ask<Used>({ ask: 'usage', collect: false });
    const problem = await post(target.url, body, expected);
    const after = await target.ask<Used>({ ask: 'usage', collect: false });
    if (before === undefined || after === undefined) {
      return {
        problem: `the process ended, or hung, when it got this (${problem ?? 'and had answered'})`,
        cost: 0,
      };
    }
    return { problem, cost: (after.cpuMs - before.cpuMs) / Math.max(1, body.length / MEGABYTE) };
  }
}

/** How much more the least of the last quarter is than the least of the second: a leak only rises. */
function gainOf(heapMb: readonly number[]): number {
  const quarter = Math.floor(heapMb.length / 4);
  if (quarter < 2) return 0;
  const least = (from: number) => Math.min(...heapMb.slice(from, from + quarter));
  return least(heapMb.length - quarter) - least(quarter);
}
