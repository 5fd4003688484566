import type { Clock } from '../../../../core/clock.js';
import { systemClock } from '../../../../core/clock.js';
import { RegistryError } from '../../../../core/errors.js';
import { nearest } from '../../../../core/nearest.js';
import { STATUS_CODES, type Status } from '../../../../core/servicedb/record.js';
import type { XmlRpcValue } from '../values.js';
import type { ClientEvent } from './events.js';
import type { ClientTls } from './link.js';

/** Options of a RegistryClient. Times are in milliseconds; docs/client.md has a table of the defaults. */
export interface ClientOptions {
  /** For a whole call, at each address; waits come on top. 5,000 unless given. */
  readonly timeoutMs?: number;
  /** For a connection to be made. 2,000 unless given. */
  readonly connectTimeoutMs?: number;
  /** For addresses that begin with https. */
  readonly tls?: ClientTls;
  /** `false` asks the registry at each lookup. */
  readonly cache?: boolean | CacheOptions;
  /** Told of what happens in the background. */
  readonly onEvent?: (event: ClientEvent) => void;
  /** Time and chance, for tests. */
  readonly clock?: Clock;
}

/** How much is kept of what was looked up, and for how long. */
export interface CacheOptions {
  /** Names that are followed at once; the one that was used longest ago makes room. 100 unless given. */
  readonly maxNames?: number;
  /** A name that was not used for so long is not followed any more. 600,000 unless given. */
  readonly idleMs?: number;
  /** How long the registry may wait for a change before it says that there is none. 20,000 unless given. */
  readonly pollMs?: number;
  /**
   * How long an instance is still shown, as stale, that a registry does not know which has been restarted or has taken
   * another's place: services need a moment to register again. 30,000 unless given.
   */
  readonly rememberMs?: number;
}

/** What a program says of itself when it registers. */
export interface RegisterOptions {
  readonly port: number;
  /** Where others reach it: the address from which this machine reaches the registry, unless it is given. */
  readonly host?: string;
  /** What tells it from the other instances of its name: `host:port`, unless it is given. */
  readonly instance?: string;
  /** `running`, unless it is given. */
  readonly status?: Status;
  readonly version?: string;
  readonly tags?: readonly string[];
  readonly meta?: { readonly [key: string]: string };
  /** Its share of the calls, against its peers'; 1 unless given. */
  readonly weight?: number;
  readonly zone?: string;
  /** What the registry is to check, such as `{ kind: 'tcp' }`. */
  readonly checks?: readonly { readonly kind: string; readonly [option: string]: unknown }[];
  /** It is silent when the registry has not heard of it for so long. 15,000 unless given, 1,000 at least. */
  readonly ttlMs?: number;
  /** How often it heartbeats, give or take a tenth. A third of `ttlMs` unless given. */
  readonly heartbeatMs?: number;
  /** How long it is tried for while no registry answers. 10,000 unless given; `Infinity` never gives up. */
  readonly waitMs?: number;
  /** Whether it is unregistered when the process ends, also by SIGTERM and SIGINT. `true` unless given. */
  readonly unregisterOnExit?: boolean;
  /** Whether the registration alone keeps the process alive. `false` unless given. */
  readonly keepAlive?: boolean;
  /** Gives up registering. */
  readonly signal?: AbortSignal;
}

/** Client options with nothing left open. */
export interface ClientSettings {
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly tls: ClientTls | undefined;
  readonly cache: Required<CacheOptions> | undefined;
  readonly onEvent: ((event: ClientEvent) => void) | undefined;
  readonly clock: Clock;
}

/** A registration with nothing left open but its host. */
export interface RegistrationRequest {
  readonly name: string;
  readonly host: string | undefined;
  readonly port: number;
  readonly status: Status;
  /** `register`'s fifth parameter. */
  readonly details: { readonly [member: string]: XmlRpcValue };
  readonly heartbeatMs: number;
  readonly waitMs: number;
  readonly unregisterOnExit: boolean;
  readonly keepAlive: boolean;
}

/** Limits of numbers: least and most. */
type Range = readonly [number, number];
const DAY_MS = 86_400_000;
const TIME: Range = [1, DAY_MS];

