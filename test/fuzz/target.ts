import { createRegistry, silentLogger } from '../../core/index.js';
import { builtins } from '../../plugins/index.js';
import { readMethodCall } from '../../plugins/transports/xml-rpc/reader.js';
import { everyBomb } from './bombs.js';
import { judgeReader } from './judge.js';
import { inputOf, MEGABYTE, MS_A_MEGABYTE } from './mutate.js';

/** What the fuzz run asks of its target, a process of its own, by IPC. */
export type Question =
  | { readonly ask: 'read'; readonly inputs: Inputs; readonly isMeasured: boolean }
  /** Every bomb, of so many bytes each. */
  | { readonly ask: 'bombs'; readonly bytes: number }
  /** Removes all that was registered. */
  | { readonly ask: 'forget' }
  | { readonly ask: 'usage'; readonly collect: boolean };

/** Which inputs of the run of a seed. */
export interface Inputs {
  readonly seed: number;
  readonly from: number;
  readonly count: number;
  readonly bombBytes: number;
}

/** One thing found wrong, and the number of the input it was found with, where it was one. */
export interface Found {
  readonly index?: number;
  readonly problem: string;
}

export type Reply =
  | { readonly found: readonly Found[]; readonly worst: number }
  /** Milliseconds of processor time, and bytes that are in use. */
  | { readonly cpuMs: number; readonly heapBytes: number };

const registry = await createRegistry({
  config: { store: 'memory', plugins: [['xml-rpc', { port: 0 }]] },
  builtins,
  logger: silentLogger,
});
await registry.start();

/** Processor time that reading takes, in ms for each MB begun. What is over the limit is read again: noise does not repeat. */
function costOf(body: Buffer): number {
  let least = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < 4; tries++) {
    const before = process.cpuUsage();
    try {
      readMethodCall(body);
    } catch {
      // The judge says what of it.
    }
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000 / Math.max(1, body.length / MEGABYTE));
    if (least <= MS_A_MEGABYTE) break;
  }
  return least;
}

/** What is wrong with a message, or with what reading it costs; and that cost, 0 where it is not asked. */
function judged(body: Buffer, isMeasured: boolean): { problem: string | undefined; cost: number } {
  const cost = isMeasured ? costOf(body) : 0;
  const isSlow = cost > MS_A_MEGABYTE;
  const problem = isSlow
    ? `read in ${cost.toFixed()} ms/MB, ${body.length} bytes`
    : judgeReader(body).problem;
  return { problem, cost };
}

function read({ seed, from, count, bombBytes }: Inputs, isMeasured: boolean): Reply {
  const found: Found[] = [];
  let worst = 0;
  for (let index = from; index < from + count; index++) {
    const { problem, cost } = judged(inputOf(seed, index, bombBytes), isMeasured);
    worst = Math.max(worst, cost);
    if (problem !== undefined) found.push({ index, problem });
  }
  return { found, worst };
}

function readBombs(bytes: number): Reply {
  const found: Found[] = [];
  let worst = 0;
  for (const body of everyBomb(bytes)) {
    const { problem, cost } = judged(body, true);
    worst = Math.max(worst, cost);
    if (problem !== undefined) found.push({ problem: `${problem}: ${body.toString('latin1', 0, 200)}` });
  }
  return { found, worst };
}

async function answer(question: Question): Promise<Reply> {
  switch (question.ask) {
    case 'read':
      return read(question.inputs, question.isMeasured);
    case 'bombs':
      return readBombs(question.bytes);
    case 'forget':
      for (const { name } of registry.services.traverse()) await registry.services.unregister(name);
      return { found: [], worst: 0 };
    case 'usage': {
      // What the first collection lets go of outside the heap is only counted off by the second.
      if (question.collect) for (let times = 0; times < 2; times++) globalThis.gc?.();
      const { user, system } = process.cpuUsage();
      const { heapUsed, external } = process.memoryUsage();
      return { cpuMs: (user + system) / 1000, heapBytes: heapUsed + external };
    }
  }
}

process.on('message', (question: Question) => void answer(question).then((reply) => process.send?.(reply)));
process.on('disconnect', () => process.exit());
process.send?.({ port: registry.doors[0]?.address.port });
