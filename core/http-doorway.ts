import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { Clock } from './clock.js';
import { RegistryError } from './errors.js';
import {
  DEFAULT_DOOR_LIMITS,
  type DoorLimits,
  type DoorReply,
  type DoorRequest,
  type DoorSpec,
} from './http-door.js';
import { HostRule } from './http-host-rule.js';
import { isPageMethod, PAGE_HEADERS } from './http-page.js';
import type { Refusal } from './http-refuse.js';
import { codingOf } from './http-unpack.js';

/** Clients spell a content type in few ways; spellings beyond that are read anew each time. */
const KNOWN_TYPES = 64;

/** One door's side of an address: who may pass, and how much is inside. */
export class Doorway {
  readonly spec: DoorSpec;
  readonly limits: DoorLimits;
  isClosing = false;
  /** Bytes of request bodies held by requests in flight. */
  heldBytes = 0;
  #inFlight = 0;
  #whenIdle: (() => void)[] = [];
  readonly #hostRule: HostRule;
  readonly #methods: readonly string[];
  readonly #takesPosts: boolean;
  readonly #types: ReadonlySet<string> | undefined;
  readonly #passedTypes = new Set<string>();

  /** Throws `INVALID_ARGUMENT` for paths or hosts that cannot be. */
  constructor(spec: DoorSpec, clock: Clock) {
    checkPaths(spec);
    this.spec = spec;
    this.limits = { ...DEFAULT_DOOR_LIMITS, ...spec.limits };
    // A door bound to a name is called by it.
    const ownName = isIP(spec.host) === 0 ? [spec.host] : [];
    this.#hostRule = new HostRule(spec.plugin, [...ownName, ...(spec.allowedHosts ?? [])], clock);
    this.#methods = spec.methods ?? ['POST'];
    this.#takesPosts = this.#methods.includes('POST');
    this.#types = spec.contentTypes && new Set(spec.contentTypes.map((type) => type.toLowerCase()));
  }

  /** Why a request of one of its paths gets no further than its head; undefined if its body is to be read. */
  objection(request: IncomingMessage, path: string): Refusal | undefined {
    if (this.isClosing) return { status: 503, code: 'STOPPING', text: 'Try again later.' };
    const { headers } = request;
    const stranger = this.#hostRule.objection(headers, request.httpVersionMinor === 0);
    if (stranger !== undefined) return stranger;
    const method = request.method ?? '';
    if (!this.#methods.includes(method) && !this.#showsPage(method, path)) {
      const allow = [...(path === this.spec.page?.path ? ['GET', 'HEAD'] : []), ...this.#methods].join(', ');
      return { status: 405, text: `This path takes ${allow}.`, headers: { Allow: allow } };
    }
    if (this.#inFlight >= this.limits.requestsInFlight) return busy('requests in flight');
    const type = headers['content-type'];
    if (type !== undefined && this.#types !== undefined && !this.#takesType(type, this.#types)) {
      const expected = [...this.#types].join(' or ');
      return { status: 415, text: `This path takes ${expected} as Content-Type, or none.` };
    }
    const coding = headers['content-encoding'];
    if (coding !== undefined && codingOf(coding) === null) {
      const headers = { 'Accept-Encoding': 'gzip, deflate' };
      return { status: 415, text: 'This path takes gzip or deflate as Content-Encoding, or none.', headers };
    }
    const length = headers['content-length'];
    return length !== undefined && Number(length) > this.limits.bodyBytes ? this.tooLarge() : undefined;
  }

  /** Whether {@link objection} has nothing against a POST without a body coding, but for its Host and Content-Type. */
  takesPost(length: number): boolean {
    return (
      !this.isClosing &&
      this.#takesPosts &&
      this.#inFlight < this.limits.requestsInFlight &&
      length <= this.limits.bodyBytes
    );
  }

  /** Whether {@link objection} has nothing against this Host header. */
  takesHost(host: string): boolean {
    return this.#hostRule.objection({ host }, false) === undefined;
  }

  /** Whether {@link objection} has nothing against this Content-Type header. */
  takesType(header: string): boolean {
    return this.#types === undefined || this.#takesType(header, this.#types);
  }

  /** Has the door answer a request that it has no objection to. */
  handle(request: DoorRequest, reply: DoorReply): unknown {
    const { page } = this.spec;
    if (page === undefined || !this.#showsPage(request.method, request.path)) {
      return this.spec.handle(request, reply);
    }
    reply(200, PAGE_HEADERS, page.html);
    return undefined;
  }

  tooLarge(): Refusal {
    return {
      status: 413,
      code: 'REQUEST_TOO_LARGE',
      text: `A body of at most ${this.limits.bodyBytes} bytes is taken here.`,
    };
  }

  enter(): void {
    this.#inFlight += 1;
  }

  /** Counts bytes of a body that is being read; says why no more can be held. */
  hold(bytes: number): Refusal | undefined {
    this.heldBytes += bytes;
    return this.heldBytes > this.limits.heldBytes ? busy('bytes of request bodies') : undefined;
  }

  /** Gives back what {@link hold} has counted. */
  release(bytes: number): void {
    this.heldBytes -= bytes;
  }

  leave(): void {
    this.#inFlight -= 1;
    if (this.#inFlight > 0) return;
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  /** Resolves when no request of this door is in flight. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#inFlight === 0) resolve();
      else this.#whenIdle.push(resolve);
    });
  }

  /** A door that lists GET itself answers it itself. */
  #showsPage(method: string, path: string): boolean {
    return isPageMethod(method) && path === this.spec.page?.path && !this.#methods.includes(method);
  }

  #takesType(header: string, types: ReadonlySet<string>): boolean {
    if (this.#passedTypes.has(header)) return true;
    const end = header.indexOf(';');
    const type = (end < 0 ? header : header.slice(0, end)).trim().toLowerCase();
    if (!types.has(type)) return false;
    if (this.#passedTypes.size < KNOWN_TYPES) this.#passedTypes.add(header);
    return true;
  }
}

function checkPaths({ plugin, paths, page }: DoorSpec): void {
  const fail = (what: string, given: unknown, expected: string) => {
    const text = `${what} of a door of the plugin "${plugin}": ${JSON.stringify(given)}; expected ${expected}`;
    return new RegistryError('INVALID_ARGUMENT', text);
  };
  // Printable ASCII, as it stands in a request line.
  const badPath = paths.find((path) => !/^\/[!-"$->@-~]*$/.test(path));
  if (badPath !== undefined || paths.length === 0) {
    throw fail('paths', badPath ?? paths, 'exact paths, each beginning with "/" and without query');
  }
  if (page !== undefined && !paths.includes(page.path)) {
    throw fail('page.path', page.path, `one of its paths, ${paths.join(', ')}`);
  }
}

function busy(what: string): Refusal {
  const text = `This door has as many ${what} as it may; try again shortly.`;
  return { status: 503, code: 'LIMIT_REACHED', text, headers: { 'Retry-After': '1' } };
}