/** @throws RegistryError INVALID_ARGUMENT that names the option. */
export function clientSettings(options: ClientOptions = {}): ClientSettings {
  known('RegistryClient', options, ['timeoutMs', 'connectTimeoutMs', 'tls', 'cache', 'onEvent', 'clock']);
  const { tls, cache = true, onEvent, clock = systemClock } = options;
  return {
    timeoutMs: number('timeoutMs', options.timeoutMs, 5_000, TIME),
    connectTimeoutMs: number('connectTimeoutMs', options.connectTimeoutMs, 2_000, TIME),
    tls,
    cache: cache === false ? undefined : cacheSettings(cache === true ? {} : cache),
    onEvent,
    clock,
  };
}

function cacheSettings(cache: CacheOptions): Required<CacheOptions> {
  known('cache', cache, ['maxNames', 'idleMs', 'pollMs', 'rememberMs']);
  return {
    maxNames: number('cache.maxNames', cache.maxNames, 100, [1, 10_000]),
    idleMs: number('cache.idleMs', cache.idleMs, 600_000, TIME),
    // The registry waits at most 5 minutes.
    pollMs: number('cache.pollMs', cache.pollMs, 20_000, [1_000, 300_000]),
    rememberMs: number('cache.rememberMs', cache.rememberMs, 30_000, [0, DAY_MS]),
  };
}

const REGISTER_OPTIONS = [
  ...['port', 'host', 'instance', 'status', 'version', 'tags', 'meta', 'weight', 'zone', 'checks', 'ttlMs'],
  ...['heartbeatMs', 'waitMs', 'unregisterOnExit', 'keepAlive', 'signal'],
];

/** What the registry itself checks is left to it. @throws RegistryError INVALID_ARGUMENT that names the option. */
export function registrationRequest(name: string, options: RegisterOptions): RegistrationRequest {
  known('register', options, REGISTER_OPTIONS);
  const { host, status = 'running', unregisterOnExit = true, keepAlive = false } = options;
  const ttlMs = number('ttlMs', options.ttlMs, 15_000, [1_000, 30 * DAY_MS]);
  if (!Object.hasOwn(STATUS_CODES, status)) {
    throw invalid('status', `one of ${Object.keys(STATUS_CODES).join(', ')}`, status);
  }
  const { instance, version, tags, meta, weight, zone, checks } = options;
  const details: { [member: string]: unknown } = {
    instance,
    version,
    tags,
    meta,
    weight,
    zone,
    checks,
    ttl: ttlMs,
  };
  return {
    name,
    host,
    port: number('port', options.port, undefined, [1, 65_535]),
    status,
    details: Object.fromEntries(Object.entries(details).filter(([, value]) => value !== undefined)) as {
      [member: string]: XmlRpcValue;
    },
    heartbeatMs: number('heartbeatMs', options.heartbeatMs, ttlMs / 3, [100, ttlMs]),
    waitMs: number('waitMs', options.waitMs, 10_000, [0, Number.POSITIVE_INFINITY]),
    unregisterOnExit,
    keepAlive,
  };
}

/** A number of an option within its limits. */
export function number(option: string, given: unknown, byDefault: number | undefined, range: Range): number {
  const value = given ?? byDefault;
  const [least, most] = range;
  if (typeof value === 'number' && value >= least && value <= most) return value;
  throw invalid(
    option,
    most === Number.POSITIVE_INFINITY ? `${least} or more` : `${least} to ${most}`,
    given,
  );
}

/** @throws RegistryError INVALID_ARGUMENT for an option that there is not. */
export function known(what: string, options: object, names: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue;
    const close = nearest(name, names);
    const hint = close === undefined ? `Known: ${names.join(', ')}.` : `Did you mean "${close}"?`;
    throw new RegistryError('INVALID_ARGUMENT', `${what} has no option "${name}". ${hint}`);
  }
}

function invalid(option: string, expected: string, given: unknown): RegistryError {
  const text = `${option} must be ${expected}, not ${given === undefined ? 'left out' : String(given)}.`;
  return new RegistryError('INVALID_ARGUMENT', text);
}
