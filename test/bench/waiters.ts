import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type BenchRow, median, ratioOf } from './bench-row.js';
import { residentMemory, type ServerChild, startServer, stopServer } from './server-child.js';
import type { Round } from './waiters-client.js';

const WAITERS = 10_000;
const ROUNDS = 7;
/** How long a change waits for others that are told with it. */
const WINDOW_MS = 20;

interface Contender {
  readonly server: ServerChild;
  readonly clients: ChildProcess;
  /** Bytes of the server's resident memory for each that waits, its connection included. */
  readonly bytes: number;
  readonly rounds: Round[];
}

/**
 * Clients that wait in wait_for_change, all for one name, and one change of it. The limit: bare node:http that holds as
 * many responses and ends them all, one after the other, with a constant as long.
 */
export async function benchWaiters(): Promise<BenchRow[]> {
  const rollcall = await begin('rollcall');
  let bare: Contender | undefined;
  try {
    bare = await begin('bare-waiters');
    for (let round = 0; round <= ROUNDS; round++) {
      for (const { clients, rounds } of [rollcall, bare]) {
        await tell(clients, 'wait');
        const measured = (await tell(clients, 'change')) as Round;
        // The first round warms up and is not counted.
        if (round > 0) rounds.push(measured);
      }
    }
  } finally {
    for (const one of [rollcall, bare]) if (one !== undefined) await end(one);
  }
  return rowsOf(rollcall, bare);
}

function rowsOf(rollcall: Contender, bare: Contender): BenchRow[] {
  const what = `one change reaches ${WAITERS.toLocaleString('en')} that wait for it`;
  const row = (name: string, of: (round: Round) => number, note: string): BenchRow => {
    const [ours, theirs] = [rollcall.rounds.map(of), bare.rounds.map(of)];
    return {
      name,
      ratio: ratioOf(ours, theirs),
      against: 'bare node:http ending as many responses',
      target: 0,
      better: 'lower',
      note: `${median(ours).toFixed(0)} ms to ${median(theirs).toFixed(0)} ms${note}`,
    };
  };
  const window = `, of which ${WINDOW_MS} ms wait for what else may come`;
  return [
    row(`${what}, from the answer to the register, p50`, ({ p50 }) => p50, window),
    row(`${what}, p99`, ({ p99 }) => p99, window),
    row('the longest lookup meanwhile', ({ longestCall }) => longestCall, ''),
    {
      name: `memory for one that waits, of ${WAITERS.toLocaleString('en')}, its connection included`,
      ratio: rollcall.bytes / bare.bytes,
      against: "bare node:http's",
      target: 0,
      better: 'lower',
      note: `${(rollcall.bytes / 1024).toFixed(1)} KB to ${(bare.bytes / 1024).toFixed(1)} KB resident, after garbage collection`,
    },
  ];
}

async function begin(name: 'rollcall' | 'bare-waiters'): Promise<Contender> {
  const server = await startServer(name);
  const file = fileURLToPath(new URL('./waiters-client.js', import.meta.url));
  const kind = name === 'rollcall' ? 'rpc' : 'bare';
  const clients = fork(file, [server.url.href, kind, String(WAITERS)]);
  const before = await residentMemory(server);
  await tell(clients, 'open');
  await tell(clients, 'wait');
  const bytes = ((await residentMemory(server)) - before) / WAITERS;
  await tell(clients, 'change');
  return { server, clients, bytes, rounds: [] };
}

async function end({ server, clients }: Contender): Promise<void> {
  if (clients.connected) clients.disconnect();
  await stopServer(server);
}

/** What the clients answer once they have done it. */
async function tell(clients: ChildProcess, what: 'open' | 'wait' | 'change'): Promise<unknown> {
  clients.send(what);
  const over = new AbortController();
  const { signal } = over;
  try {
    const exit = once(clients, 'exit', { signal }).then(() => {
      throw new Error('the clients have failed');
    });
    const [answer] = await Promise.race([once(clients, 'message', { signal }), exit]);
    return answer;
  } finally {
    over.abort();
  }
}
