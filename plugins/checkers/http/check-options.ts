import { z } from 'zod';
import { compileSmallPattern, messageOf } from '../../../core/index.js';
import { parseHeaders } from './headers.js';
import { parseStatuses, type StatusRange } from './statuses.js';
import { objectionToCa } from './trust.js';

/** How much of a body is read, in bytes, and how large a pattern may be that is looked for in it: 35 ms at the very worst. */
export const LARGEST_BODY = 16 * 1024;
const MOST_STEPS = 128;

/** How TLS is spoken. */
export interface CheckTls {
  /** PEM text. */
  readonly ca: string | undefined;
  readonly isInsecure: boolean;
  readonly servername: string | undefined;
}

/** An http check with all worked out that is the same each time. */
export interface HttpCheck {
  readonly method: 'GET' | 'HEAD' | 'OPTIONS' | 'POST';
  readonly path: string;
  /** Names and values in turn; `Host` only where it is not the target's own. */
  readonly headers: readonly string[];
  readonly hasHost: boolean;
  readonly body: string | undefined;
  readonly expected: { readonly ranges: readonly StatusRange[]; readonly shown: string };
  readonly match: { readonly isFoundIn: (text: string) => boolean; readonly shown: string } | undefined;
  readonly tls: CheckTls | undefined;
}

const path = z
  .string()
  .max(1_024)
  .regex(/^\/[\x21\x22\x24-\x7e]*$/, "expected a path that begins with '/', in visible ASCII, without '#'");

const pem = z.string().superRefine((text, context) => {
  const objection = objectionToCa(text);
  if (objection !== undefined)
    context.addIssue({ code: 'custom', message: `expected certificates in PEM; ${objection}` });
});

const tls = z.union(
  [
    z.boolean(),
    z.strictObject({
      ca: pem.optional(),
      insecure: z.boolean().default(false),
      servername: z
        .string()
        .max(253)
        .regex(/^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/i, 'expected a host name')
        .optional(),
    }),
  ],
  { error: 'expected true, or { ca, insecure, servername }' },
);

const status = z.union([z.int(), z.string().max(16)]);

/** What a check spec of kind `http` may say. */
export const checkOptions = z
  .strictObject({
    method: z.enum(['GET', 'HEAD', 'OPTIONS', 'POST']).default('GET'),
    path: path.default('/'),
    headers: z.record(z.string().max(64), z.string().max(1_024)).default({}),
    body: z.string().max(2_048).optional(),
    status: z
      .union([status, z.array(status).min(1).max(16)], {
        error: "expected a status such as 204, a range such as '200-299', or a list of these",
      })
      .default('200-299'),
    match: z.string().min(1).max(256).optional(),
    tls: tls.default(false),
  })
  .transform((given, context): HttpCheck => {
    const refuse = (key: string, message: string) => {
      context.addIssue({ code: 'custom', path: [key], message });
    };
    const { method, body, match } = given;
    if (body !== undefined && method !== 'POST')
      refuse('body', `expected none with method ${method}, only with POST`);
    if (match !== undefined && method === 'HEAD')
      refuse('match', 'expected none with method HEAD, which gets no body');
    const headers = parseHeaders(given.headers);
    if (headers.objection !== undefined) refuse('headers', headers.objection);
    const ranges = parseStatuses(given.status);
    if (typeof ranges === 'string') refuse('status', ranges);
    const isTls = given.tls !== false;
    const { ca, insecure = false, servername } = typeof given.tls === 'object' ? given.tls : {};
    if (insecure && ca !== undefined) refuse('tls', 'expected either ca or insecure, not both');
    return {
      method,
      path: given.path,
      headers: headers.list,
      hasHost: headers.hasHost,
      body,
      expected: { ranges: typeof ranges === 'string' ? [] : ranges, shown: [given.status].flat().join(', ') },
      match: match === undefined ? undefined : matchOf(match, (message) => refuse('match', message)),
      tls: isTls ? { ca, isInsecure: insecure, servername } : undefined,
    };
  });

function matchOf(pattern: string, refuse: (message: string) => void): HttpCheck['match'] {
  try {
    return { isFoundIn: compileSmallPattern(pattern, MOST_STEPS), shown: pattern };
  } catch (error) {
    refuse(`expected a pattern of RE2: ${messageOf(error)}`);
    return undefined;
  }
}
