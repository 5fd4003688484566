import { createServer } from 'node:http';
import { createRegistry, type Registry, RegistryError, silentLogger } from '../../core/index.js';
import { builtins } from '../../plugins/index.js';
import { writeResponse } from '../../plugins/transports/xml-rpc/writer.js';
import { A_SERVICE, nameOf, recordOf } from './records.js';

/**
 * One server of the benchmarks, run as a process of its own: `bare`, node:http that reads the body and answers a
 * constant; `rollcall`, the door with a store, `memory` unless its entry in a configuration is given as JSON; `filled`,
 * the door with so many instances in memory.
 */
const servers: Record<string, (argument: string) => Promise<number>> = {
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
  rollcall: async (argument) => portOfDoor(await start(JSON.parse(argument))),
  filled: async (argument) => {
    const registry = await start('memory');
    const count = Number(argument);
    for (let at = 0; at < count; at++) {
      const { host, port } = recordOf(at, count);
      // Through JSON the strings become flat ones, as a network brings them: V8 puts off joining what a template joins, and
      // does it at the first lookup, which is then what is measured.
      const request = { name: nameOf(at % (count / A_SERVICE)), host, port };
      await registry.services.register(JSON.parse(JSON.stringify(request)));
    }
    if (registry.services.count() !== count) throw new Error(`there are not ${count} instances`);
    return portOfDoor(registry);
  },
};

async function start(store: 'memory' | ['file', { path: string }]): Promise<Registry> {
  const registry = await createRegistry({
    config: { store, plugins: [['xml-rpc', { port: 0 }]], services: { maxInstances: 10_000_000 } },
    builtins,
    logger: silentLogger,
  });
  await registry.start();
  return registry;
}

function portOfDoor(registry: Registry): number {
  return registry.doors[0]?.address.port ?? 0;
}

function portOf(address: unknown): number {
  return (address as { port: number }).port;
}

const [name = '', argument = '"memory"'] = process.argv.slice(2);
const begin = servers[name];
if (begin === undefined) throw new Error(`expected one of ${Object.keys(servers).join(', ')}`);
try {
  process.send?.({ port: await begin(argument) });
} catch (error) {
  process.send?.({ code: error instanceof RegistryError ? error.code : 'INTERNAL', message: String(error) });
}
process.on('message', () => process.send?.(process.cpuUsage()));
process.on('disconnect', () => process.exit(0));
