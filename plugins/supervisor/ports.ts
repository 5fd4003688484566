import { createServer } from 'node:net';
import { RegistryError } from '../../core/index.js';
import type { ServiceOptions } from './options.js';

/** Finds out whether a port can be listened on: answers it, or which one was found for 0; undefined where it is in use. */
export type ProbePort = (host: string, port: number) => Promise<number | undefined>;

/** The ports of all supervised instances, so that no two are given the same one. */
export class Ports {
  readonly #probe: ProbePort;
  readonly #taken = new Set<number>();

  constructor(probe: ProbePort = listenOnce) {
    this.#probe = probe;
  }

  /**
   * A port for one more instance: the fixed one, one of the range, or any that is free. Rejects with SPAWN_FAILED where
   * there is none. Another program may still take it before ours does: then ours fails, and is started again.
   */
  async take({ host, port, ports }: Pick<ServiceOptions, 'host' | 'port' | 'ports'>): Promise<number> {
    if (port !== undefined) {
      if (await this.#tryTake(host, port)) return port;
      const owner = this.#taken.has(port) ? 'another instance that this registry runs' : 'another program';
      throw new RegistryError(
        'SPAWN_FAILED',
        `Port ${port} on ${host} is in use by ${owner}. Free it, or set another \`port\`.`,
      );
    }
    if (ports === undefined) return this.#takeAny(host);
    const [from, to] = ports;
    for (let next = from; next <= to; next++) {
      if (await this.#tryTake(host, next)) return next;
    }
    throw new RegistryError(
      'SPAWN_FAILED',
      `All ports from ${from} to ${to} on ${host} are in use. Widen \`ports\`.`,
    );
  }

  /** An instance that was adopted has this one. */
  hold(port: number): void {
    this.#taken.add(port);
  }

  release(port: number): void {
    this.#taken.delete(port);
  }

  async #tryTake(host: string, port: number): Promise<boolean> {
    if (this.#taken.has(port)) return false;
    // Held while it is probed: another start may come by meanwhile.
    this.#taken.add(port);
    const isFree = (await this.#probe(host, port)) !== undefined;
    if (!isFree) this.#taken.delete(port);
    return isFree;
  }

  async #takeAny(host: string): Promise<number> {
    for (let tries = 0; tries < 20; tries++) {
      const found = await this.#probe(host, 0);
      if (found === undefined || this.#taken.has(found)) continue;
      this.#taken.add(found);
      return found;
    }
    throw new RegistryError('SPAWN_FAILED', `This machine has no free port on ${host}.`);
  }
}

/** Listens, and closes again. An address that is not this machine's can't be tried, and is taken on trust. */
function listenOnce(host: string, port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else if (error.code === 'EACCES')
        reject(new RegistryError('SPAWN_FAILED', `Port ${port} may not be used by this user (EACCES).`));
      else if (port !== 0) resolve(port);
      else listenOnce('127.0.0.1', 0).then(resolve, reject);
    });
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      const found = typeof address === 'object' && address !== null ? address.port : port;
      server.close(() => resolve(found));
    });
  });
}
