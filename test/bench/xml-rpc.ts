import { writeCall } from '../../plugins/transports/xml-rpc/writer.js';
import { type BenchRow, median, ratioOf } from './bench-row.js';
import {
  clientName,
  processorTime,
  type ServerChild,
  send,
  startServer,
  stopServer,
} from './server-child.js';

const ROUNDS = 7;
const SECONDS = 2;
const CONNECTIONS = 16;
/** Names of one round are apart from those of all others. */
const NAMES_A_ROUND = 10_000_000;

interface Contender {
  readonly server: ServerChild;
  readonly perSecond: number[];
  /** Microseconds of the server's processor time a request. */
  readonly cost: number[];
}

/** The body of a `register` of a name that no other has in this round. */
export function registerBody(round: number): { before: string; after: string; from: number } {
  const call = writeCall('register', ['payments-NUMBER', '127.0.0.1', 9000, 1]);
  const [before = '', after = ''] = call.split('NUMBER');
  return { before, after, from: round * NAMES_A_ROUND };
}

/** `register` of ever new names, store `memory`, 16 connections, against bare node:http answering a constant. */
export async function benchXmlRpc(): Promise<BenchRow[]> {
  const [bare, rollcall] = await Promise.all([begin('bare'), begin('rollcall')]);
  const contenders = [bare, rollcall];
  try {
    // The first round warms up and is not counted. They take turns, so that a machine's moods fall on all alike.
    for (let round = 0; round <= ROUNDS; round++) {
      for (const { server, perSecond, cost } of contenders) {
        const before = await processorTime(server);
        const body = registerBody(round);
        const answered = await send(server, { connections: CONNECTIONS, seconds: SECONDS, body });
        const used = (await processorTime(server)) - before;
        if (round === 0) continue;
        perSecond.push(answered);
        cost.push(used / (answered * SECONDS));
      }
    }
  } finally {
    for (const { server } of contenders) await stopServer(server);
  }
  const what = `XML-RPC register, new names, store memory, ${CONNECTIONS} connections`;
  const rate = ({ perSecond }: Contender) => `${Math.round(median(perSecond))}/s`;
  return [
    {
      name: `${what}, requests a second`,
      ratio: ratioOf(rollcall.perSecond, bare.perSecond),
      against: 'bare node:http answering a constant',
      target: 0.5,
      better: 'higher',
      note: `${rate(rollcall)} against ${rate(bare)}, sent by ${clientName()}`,
    },
    {
      name: `${what}, processor time a request`,
      ratio: ratioOf(rollcall.cost, bare.cost),
      against: "bare node:http's",
      target: 0,
      better: 'lower',
      note: `${median(rollcall.cost).toFixed(1)} µs against ${median(bare.cost).toFixed(1)} µs`,
    },
  ];
}

async function begin(name: string): Promise<Contender> {
  return { server: await startServer(name), perSecond: [], cost: [] };
}
