import { createServer } from 'node:http';
import { createRegistry, silentLogger } from '../../core/index.js';
import { builtins } from '../../plugins/index.js';
import { writeResponse } from '../../plugins/transports/xml-rpc/writer.js';

/**
 * One server of the benchmarks, run as a process of its own: `bare`, node:http that reads the body and answers a
 * constant; `rollcall`, the door with the memory store.
 */
const servers: Record<string, () => Promise<number>> = {
  bare: () => {
    const answer = writeResponse(1_000_000);
    const headers = { 'Content-Type': 'text/xml', 'Content-Length': Buffer.byteLength(answer) };
    const server = createServer((request, response) => {
      let length = 0;
      request.on('data', (chunk: Buffer) => {
        length += chunk.length;
      });
      request.on('end', () => {
        response.writeHead(length > 0 ? 200 : 400, headers);
        response.end(answer);
      });
    });
    return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(portOf(server.address()))));
  },
  rollcall: async () => {
    const registry = await createRegistry({
      config: {
        store: 'memory',
        plugins: [['xml-rpc', { port: 0 }]],
        services: { maxInstances: 10_000_000 },
      },
      builtins,
      logger: silentLogger,
    });
    await registry.start();
    return registry.doors[0]?.address.port ?? 0;
  },
};

function portOf(address: unknown): number {
  return (address as { port: number }).port;
}

const start = servers[process.argv[2] ?? ''];
if (start === undefined) throw new Error(`expected one of ${Object.keys(servers).join(', ')}`);
process.send?.({ port: await start() });
process.on('message', () => process.send?.(process.cpuUsage()));
process.on('disconnect', () => process.exit(0));
