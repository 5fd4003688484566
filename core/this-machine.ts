import { isIP, isIPv4 } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import type { Clock } from './clock.js';

/** The names and addresses of the machine we run on. */
export interface Machine {
  hostname(): string;
  addresses(): readonly string[];
}

const system: Machine = {
  hostname,
  addresses: () =>
    Object.values(networkInterfaces()).flatMap((entries) => entries?.map((entry) => entry.address) ?? []),
};

/** Addresses come and go with networks; asking the system for them costs too much for each question. */
const AGE_MS = 5_000;

/** Knows which hosts are this machine: loopback, its name, an address of its own. */
export class ThisMachine {
  readonly #clock: Clock;
  readonly #machine: Machine;
  #own: ReadonlySet<string> = new Set();
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, machine: Machine = system) {
    this.#clock = clock;
    this.#machine = machine;
  }

  /** `host` in lower case and without brackets. */
  has(host: string): boolean {
    if (isLoopback(host)) return true;
    const now = this.#clock.monotonic();
    if (now - this.#readAt > AGE_MS) {
      this.#readAt = now;
      const names = [this.#machine.hostname(), ...this.#machine.addresses()];
      this.#own = new Set(names.map((name) => canonical(name.toLowerCase())));
    }
    return this.#own.has(canonical(host));
  }
}

/** Whether a host, as one configures or calls it, can be reached from this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** IPv6 has many spellings for one address (RFC 5952); URL writes the shortest. */
export function canonical(host: string): string {
  if (isIP(host) !== 6 || host.includes('%')) return host;
  return new URL(`http://[${host}]/`).hostname.slice(1, -1);
}
