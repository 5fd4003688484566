import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { load } from './http-load.js';
import { hasWrk, type WrkBody, wrk } from './wrk.js';

/** A server of the benchmarks that runs as a process of its own (xml-rpc-server.ts). */
export interface ServerChild {
  readonly child: ChildProcess;
  readonly url: URL;
}

/** Why a server did not start. */
export class NotStarted extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** What sends the requests, for the notes. */
export function clientName(): string {
  return hasWrk() ? 'wrk' : 'a client in Node (wrk is not installed)';
}

/** Rejects with NotStarted. */
export async function startServer(name: string, argument?: unknown): Promise<ServerChild> {
  const args = argument === undefined ? [name] : [name, JSON.stringify(argument)];
  const file = fileURLToPath(new URL('./xml-rpc-server.js', import.meta.url));
  const child = fork(file, args, { execArgv: ['--max-old-space-size=8192'] });
  const [message] = await Promise.race([once(child, 'message'), once(child, 'exit')]);
  const { port, code, message: text } = Object(message) as { port?: number; code?: string; message?: string };
  if (port !== undefined) return { child, url: new URL(`http://127.0.0.1:${port}/RPC2`) };
  if (child.connected) child.disconnect();
  throw new NotStarted(code ?? 'INTERNAL', text ?? `the server "${name}" ended before it listened`);
}

/** Resolves once it is gone, so that its files can be removed. */
export async function stopServer({ child }: ServerChild): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.disconnect();
  await exited;
}

/** Microseconds of processor time that it has used. */
export async function processorTime({ child }: ServerChild): Promise<number> {
  child.send('processor time');
  const [{ user, system }] = (await once(child, 'message')) as [{ user: number; system: number }];
  return user + system;
}

/** Bytes of memory that it holds, after garbage collection. */
export async function residentMemory({ child }: ServerChild): Promise<number> {
  child.send('memory');
  const [bytes] = (await once(child, 'message')) as [number];
  return bytes;
}

/** Sends POSTs for some seconds and answers how many were answered a second; rejects where any was answered wrongly. */
export async function send(
  { url }: Pick<ServerChild, 'url'>,
  options: { connections: number; seconds: number; body: WrkBody },
): Promise<number> {
  const { connections, seconds, body } = options;
  if (hasWrk()) return wrk({ url: url.href, connections, seconds, body });
  const parts = body.template.split('NUMBER');
  const number =
    'from' in body
      ? (at: number) => String(body.from + at)
      : (at: number) => digits((at * 7919) % body.below, body.digits);
  const { perSecond, errors } = await load({
    host: url.hostname,
    port: Number(url.port),
    path: url.pathname,
    connections,
    seconds,
    body: (at) => parts.join(number(at)),
  });
  if (errors > 0) throw new Error(`${errors} requests were answered wrongly`);
  return perSecond;
}

function digits(number: number, length: number): string {
  return String(number).padStart(length, '0');
}
