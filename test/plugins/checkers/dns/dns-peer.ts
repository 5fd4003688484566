import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import type { CheckTarget, Verdict } from '../../../../core/index.js';
import { systemClock } from '../../../../core/index.js';
import { createDnsChecker } from '../../../../plugins/checkers/dns/dns-checker.js';

const checker = createDnsChecker(systemClock);

/** Asks a target once, with options as a check spec writes them. */
export function check(
  { host, port }: CheckTarget,
  options: unknown = { query: 'shop.internal' },
  signal = AbortSignal.timeout(10_000),
): Promise<Verdict> {
  return checker.check({ target: { host, port }, options: checker.options.parse(options), signal });
}

/** A UDP server for one test, and what it was asked. */
export interface DnsPeer {
  readonly host: string;
  readonly port: number;
  readonly queries: readonly Buffer[];
  close(): Promise<void>;
}

/** Listens until the test ends, and sends back whatever is made of a query, if anything is. */
export async function listenDns(
  answer: (query: Buffer) => Buffer | undefined,
  host = '127.0.0.1',
): Promise<DnsPeer> {
  const socket: Socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const queries: Buffer[] = [];
  socket.on('message', (query, { port, address }) => {
    queries.push(query);
    const bytes = answer(query);
    if (bytes !== undefined) socket.send(bytes, port, address);
  });
  socket.bind(0, host);
  await once(socket, 'listening');
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= new Promise((resolve) => socket.close(() => resolve()));
    return closed;
  };
  onTestFinished(close);
  return { host, port: socket.address().port, queries, close };
}

/** A response to a query (RFC 1035 §4.1): its code, and records of the name and type that were asked for. */
export function response(query: Buffer, code: number, records: readonly Buffer[] = []): Buffer {
  let end = 12;
  while ((query[end] ?? 0) > 0) end += (query[end] ?? 0) + 1;
  const head = Buffer.from(query.subarray(0, end + 5));
  // It is a response, and recursion is to be had.
  head[2] = (head[2] ?? 0) | 0x80;
  head[3] = 0x80 | code;
  head.writeUInt16BE(records.length, 6);
  head.writeUInt32BE(0, 8);
  const type = query.subarray(end + 1, end + 5);
  const parts = records.flatMap((data) => {
    const size = Buffer.from([data.length >> 8, data.length & 0xff]);
    // The name is the one at byte 12, for a minute.
    return [Buffer.from([0xc0, 12]), type, Buffer.from([0, 0, 0, 60]), size, data];
  });
  return Buffer.concat([head, ...parts]);
}
