import { writeCall } from '../../plugins/transports/xml-rpc/writer.js';
import { type BenchRow, median, ratioOf, skippedRow } from './bench-row.js';
import { A_SERVICE, nameOf } from './records.js';
import {
  clientName,
  processorTime,
  type ServerChild,
  send,
  startServer,
  stopServer,
} from './server-child.js';
import { type PythonServer, startPythonServer } from './simple-xml-rpc-server.js';
import type { WrkBody } from './wrk.js';

const ROUNDS = 7;
const SECONDS = 2;
const CONNECTIONS = 16;
/** Names of one round are apart from those of all others. */
const NAMES_A_ROUND = 10_000_000;
/** Of the number in a name. */
const DIGITS = 6;
const SERVICES = 1_000;
const WIDE_SERVICES = 50;
const A_WIDE_SERVICE = 20;
/** So many registrations in one `system.multicall`. */
const A_MULTICALL = 100;
/** More than one at a time would not help a server that takes them in turn. */
const FILLERS = 4;

interface Measured {
  readonly what: string;
  readonly target: number;
  body(round: number): WrkBody;
}

const METHODS: readonly Measured[] = [
  {
    what: `get_service_details, ${SERVICES} names at random, ${A_SERVICE} instances each`,
    target: 0.7,
    body: () => randomName('get_service_details', nameOf(0), SERVICES),
  },
  {
    what: `lookup, ${WIDE_SERVICES} names at random, ${A_WIDE_SERVICE} instances each`,
    target: 0.45,
    body: () => randomName('lookup', wideName(0), WIDE_SERVICES),
  },
  {
    what: `heartbeat, ${SERVICES} names at random, one instance each`,
    target: 0.75,
    body: () => randomName('heartbeat', leasedName(0), SERVICES),
  },
  // Last, since the others would be measured beside the million instances that it leaves.
  { what: 'register, new names', target: 0.75, body: (round) => registerBody(round) },
];

/** The body of a `register` of a name that no other has in this round. */
export function registerBody(round: number): WrkBody {
  const template = writeCall('register', ['payments-NUMBER', '127.0.0.1', 9000, 1]);
  return { template, from: round * NAMES_A_ROUND };
}

/**
 * What is asked of a registry most, against bare node:http answering a constant: store `memory`, 16 connections. Beside it
 * the servers that npm and Python bring, with a table of services behind them that does as little as it can.
 */
export async function benchXmlRpc(): Promise<BenchRow[]> {
  const rates = new Rates();
  const servers: Record<'bare' | 'rollcall' | 'npm', ServerChild> = {
    bare: await startServer('bare'),
    rollcall: await startServer('rollcall'),
    npm: await startServer('npm'),
  };
  const python = await startPythonServer();
  try {
    for (const server of [servers.rollcall, servers.npm, ...(python === undefined ? [] : [python])]) {
      await fill(server);
    }
    for (const { what, body } of METHODS) {
      // The first round warms up and is not counted. They take turns, so that a machine's moods fall on all alike.
      for (let round = 0; round <= ROUNDS; round++) {
        for (const [name, server] of Object.entries(servers)) {
          const before = await processorTime(server);
          const answered = await send(server, {
            connections: CONNECTIONS,
            seconds: SECONDS,
            body: body(round),
          });
          const used = (await processorTime(server)) - before;
          if (round === 0) continue;
          rates.add(`${name} ${what}`, answered);
          rates.add(`cost of ${name} ${what}`, used / (answered * SECONDS));
        }
        if (python === undefined) continue;
        const answered = await send(python, {
          connections: CONNECTIONS,
          seconds: SECONDS,
          body: body(round),
        });
        if (round > 0) rates.add(`python ${what}`, answered);
      }
    }
    await measureMulticall(servers.rollcall, rates);
  } finally {
    for (const server of Object.values(servers)) await stopServer(server);
    await python?.stop();
  }
  return [...rowsOf(rates, python), multicallRow(rates)];
}

class Rates {
  readonly #all = new Map<string, number[]>();

  add(name: string, value: number): void {
    this.#all.set(name, [...this.of(name), value]);
  }

  of(name: string): number[] {
    return this.#all.get(name) ?? [];
  }

  show(name: string): string {
    return `${Math.round(median(this.of(name)))}/s`;
  }
}

