import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A TCP server for one test, and who is connected to it. */
export interface RawPeer {
  readonly host: string;
  readonly port: number;
  readonly open: ReadonlySet<Socket>;
  close(): Promise<void>;
}

/** Listens until the test ends, and does with each connection as it is told. */
export async function listenRaw(
  onConnection: (socket: Socket) => void,
  host = '127.0.0.1',
): Promise<RawPeer> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => {});
    onConnection(socket);
  });
  server.listen(0, host);
  await once(server, 'listening');
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of open) socket.destroy();
    });
    return closed;
  };
  onTestFinished(close);
  return { host, port: (server.address() as AddressInfo).port, open, close };
}

/** An address of this machine at which other tests get no ports, for programs that have to be told theirs. */
export const QUIET_HOST = process.platform === 'linux' ? '127.77.0.1' : '127.0.0.1';

/** A port on which nobody listens: one that was given out just now, and is closed again. */
export async function freePort(host?: string): Promise<{ host: string; port: number }> {
  const { port, close, ...peer } = await listenRaw(() => {}, host);
  await close();
  return { host: peer.host, port };
}

/** A connection that is written to for as long as it takes anything. */
export function flood(socket: Socket, begin: string, piece: string): void {
  socket.resume();
  socket.write(begin);
  const write = () => {
    while (!socket.destroyed && socket.write(piece)) {}
  };
  socket.on('drain', write);
  write();
}

/** A connection that gets a little more every few milliseconds, without end. */
export function trickle(socket: Socket, begin: string, piece: string): void {
  socket.resume();
  socket.write(begin);
  const timer = setInterval(() => socket.write(piece), 5);
  socket.on('close', () => clearInterval(timer));
}
