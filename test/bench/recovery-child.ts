import { closeSync, createWriteStream, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { createRegistry, type Registry, silentLogger } from '../../core/index.js';
import { builtins } from '../../plugins/index.js';
import { recordOf } from './records.js';

/** What a step took, and what it left in memory after garbage collection. */
export interface Recovered {
  readonly seconds: number;
  readonly records: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
}

/** No snapshot is begun before the journals are this long. */
const NEVER = 2 ** 40;
/** As many as get an id at once. */
const IN_FLIGHT = 100;
const SNAPSHOT_MS = 600_000;

/** The steps of the benchmark of recovery, each in a process of its own. */
const steps: Record<string, (path: string, argument: string) => Promise<unknown>> = {
  /** Fills a new data folder with so many instances, all of it in journals. */
  async fill(path, argument) {
    const count = Number(argument);
    // Nothing here waits for the disk, which would be most of the time.
    const registry = await open(path, NEVER, { durability: 'interval' });
    let next = 0;
    const register = async () => {
      while (next < count) {
        const at = next++;
        const { name, instance, host, port, version, tags, meta, weight, zone } = recordOf(at, count);
        const request = { name, instance, host, port, version, tags, meta, weight, zone };
        await registry.services.register(request as Parameters<typeof registry.services.register>[0]);
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, register));
    await registry.stop();
    return { records: count };
  },

  /** Has the store write a snapshot, which it does when the journals have become too long, and waits for it. */
  async compact(path) {
    const registry = await open(path, 2 ** 16);
    const { services } = registry;
    const [first] = services.traverse();
    if (first === undefined) throw new Error(`${path} is empty`);
    // Any write will do.
    for (let waited = 0; !readdirSync(path).some((name) => /^snapshot-\d+\.log$/.test(name)); waited += 50) {
      if (waited > SNAPSHOT_MS) throw new Error(`no snapshot was written in ${path}`);
      if (waited === 0) await services.updateStatus(first.name, 'degraded');
      await pause(50);
    }
    await services.updateStatus(first.name, 'running');
    await registry.stop();
    return { records: services.count() };
  },

  /** The records of a registry as lines of JSON, in a file. */
  async lines(path, file) {
    const registry = await open(path, NEVER);
    async function* lines() {
      let gathered: string[] = [];
      for (const record of registry.services.traverse()) {
        gathered.push(`${JSON.stringify(record)}\n`);
        if (gathered.length < 1_000) continue;
        yield gathered.join('');
        gathered = [];
      }
      yield gathered.join('');
    }
    await pipeline(lines, createWriteStream(file));
    const records = registry.services.count();
    await registry.stop();
    return { records };
  },

  /** Starts a registry on a data folder. */
  async start(path) {
    const start = performance.now();
    const registry = await open(path, NEVER);
    const seconds = (performance.now() - start) / 1000;
    const answer = measured(seconds, registry.services.count());
    await registry.stop();
    return answer;
  },

  /** What a start can be no quicker than: JSON.parse of each line, and the values kept. */
  async parse(file) {
    const start = performance.now();
    const values = parseLines(file);
    const seconds = (performance.now() - start) / 1000;
    const answer = measured(seconds, values.length);
    // Asked for something after the measurement, so that it lives until then.
    return values.length === answer.records ? answer : undefined;
  },
};

function open(path: string, snapshotBytes: number, options = {}): Promise<Registry> {
  return createRegistry({
    config: {
      store: ['file', { path, snapshotBytes, ...options }],
      plugins: [],
      services: { maxInstances: 10_000_000 },
    },
    builtins,
    logger: silentLogger,
  });
}

/** Reads by the megabyte, and makes each line a string of its own. */
function parseLines(file: string): unknown[] {
  const values: unknown[] = [];
  const fd = openSync(file, 'r');
  let buffer = Buffer.alloc(2 ** 20);
  let kept = 0;
  for (;;) {
    const length = readSync(fd, buffer, kept, buffer.length - kept, null);
    const bytes = buffer.subarray(0, kept + length);
    let begin = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, begin)) {
      values.push(JSON.parse(bytes.toString('utf8', begin, end)));
      begin = end + 1;
    }
    if (length === 0) break;
    kept = bytes.length - begin;
    if (begin === 0 && kept === buffer.length) buffer = Buffer.concat([buffer, Buffer.alloc(kept)]);
    else bytes.copy(buffer, 0, begin);
  }
  closeSync(fd);
  return values;
}

function measured(seconds: number, records: number): Recovered {
  globalThis.gc?.();
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  return { seconds, records, rssBytes: rss, heapBytes: heapUsed };
}

/** How many bytes the files of one kind have in a data folder. */
export function bytesOf(path: string, kind: 'snapshot' | 'journal'): number {
  const names = readdirSync(path).filter((name) => name.startsWith(kind));
  return names.reduce((sum, name) => sum + statSync(join(path, name)).size, 0);
}

const step = process.send === undefined ? undefined : steps[process.argv[2] ?? ''];
if (step !== undefined) {
  const [path = '', argument = ''] = process.argv.slice(3);
  process.send?.(await step(path, argument));
  process.disconnect();
}
