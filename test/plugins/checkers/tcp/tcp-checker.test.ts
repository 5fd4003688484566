import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../../../core/clock.js';
import { createTcpChecker } from '../../../../plugins/checkers/tcp/tcp-checker.js';
import { describeChecker } from '../../../contracts/checker.js';

const closers: (() => Promise<unknown> | unknown)[] = [];
const dispose = async () => {
  for (const close of closers.splice(0).reverse()) await close();
};
afterEach(dispose);

const checker = createTcpChecker(systemClock);
const check = (target: { host: string; port: number }, signal = AbortSignal.timeout(5_000)) =>
  checker.check({ target, options: {}, signal });

async function listen(host = '127.0.0.1'): Promise<{ host: string; port: number; server: Server }> {
  const server = createServer((socket) => socket.on('error', () => {}).resume());
  server.listen(0, host);
  await once(server, 'listening');
  closers.push(() => new Promise((resolve) => server.close(resolve)));
  return { host, port: (server.address() as AddressInfo).port, server };
}

/** A port on which nobody listens: one that was given out just now, and is closed again. */
async function freePort(): Promise<{ host: string; port: number }> {
  const { host, port, server } = await listen();
  await new Promise((resolve) => server.close(resolve));
  return { host, port };
}

/**
 * A listener that never accepts, with its backlog full: the system answers no further connect. Its thread sleeps, since
 * Node accepts whatever it can.
 */
async function listenDeaf(): Promise<{ host: string; port: number }> {
  const source = `
    const { createServer } = require('node:net');
    const { parentPort } = require('node:worker_threads');
    const server = createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      parentPort.postMessage(server.address().port);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`;
  const worker = new Worker(source, { eval: true });
  closers.push(() => worker.terminate());
  const [port] = (await once(worker, 'message')) as [number];
  const callers: Socket[] = [];
  closers.push(() => {
    for (const caller of callers) caller.destroy();
  });
  for (let caller = 0; caller < 2; caller++) {
    const socket = connect({ host: '127.0.0.1', port });
    callers.push(socket);
    await once(socket, 'connect');
  }
  return { host: '127.0.0.1', port };
}

describeChecker({
  test,
  create: async () => ({
    checker,
    options: {},
    healthy: listen,
    dead: freePort,
    silent: listenDeaf,
    dispose,
  }),
});

test('a refused connection is an error that says ECONNREFUSED', async () => {
  expect(await check(await freePort())).toMatchObject({ status: 'error', output: 'ECONNREFUSED' });
});

// A label of 64 characters is one that no resolver asks the network for.
test('a host name that does not exist is an error, and not a fault of the checker', async () => {
  const verdict = await check({ host: `${'x'.repeat(64)}.invalid`, port: 80 });
  expect(verdict).toMatchObject({
    status: 'error',
    output: expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN)$/),
  });
});

test('localhost is checked on whichever of its addresses the instance listens', async () => {
  const { port } = await listen('127.0.0.1');
  expect(await check({ host: 'localhost', port })).toMatchObject({ status: 'running' });
});

test('an instance is not left with a connection that nobody uses', async () => {
  const { server, ...target } = await listen();
  const connected = once(server, 'connection') as Promise<[Socket]>;
  await check(target);
  const [socket] = await connected;
  if (!socket.readableEnded) await once(socket, 'end');
  expect(socket.readableEnded).toBe(true);
});

test('a port that never answers is waited for only until the signal aborts, with its reason', async () => {
  const controller = new AbortController();
  const ended = check(await listenDeaf(), controller.signal);
  controller.abort(new Error('enough'));
  await expect(ended).rejects.toThrow('enough');
});

test('how long the connect took is measured on the clock that never goes back', async () => {
  let reading = 1_000;
  const clock = { ...systemClock, now: () => Number.NaN, monotonic: () => (reading += 7) };
  const verdict = await createTcpChecker(clock).check({
    target: await listen(),
    options: {},
    signal: AbortSignal.timeout(5_000),
  });
  expect(verdict.latencyMs).toBe(7);
});
