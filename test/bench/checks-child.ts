import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { performance } from 'node:perf_hooks';
import { createRegistry, silentLogger } from '../../core/index.js';
import { builtins } from '../../plugins/index.js';

/**
 * One process of the benchmark of checks (checks.ts), which tells it by messages what to do. `listeners` accepts
 * connections on ports of its own; `registry` checks instances with the monitor; `bare` connects to them as often.
 */

/** What a process that checks is given. */
export interface Work {
  readonly port: number;
  readonly count: number;
  readonly intervalMs: number;
  /** More options of the monitor. */
  readonly monitor?: object;
}

/** What a process has done up to a moment of its own clock, in milliseconds. */
export interface Measured {
  readonly at: number;
  /** Microseconds of processor time. */
  readonly cpu: number;
  /** Connections accepted, by port. */
  readonly accepted: { readonly [port: string]: number };
}

const accepted: Record<string, number> = {};

const kinds: Record<string, (work: Work) => Promise<unknown>> = {
  async listeners({ count }) {
    const servers = Array.from({ length: count }, () => {
      const server = createServer((socket) => {
        const port = String(socket.localPort);
        accepted[port] = (accepted[port] ?? 0) + 1;
        socket.on('error', () => {}).resume();
      });
      // All of 127.0.0.0/8: each instance has an address of its own there.
      return server.listen({ port: 0, host: '0.0.0.0', backlog: 4096 });
    });
    return Promise.all(
      servers.map(async (server) => {
        await once(server, 'listening');
        const { port } = server.address() as AddressInfo;
        accepted[String(port)] = 0;
        return port;
      }),
    );
  },

  async registry({ port, count, intervalMs, monitor }) {
    const registry = await createRegistry({
      config: {
        store: 'memory',
        plugins: [['monitor', { interval: intervalMs, ...monitor }], 'tcp-checker'],
      },
      builtins,
      logger: silentLogger,
    });
    await registry.start();
    for (let at = 0; at < count; at++) {
      await registry.services.register({ name: `service-${at % 1_000}`, host: hostOf(at), port });
    }
    return undefined;
  },

  async bare({ port, count, intervalMs }) {
    if (count === 0) return undefined;
    const hosts = Array.from({ length: count }, (_, at) => hostOf(at));
    const began = performance.now();
    let done = 0;
    setInterval(
      () => {
        for (const due = ((performance.now() - began) / intervalMs) * count; done < due; done++) {
          const socket = connect({ host: hosts[done % count] ?? '', port });
          socket.once('connect', () => socket.destroy());
          socket.on('error', () => socket.destroy());
        }
      },
      Math.max(intervalMs / count, 1),
    );
    return undefined;
  },
};

/** An address of the loopback network, each another one. */
function hostOf(at: number): string {
  return `127.${1 + (at >> 14)}.${(at >> 7) & 127}.${1 + (at & 127)}`;
}

const begin = kinds[process.argv[2] ?? ''];
if (begin === undefined) throw new Error(`expected one of ${Object.keys(kinds).join(', ')}`);
process.on('message', (work: Work | 'measure') => {
  if (work !== 'measure') {
    begin(work).then((answer) => process.send?.({ answer }));
    return;
  }
  const { user, system } = process.cpuUsage();
  process.send?.({ at: performance.now(), cpu: user + system, accepted } satisfies Measured);
});
process.on('disconnect', () => process.exit(0));
