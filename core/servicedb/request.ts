import { z } from 'zod';
import { deepFreeze } from '../json.js';
import { parseArgument } from '../schema.js';
import { type CheckSpec, STATUSES } from './record.js';

/** The limits on every field of a registration (DESIGN §8). Lengths are in UTF-16 code units. */
export const LIMITS = {
  name: 256,
  instance: 128,
  host: 512,
  tags: 64,
  tag: 128,
  metaEntries: 64,
  metaKey: 128,
  metaValue: 1_024,
  checks: 16,
  checkBytes: 4_096,
  checkDepth: 56,
  ttlMs: { min: 1_000, max: 30 * 86_400_000 },
} as const;

/** No control characters: names end up in logs, terminals and keys. */
const plain = (max: number, min = 1) =>
  z
    .string()
    .min(min)
    .max(max)
    .regex(/^[^\u0000-\u001f\u007f]*$/, 'expected text without control characters');

/** A service name: 1 to 256 characters, none of them a control character. */
export const serviceName = plain(LIMITS.name);

/** An instance name, as the client chose it, or `host:port`. */
export const instanceName = plain(LIMITS.instance);

const HOST_NAME = /^(?:[a-z0-9_](?:[a-z0-9_-]{0,62})\.)*[a-z0-9_](?:[a-z0-9_-]{0,62})\.?$/i;
const HOST_IPV6 = /^[0-9a-f:.]{2,45}(?:%[a-z0-9_.-]{1,32})?$/i;

/**
 * What can be connected to in a host as clients write it: `http://10.0.0.1/`, `[::1]`, `db.internal`. MicroReg's own
 * code passes hosts with a scheme. Answers undefined where there is no such thing in it.
 */
export function bareHost(given: string): string | undefined {
  let host = given.replace(/^[a-z][a-z0-9+.-]{0,15}:\/\//i, '').replace(/[/?#].*$/s, '');
  const bracketed = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(host);
  if (bracketed?.[1] !== undefined) return HOST_IPV6.test(bracketed[1]) ? bracketed[1] : undefined;
  if (host.includes(':') && HOST_IPV6.test(host) && host.indexOf(':') !== host.lastIndexOf(':')) return host;
  host = host.replace(/:\d{1,5}$/, '');
  return host.length <= 253 && HOST_NAME.test(host) ? host : undefined;
}

/** A port, as a number or in digits: `9000`, `"9000"`. */
function isPort(given: unknown): given is number | string {
  const number = typeof given === 'string' && /^\d{1,5}$/.test(given) ? Number(given) : given;
  return typeof number === 'number' && Number.isInteger(number) && number >= 1 && number <= 65_535;
}

const port = z.custom<number | string>(isPort, {
  error: ({ input }) => `expected a port from 1 to 65535, not ${show(input)}`,
});

const givenAddress = z.strictObject({ host: plain(LIMITS.host), port });

/** Copied by the schema, so that nothing of the caller's is kept; its depth is bounded before it is walked. */
const checkSpec = z
  .custom<{ [option: string]: unknown }>(isSmallJson, {
    error: `expected a check such as { kind: 'tcp' }, of at most ${LIMITS.checkBytes} characters of JSON, ${LIMITS.checkDepth} levels deep`,
  })
  .pipe(z.object({ kind: plain(64) }).catchall(z.json()))
  .transform((check): CheckSpec => check);

function isSmallJson(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  try {
    const text = JSON.stringify(value);
    // zod would drop a member of this name in silence.
    return (
      text.length <= LIMITS.checkBytes &&
      !text.includes('"__proto__":') &&
      fitsDepth(value, LIMITS.checkDepth)
    );
  } catch {
    // It is circular, far too deep, or holds a bigint.
    return false;
  }
}

/** Whether a value nests no deeper: what is answered within other values must still fit what a door can nest. */
function fitsDepth(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((member) => fitsDepth(member, levels - 1));
}

/** A value as a message shows it, never long. */
function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 64 ? `${value.slice(0, 64)}…` : value);
  if (value === undefined) return 'nothing';
  return typeof value === 'object' && value !== null ? 'a list or an object' : String(value);
}

/** What may be said when an instance is registered, and nothing else. */
const registerSchema = z
  .strictObject({
    name: serviceName,
    host: plain(LIMITS.host),
    port,
    given: givenAddress.optional(),
    instance: instanceName.optional(),
    status: z.enum(STATUSES).default('running'),
    version: plain(LIMITS.tag).optional(),
    tags: z.array(plain(LIMITS.tag)).max(LIMITS.tags).default([]),
    meta: z
      .record(plain(LIMITS.metaKey), z.string().max(LIMITS.metaValue))
      .refine((meta) => Object.keys(meta).length <= LIMITS.metaEntries, {
        error: `expected at most ${LIMITS.metaEntries} entries`,
      })
      .default({}),
    weight: z.number().min(0).max(65_535).default(1),
    zone: plain(LIMITS.tag).optional(),
    ttlMs: z.int().min(LIMITS.ttlMs.min).max(LIMITS.ttlMs.max).optional(),
    checks: z.array(checkSpec).max(LIMITS.checks).default([]),
  })
  .transform((request, context) => {
    const host = bareHost(request.host);
    if (host === undefined) {
      context.addIssue({
        code: 'custom',
        path: ['host'],
        message: `expected a host name or an address, not ${show(request.host)}`,
      });
      return z.NEVER;
    }
    const number = Number(request.port);
    const isAsGiven = host === request.host && number === request.port;
    const given = isAsGiven ? request.given : (request.given ?? { host: request.host, port: request.port });
    const { given: _, ...rest } = request;
    // Records share what is within a request.
    deepFreeze([rest.tags, rest.meta, rest.checks, given]);
    return { ...rest, host, port: number, ...(given !== undefined && { given }) };
  });

/** A request to register, as a caller may write it. */
export type RegisterInput = z.input<typeof registerSchema>;

/** A request to register that is within every limit, with defaults filled in and the address taken apart. */
export type RegisterRequest = z.output<typeof registerSchema>;

const NO_TAGS: string[] = deepFreeze([]);
const NO_META: Record<string, string> = deepFreeze({});
const NO_CHECKS: CheckSpec[] = deepFreeze([]);
const SIMPLE_NAME = /^[\w.-]{1,128}$/;
const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}$/;

/**
 * The commonest request of all, MicroReg's `register(name, host, port)` with plain values, checked by hand: the
 * general schema costs more than all the rest of a registration (docs/benchmarks.md). It accepts only what the schema
 * would accept, and leaves everything else to it; a property test holds the two together.
 */
export function parsePlainRequest(name: unknown, host: unknown, port: unknown): RegisterRequest | undefined {
  if (typeof name !== 'string' || !SIMPLE_NAME.test(name)) return undefined;
  if (typeof host !== 'string' || !(host === 'localhost' || IPV4.test(host))) return undefined;
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535) return undefined;
  return { name, host, port, status: 'running', tags: NO_TAGS, meta: NO_META, weight: 1, checks: NO_CHECKS };
}

/** Checks a request to register; INVALID_ARGUMENT says all that is wrong. A request once parsed parses to itself. */
export function parseRegisterRequest(input: unknown): RegisterRequest {
  return parseArgument(registerSchema, input);
}

/** Checks what a policy plugin made of a request. An amended address is what was asked for from then on. */
export function parseAmendedRequest(amended: RegisterRequest, asked: RegisterRequest): RegisterRequest {
  const request = parseRegisterRequest(amended);
  if (request.host === asked.host && request.port === asked.port) return request;
  const { given: _, ...moved } = request;
  return moved;
}