function rowsOf(rates: Rates, python: PythonServer | undefined): BenchRow[] {
  return METHODS.flatMap(({ what, target }): BenchRow[] => {
    const row = (who: string, server: string, aim: number): BenchRow => ({
      name: `${who} ${what}, requests a second`,
      ratio: ratioOf(rates.of(`${server} ${what}`), rates.of(`bare ${what}`)),
      against: 'bare node:http answering a constant',
      target: aim,
      better: 'higher',
      note: `${rates.show(`${server} ${what}`)} against ${rates.show(`bare ${what}`)}, sent by ${clientName()}`,
    });
    const cost = (server: string) => rates.of(`cost of ${server} ${what}`);
    const pythonRow = row("Python's SimpleXMLRPCServer,", 'python', 0);
    return [
      row('XML-RPC', 'rollcall', target),
      {
        name: `XML-RPC ${what}, processor time a request`,
        ratio: ratioOf(cost('rollcall'), cost('bare')),
        against: "bare node:http's",
        target: 0,
        better: 'lower',
        note: `${median(cost('rollcall')).toFixed(1)} µs against ${median(cost('bare')).toFixed(1)} µs`,
      },
      row("npm xmlrpc's server,", 'npm', 0),
      python === undefined ? skippedRow(pythonRow.name, pythonRow.against, 'needs python3') : pythonRow,
    ];
  });
}

/** Registrations a second, each a call or a hundred in one. */
async function measureMulticall(server: ServerChild, rates: Rates): Promise<void> {
  const calls = Array.from({ length: A_MULTICALL }, (_, at) => ({
    methodName: 'register',
    params: [`payments-NUMBER-${at}`, '127.0.0.1', 9000, 1],
  }));
  const template = writeCall('system.multicall', [calls]);
  for (let round = 0; round <= ROUNDS; round++) {
    const from = (ROUNDS + 1 + round) * NAMES_A_ROUND;
    const options = { connections: CONNECTIONS, seconds: SECONDS };
    const apart = await send(server, { ...options, body: registerBody(ROUNDS + 1 + round) });
    const together = await send(server, { ...options, body: { template, from } });
    if (round === 0) continue;
    rates.add('apart', apart);
    rates.add('together', together * A_MULTICALL);
  }
}

function multicallRow(rates: Rates): BenchRow {
  return {
    name: `XML-RPC ${A_MULTICALL} registers in one system.multicall, registers a second`,
    ratio: ratioOf(rates.of('together'), rates.of('apart')),
    against: 'one a call',
    target: 0,
    better: 'higher',
    note: `${rates.show('together')} against ${rates.show('apart')}`,
  };
}

/** The services that are asked for, registered by the calls that any client makes. */
async function fill({ url }: { readonly url: URL }): Promise<void> {
  const calls: string[] = [];
  const add = (name: string, at: number, details?: { ttl: number }) =>
    calls.push(
      writeCall('register', [name, '10.0.0.1', 9_000 + at, 1, ...(details === undefined ? [] : [details])]),
    );
  for (let service = 0; service < SERVICES; service++) {
    for (let at = 0; at < A_SERVICE; at++) add(nameOf(service), at);
    add(leasedName(service), 0, { ttl: 3_600_000 });
  }
  for (let service = 0; service < WIDE_SERVICES; service++) {
    for (let at = 0; at < A_WIDE_SERVICE; at++) add(wideName(service), at);
  }
  const fillers = Array.from({ length: FILLERS }, async () => {
    for (let body = calls.pop(); body !== undefined; body = calls.pop()) {
      const response = await fetch(url, { method: 'POST', headers: { 'Content-Type': 'text/xml' }, body });
      const answer = await response.text();
      if (!response.ok || answer.includes('<fault>')) throw new Error(`a registration failed: ${answer}`);
    }
  });
  await Promise.all(fillers);
}

function randomName(method: string, first: string, below: number): WrkBody {
  return { template: writeCall(method, [`${first.slice(0, -DIGITS)}NUMBER`]), below, digits: DIGITS };
}

function wideName(number: number): string {
  return nameOf(number).replace('service', 'wide');
}

function leasedName(number: number): string {
  return nameOf(number).replace('service', 'leased');
}
