import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server as NetServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { type CheckTarget, systemClock, type Verdict } from '../../../../core/index.js';
import { createGrpcChecker } from '../../../../plugins/checkers/grpc/grpc-checker.js';

const closers: (() => Promise<unknown> | unknown)[] = [];

/** Closes what the tests opened, the last first. */
export async function closeAll(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}

export const checker = createGrpcChecker({ clock: systemClock, grpc });

export function check(target: CheckTarget, given: unknown = {}, subject = checker): Promise<Verdict> {
  return subject.check({
    target,
    options: subject.options.parse(given),
    signal: AbortSignal.timeout(10_000),
  });
}

interface Asked {
  readonly service: string;
}

type Reply = (
  service: string,
  call: grpc.ServerUnaryCall<Asked, Buffer>,
) => Buffer | Partial<grpc.ServiceError>;

/** A real gRPC server whose health service answers these bytes, or fails so. */
export async function serve(
  reply: Reply,
  { credentials = grpc.ServerCredentials.createInsecure(), host = '127.0.0.1' } = {},
): Promise<CheckTarget> {
  const server = new grpc.Server();
  const check: grpc.MethodDefinition<Asked, Buffer> = {
    path: '/grpc.health.v1.Health/Check',
    requestStream: false,
    responseStream: false,
    requestSerialize: () => Buffer.alloc(0),
    // Field 1, a text: its length is one byte up to 127 characters.
    requestDeserialize: (bytes) => ({ service: bytes.subarray(2).toString() }),
    responseSerialize: (bytes) => bytes,
    responseDeserialize: (bytes) => bytes,
  };
  server.addService(
    { check },
    {
      check: (call: grpc.ServerUnaryCall<Asked, Buffer>, answer: grpc.sendUnaryData<Buffer>) => {
        const given = reply(call.request.service, call);
        if (Buffer.isBuffer(given)) answer(null, given);
        else answer(given);
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    const address = `${host.includes(':') ? `[${host}]` : host}:0`;
    server.bindAsync(address, credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  closers.push(() => server.forceShutdown());
  return { host, port };
}

/** The bytes of a health answer of that status. */
export const status = (number: number) => Buffer.from([0x08, number]);

/** A listener that does with each connection what it is told to; half-open ones stay until the test ends. */
export async function listen(
  onConnection: (socket: Socket) => void,
): Promise<CheckTarget & { server: NetServer; open: Set<Socket> }> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket)).on('error', () => {});
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    for (const socket of open) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port, server, open };
}

/** A port on which nobody listens. */
export async function freePort(): Promise<CheckTarget> {
  const { server, host, port } = await listen(() => {});
  await new Promise((resolve) => server.close(resolve));
  return { host, port };
}

/** A certificate of its own, for `localhost` and 127.0.0.1, with its key. */
export async function makeCertificate(): Promise<{ cert: string; key: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'rollcall-grpc-'));
  try {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
    const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    const files = ['-keyout', key, '-out', cert];
    execFileSync('openssl', ['req', '-x509', ...curve, '-nodes', '-days', '1', ...names, ...files], {
      stdio: 'ignore',
    });
    return { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
