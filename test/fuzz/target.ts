import { createRegistry, silentLogger } from '../../core/index.js';
import { builtins } from '../../plugins/index.js';
import { readMethodCall } from '../../plugins/transports/xml-rpc/reader.js';
import { everyBomb } from './bombs.js';
import { judgeReader } from './judge.js';
import { inputOf, MEGABYTE, MS_A_MEGABYTE } from './mutate.js';

/** What the fuzz run asks of its target, a process of its own, by IPC. */
export type Question =
  | {
      readonly ask: 'read';
      readonly seed: number;
      readonly from: number;
      readonly count: number;
      readonly bombBytes: number;
    }
  | { readonly ask: 'bombs'; readonly bytes: number }
  | { readonly ask: 'forget' }
  | { readonly ask: 'usage'; readonly collect: boolean };

/** One thing found wrong, and the number of the input it was found with. */
export interface Found {
  readonly index: number;
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

function readAll(bodies: Iterable<readonly [number, Buffer]>): Reply {
  const found: Found[] = [];
  let worst = 0;
  for (const [index, body] of bodies) {
    const cost = costOf(body);
    worst = Math.max(worst, cost);
    if (cost > MS_A_MEGABYTE)
      found.push({ index, problem: `read in ${cost.toFixed()} ms/MB, ${body.length} bytes` });
    const { problem } = judgeReader(body);
    if (problem !== undefined) found.push({ index, problem });
  }
  return { found, worst };
}

async function answer(question: Question): Promise<Reply> {
  switch (question.ask) {
    case 'read': {
      const { seed, from, count, bombBytes } = question;
      return readAll(
        Array.from({ length: count }, (_, at) => [from + at, inputOf(seed, from + at, bombBytes)]),
      );
    }
    case 'bombs':
      return readAll(everyBomb(question.bytes).entries());
    case 'forget':
      for (const { name } of registry.services.traverse()) await registry.services.unregister(name);
      return { found: [], worst: 0 };
    case 'usage': {
      if (question.collect) globalThis.gc?.();
      const { user, system } = process.cpuUsage();
      const { heapUsed, external } = process.memoryUsage();
      return { cpuMs: (user + system) / 1000, heapBytes: heapUsed + external };
    }
  }
}

process.on('message', (question: Question) => void answer(question).then((reply) => process.send?.(reply)));
process.on('disconnect', () => process.exit());
process.send?.({ port: registry.doors[0]?.address.port });
