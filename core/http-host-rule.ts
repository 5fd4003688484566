import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import type { Clock } from './clock.js';
import { RegistryError } from './errors.js';
import type { Refusal } from './http-refuse.js';
import { canonical, type Machine, ThisMachine } from './this-machine.js';

/** Hosts differ in port and case only, so a few are all that honest clients send. */
const KNOWN_HOSTS = 256;
/** A lower-case name or bracketed IPv6 address, and a port. 255 is the longest DNS name. */
const AUTHORITY = /^(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9_](?:[a-z0-9_.-]{0,252}[a-z0-9_])?)\.?)(?::\d{1,5})?$/;

/**
 * Keeps web pages out (DESIGN §8): loopback is no wall, since any page in a browser here can post to it, and DNS
 * rebinding makes a page's own name point here. Browsers say so in Origin, Sec-Fetch-Site and Host; programs that
 * register services send no Origin, and call us by an address of ours.
 */
export class HostRule {
  readonly #plugin: string;
  readonly #allowed: ReadonlySet<string>;
  readonly #machine: ThisMachine;
  /** Host headers that passed, as sent. Refused ones are not kept: an address may become ours. */
  readonly #passed = new Set<string>();

  /** `allowedHosts`: names or addresses, without port. Throws `INVALID_ARGUMENT` for what is neither. */
  constructor(plugin: string, allowedHosts: readonly string[], clock: Clock, machine?: Machine) {
    this.#plugin = plugin;
    this.#machine = new ThisMachine(clock, machine);
    this.#allowed = new Set(allowedHosts.map((host) => allowedHost(plugin, host)));
  }

  /** Why a request with these headers is refused; undefined if it passes. HTTP/1.0 knows no Host (RFC 9112 §3.2). */
  objection(headers: IncomingHttpHeaders, isHttp10: boolean): Refusal | undefined {
    if (headers.origin !== undefined) return forbidden('Requests with an Origin header, from web pages,');
    const site = headers['sec-fetch-site'];
    if (site !== undefined && site !== 'none' && site !== 'same-origin') {
      return forbidden('Requests with Sec-Fetch-Site other than none or same-origin, from web pages,');
    }
    const host = headers.host;
    if (host === undefined) return isHttp10 ? undefined : badHost('has no Host header');
    return this.#passed.has(host) ? undefined : this.#objectionToHost(host);
  }

  #objectionToHost(header: string): Refusal | undefined {
    const host = hostOf(header);
    if (host === undefined) return badHost('has a malformed or a second Host header');
    if (!this.#allowed.has(host) && !this.#machine.has(host)) {
      const remedy = `add it to allowedHosts in the options of the plugin "${this.#plugin}"`;
      return {
        status: 403,
        code: 'HOST_NOT_ALLOWED',
        text: `The Host "${host}" is neither an address of this machine nor allowed here: ${remedy}.`,
      };
    }
    if (this.#passed.size < KNOWN_HOSTS) this.#passed.add(header);
    return undefined;
  }
}

/** The host of a Host header: lower case, without port, brackets and the root's dot; undefined if it is malformed. */
export function hostOf(header: string): string | undefined {
  if (header.length > 270) return undefined;
  const match = AUTHORITY.exec(header.toLowerCase());
  if (match === null) return undefined;
  const [, ipv6, name] = match;
  if (ipv6 === undefined) return name;
  return isIP(ipv6) === 6 ? canonical(ipv6) : undefined;
}

function allowedHost(plugin: string, entry: string): string {
  const host = isIP(entry) === 6 ? canonical(entry.toLowerCase()) : hostOf(entry);
  if (host !== undefined) return host;
  throw new RegistryError(
    'INVALID_ARGUMENT',
    `allowedHosts of the plugin "${plugin}" holds ${JSON.stringify(entry)}; expected a host name or an address, such as "registry.example.com"`,
  );
}

function forbidden(who: string): Refusal {
  return {
    status: 403,
    code: 'HOST_NOT_ALLOWED',
    text: `${who} are not served here; call from a program instead.`,
  };
}

function badHost(fault: string): Refusal {
  return { status: 400, text: `The request ${fault}; expected one, such as "Host: 127.0.0.1:8800".` };
}
