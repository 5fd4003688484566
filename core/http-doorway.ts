import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { Clock } from './clock.js';
import { RegistryError } from './errors.js';
import { DEFAULT_DOOR_LIMITS, type DoorLimits, type DoorSpec } from './http-door.js';
import { HostRule } from './http-host-rule.js';
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
  readonly #types: ReadonlySet<string> | undefined;
  readonly #passedTypes = new Set<string>();

  /** Throws `INVALID_ARGUMENT` for paths or hosts that cannot be. */
  constructor(spec: DoorSpec, clock: Clock) {
    const badPath = spec.paths.find((path) => !path.startsWith('/') || /[?#\s]/.test(path));
    if (badPath !== undefined || spec.paths.length === 0) {
      const given = JSON.stringify(badPath ?? spec.paths);
      const expected = 'expected exact paths, each beginning with "/" and without query';
      throw new RegistryError(
        'INVALID_ARGUMENT',
        `paths of a door of the plugin "${spec.plugin}": ${given}; ${expected}`,
      );
    }
    this.spec = spec;
    this.limits = { ...DEFAULT_DOOR_LIMITS, ...spec.limits };
    // A door bound to a name is called by it.
    const ownName = isIP(spec.host) === 0 ? [spec.host] : [];
    this.#hostRule = new HostRule(spec.plugin, [...ownName, ...(spec.allowedHosts ?? [])], clock);
    this.#methods = spec.methods ?? ['POST'];
    this.#types = spec.contentTypes && new Set(spec.contentTypes.map((type) => type.toLowerCase()));
  }

  /** Why a request gets no further than its head; undefined if its body is to be read. */
  objection(request: IncomingMessage): Refusal | undefined {
    if (this.isClosing) return { status: 503, code: 'STOPPING', text: 'Try again later.' };
    const { headers } = request;
    const stranger = this.#hostRule.objection(headers, request.httpVersionMinor === 0);
    if (stranger !== undefined) return stranger;
    if (!this.#methods.includes(request.method ?? '')) {
      const allow = this.#methods.join(', ');
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

  leave(heldBytes: number): void {
    this.heldBytes -= heldBytes;
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

  #takesType(header: string, types: ReadonlySet<string>): boolean {
    if (this.#passedTypes.has(header)) return true;
    const end = header.indexOf(';');
    const type = (end < 0 ? header : header.slice(0, end)).trim().toLowerCase();
    if (!types.has(type)) return false;
    if (this.#passedTypes.size < KNOWN_TYPES) this.#passedTypes.add(header);
    return true;
  }
}

function busy(what: string): Refusal {
  const text = `This door has as many ${what} as it may; try again shortly.`;
  return { status: 503, code: 'LIMIT_REACHED', text, headers: { 'Retry-After': '1' } };
}
