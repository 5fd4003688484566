import { createServer, type ServerResponse } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import xmlrpc from 'xmlrpc';
import { createRegistry, type Registry, RegistryError, silentLogger } from '../../core/index.js';
import { builtins } from '../../plugins/index.js';
import { writeResponse } from '../../plugins/transports/xml-rpc/writer.js';
import { A_SERVICE, nameOf, recordOf } from './records.js';

/**
 * One server of the benchmarks, run as a process of its own: `bare`, node:http that reads the body and answers a
 * constant; `bare-waiters`, the same that holds requests to wait until another changes something; `npm`, npm xmlrpc's
 * server with a table of services; `rollcall`, the door with a store, `memory` unless its entry in a configuration is given as JSON; `filled`,
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
  npm: () => {
    const services = new Map<string, { host: string; port: number; status: number }[]>();
    const turns = new Map<string, number>();
    const methods: Record<string, (params: unknown[]) => unknown> = {
      register: ([name, host, port, status]) => {
        const instances = services.get(name as string) ?? [];
        services.set(name as string, instances);
        const known = instances.findIndex((one) => one.host === host && one.port === port);
        if (known >= 0) return known + 1;
        const id = services.size;
        const one = { id, name, instance: `${host}:${port}`, host, port, status };
        instances.push(one as (typeof instances)[number]);
        return id;
      },
      get_service_details: ([name]) => {
        const instances = services.get(name as string) ?? [];
        const turn = turns.get(name as string) ?? 0;
        turns.set(name as string, turn + 1);
        const chosen = instances[turn % instances.length];
        return chosen === undefined ? false : [chosen.host, chosen.port];
      },
      lookup: ([name]) => (services.get(name as string) ?? []).filter(({ status }) => status === 1),
      heartbeat: ([name]) => services.has(name as string),
    };
    return new Promise((resolve) => {
      const server = xmlrpc.createServer({ host: '127.0.0.1', port: 0, path: '/RPC2' }, () =>
        resolve(portOf(server.httpServer.address())),
      );
      for (const [name, run] of Object.entries(methods)) {
        server.on(name, (_error: unknown, params: unknown[], answer: (error: null, value: unknown) => void) =>
          answer(null, run(params)),
        );
      }
    });
  },
  'bare-waiters': () => {
    const answer = writeResponse(1);
    // As long as what Rollcall tells of one change.
    const news = writeResponse('x'.repeat(1_400));
    const waiting: ServerResponse[] = [];
    const end = (response: ServerResponse, body: string) => {
      response.writeHead(200, { 'Content-Type': 'text/xml', 'Content-Length': Buffer.byteLength(body) });
      response.end(body);
    };
    const server = createServer((request, response) => {
      let first: Buffer | undefined;
      request.on('data', (chunk: Buffer) => {
        first ??= chunk;
      });
      request.on('end', () => {
        const text = first?.toString() ?? '';
        if (text.startsWith('wait')) {
          waiting.push(response);
          return;
        }
        end(response, answer);
        if (text.startsWith('change')) for (const one of waiting.splice(0)) end(one, news);
      });
    });
    server.keepAliveTimeout = 600_000;
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

function memory(): number {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  for (let count = 0; count < 3; count++) collect();
  return process.memoryUsage.rss();
}

const [name = '', argument = '"memory"'] = process.argv.slice(2);
const begin = servers[name];
if (begin === undefined) throw new Error(`expected one of ${Object.keys(servers).join(', ')}`);
try {
  process.send?.({ port: await begin(argument) });
} catch (error) {
  process.send?.({ code: error instanceof RegistryError ? error.code : 'INTERNAL', message: String(error) });
}
process.on('message', (message) => process.send?.(message === 'memory' ? memory() : process.cpuUsage()));
process.on('disconnect', () => process.exit(0));
