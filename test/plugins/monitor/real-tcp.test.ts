import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createRegistry, definePlugin, type ServiceRecord, silentLogger } from '../../../core/index.js';
import tcpChecker from '../../../plugins/checkers/tcp/index.js';
import monitor from '../../../plugins/monitor/index.js';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function listen(port = 0): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => {}).resume());
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
const close = (server: Server) => new Promise((resolve) => server.close(resolve));

test('a real port that dies is found out by real connects, and found again when it returns', async () => {
  const wanted = new Map<string, (record: ServiceRecord) => void>();
  const becomes = (status: string) => new Promise<ServiceRecord>((resolve) => wanted.set(status, resolve));
  const listener = definePlugin({
    name: 'listener',
    setup: (api) => api.hooks.statusChanged.tap((record) => wanted.get(record.status)?.(record)),
  });
  const registry = await createRegistry({
    config: {
      store: 'memory',
      plugins: [[monitor, { interval: '100ms', timeout: '1s' }], tcpChecker, listener],
    },
    logger: silentLogger,
  });
  closers.push(() => registry.stop());
  await registry.start();

  const server = await listen();
  const { port } = server.address() as AddressInfo;
  const connected = once(server, 'connection');
  await registry.services.register({ name: 'payments', host: '127.0.0.1', port });
  await connected;

  const died = becomes('error');
  await close(server);
  expect((await died).reason).toBe(`tcp 127.0.0.1:${port}: ECONNREFUSED (3 failures)`);
  expect(registry.services.lookup('payments').records).toEqual([]);

  const returned = becomes('running');
  const again = await listen(port);
  closers.push(() => close(again));
  expect((await returned).reason).toBe('');
  expect(registry.services.lookup('payments').records).toHaveLength(1);
});
