import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BenchRow, median, ratioOf, skippedRow } from './bench-row.js';
import { Etcd, missingForEtcd } from './etcd.js';
import { clientName, NotStarted, type ServerChild, send, startServer, stopServer } from './server-child.js';
import { registerBody } from './xml-rpc.js';

const ROUNDS = 5;
const SECONDS = 2;
/** As long as a plain registration is in the journal. */
const VALUE_BYTES = 300;
/** The ratio to the memory store that is aimed at, by connections. */
const TARGETS = new Map([
  [16, 0.5],
  [64, 0.75],
]);
const IN_FLIGHT = 16;
const FILE_SYSTEMS: Record<number, string> = {
  61267: 'ext4',
  16914836: 'tmpfs, which is no disk',
  1481003842: 'xfs',
  2035054128: 'overlay',
  2435016766: 'btrfs',
};

/** Durable `register` of new names over XML-RPC, against the memory store and against etcd's durable Put. */
export async function benchDurable(): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'rollcall-bench-'));
  const { type } = await statfs(folder);
  const where = `files on ${FILE_SYSTEMS[type] ?? `file system 0x${type.toString(16)}`}, sent by ${clientName()}`;
  const servers = new Map<string, ServerChild>();
  const without = missingForEtcd();
  let etcd: Etcd | undefined;
  const rates = new Map<string, number[]>();
  const note = (name: string, round: number, perSecond: number) => {
    if (round > 0) rates.set(name, [...(rates.get(name) ?? []), perSecond]);
  };
  try {
    servers.set('memory', await startServer('rollcall'));
    servers.set('fsync', await startServer('rollcall', ['file', { path: join(folder, 'fsync') }]));
    const interval = await startInterval(join(folder, 'interval'));
    if (interval !== undefined) servers.set('interval', interval);
    if (without === undefined) etcd = await Etcd.start(folder, VALUE_BYTES);
    // The first round warms up. All take turns, so that the moods of machine and disk fall on all alike.
    for (const [step, connections] of [...TARGETS.keys()].entries()) {
      for (let round = 0; round <= ROUNDS; round++) {
        for (const [name, server] of servers) {
          const body = registerBody(step * (ROUNDS + 1) + round);
          const answered = await send(server, { connections, seconds: SECONDS, body });
          note(`${name} ${connections}`, round, answered);
        }
        if (etcd === undefined || connections !== IN_FLIGHT) continue;
        const seconds = SECONDS;
        note('one client', round, await etcd.put({ clients: 1, streams: IN_FLIGHT, seconds }));
        note('many clients', round, await etcd.put({ clients: IN_FLIGHT, streams: 1, seconds }));
      }
    }
  } finally {
    for (const server of servers.values()) await stopServer(server);
    await etcd?.stop();
    await rm(folder, { recursive: true, force: true });
  }

  const of = (name: string) => rates.get(name) ?? [];
  const show = (name: string) => `${Math.round(median(of(name)))}/s`;
  const rows: BenchRow[] = [];
  for (const [durability, hasTarget] of [
    ['fsync', true],
    ['interval', false],
  ] as const) {
    for (const [connections, target] of TARGETS) {
      const name = `XML-RPC register, new names, store file, durability ${durability}, ${connections} connections`;
      const against = "the memory store's";
      if (!servers.has(durability)) {
        rows.push(skippedRow(name, against, `needs durability '${durability}' in the file store`));
        continue;
      }
      const [ours, theirs] = [`${durability} ${connections}`, `memory ${connections}`];
      rows.push({
        name,
        ratio: ratioOf(of(ours), of(theirs)),
        against,
        target: hasTarget ? target : 0,
        better: 'higher',
        note: `${show(ours)} to ${show(theirs)}, ${where}`,
      });
    }
  }
  const name = `XML-RPC register, new names, store file, ${IN_FLIGHT} in flight`;
  const against = "etcd's durable Put";
  if (without !== undefined) return [...rows, skippedRow(name, against, without)];
  // Whichever way of asking suits etcd better.
  const best = median(of('one client')) > median(of('many clients')) ? 'one client' : 'many clients';
  const ours = `fsync ${IN_FLIGHT}`;
  rows.push({
    name,
    ratio: ratioOf(of(ours), of(best)),
    against,
    target: 1.2,
    better: 'higher',
    note: `${show(ours)} to ${show('one client')} over one connection, ${show('many clients')} over ${IN_FLIGHT}, sent by h2load`,
  });
  return rows;
}

/** Undefined where the file store has no such option. */
async function startInterval(path: string): Promise<ServerChild | undefined> {
  try {
    return await startServer('rollcall', ['file', { path, durability: 'interval' }]);
  } catch (error) {
    if (error instanceof NotStarted && error.code === 'PLUGIN_OPTIONS') return undefined;
    throw error;
  }
}
