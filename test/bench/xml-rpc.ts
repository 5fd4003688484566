import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { writeCall } from '../../plugins/transports/xml-rpc/writer.js';
import { type BenchRow, median } from './bench-row.js';
import { load } from './http-load.js';
import { hasWrk, wrk } from './wrk.js';

const ROUNDS = 7;
const SECONDS = 2;
const CONNECTIONS = 16;
const [BEFORE = '', AFTER = ''] = writeCall('register', ['payments-NUMBER', '127.0.0.1', 9000, 1]).split(
  'NUMBER',
);
/** Names of one round are apart from those of all others. */
const NAMES_A_ROUND = 10_000_000;

interface Contender {
  readonly child: ChildProcess;
  readonly url: URL;
  readonly perSecond: number[];
  /** Microseconds of the server's processor time a request. */
  readonly cost: number[];
}

/** `register` of ever new names, store `memory`, 16 connections, against bare node:http answering a constant. */
export async function benchXmlRpc(): Promise<BenchRow[]> {
  const [bare, rollcall] = await Promise.all([begin('bare'), begin('rollcall')]);
  const contenders = [bare, rollcall];
  const client = hasWrk() ? 'wrk' : 'a client in Node (wrk is not installed)';
  const send = hasWrk() ? sendByWrk : sendByNode;
  try {
    // The first round warms up and is not counted. They take turns, so that a machine's moods fall on all alike.
    for (let round = 0; round <= ROUNDS; round++) {
      for (const { child, url, perSecond, cost } of contenders) {
        const before = await processorTime(child);
        const answered = await send(url, round * NAMES_A_ROUND);
        const used = (await processorTime(child)) - before;
        if (round === 0) continue;
        perSecond.push(answered);
        cost.push(used / (answered * SECONDS));
      }
    }
  } finally {
    for (const { child } of contenders) child.disconnect();
  }
  const what = `XML-RPC register, new names, store memory, ${CONNECTIONS} connections`;
  const rate = ({ perSecond }: Contender) => `${Math.round(median(perSecond))}/s`;
  return [
    {
      name: `${what}, requests a second`,
      ratio: median(rollcall.perSecond.map((value, round) => value / (bare.perSecond[round] ?? 1))),
      against: 'bare node:http answering a constant',
      target: 0.5,
      better: 'higher',
      note: `${rate(rollcall)} against ${rate(bare)}, sent by ${client}`,
    },
    {
      name: `${what}, processor time a request`,
      ratio: median(rollcall.cost.map((value, round) => value / (bare.cost[round] ?? 1))),
      against: "bare node:http's",
      target: 0,
      better: 'lower',
      note: `${median(rollcall.cost).toFixed(1)} µs against ${median(bare.cost).toFixed(1)} µs`,
    },
  ];
}

function sendByWrk(url: URL, from: number): Promise<number> {
  return wrk({
    url: url.href,
    connections: CONNECTIONS,
    seconds: SECONDS,
    before: BEFORE,
    after: AFTER,
    from,
  });
}

async function sendByNode({ hostname, port, pathname }: URL, from: number): Promise<number> {
  const { perSecond, errors } = await load({
    host: hostname,
    port: Number(port),
    path: pathname,
    connections: CONNECTIONS,
    seconds: SECONDS,
    body: (index) => `${BEFORE}${from + index}${AFTER}`,
  });
  if (errors > 0) throw new Error(`${errors} requests were answered wrongly`);
  return perSecond;
}

async function processorTime(child: ChildProcess): Promise<number> {
  child.send('processor time');
  const [{ user, system }] = (await once(child, 'message')) as [{ user: number; system: number }];
  return user + system;
}

async function begin(name: string): Promise<Contender> {
  const child = fork(fileURLToPath(new URL('./xml-rpc-server.js', import.meta.url)), [name]);
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return { child, url: new URL(`http://127.0.0.1:${port}/RPC2`), perSecond: [], cost: [] };
}
