import { z } from 'zod';
import { compileSmallPattern, messageOf } from '../../../core/index.js';
import { parseHeaders } from './headers.js';
import { Recent } from './recent.js';
import { parseStatuses, type StatusRange } from './statuses.js';
import { objectionToCa } from './trust.js';

/** How much of a body is read, in bytes, and how large a pattern may be that is looked for in it: 35 ms at the very worst. */
export const LARGEST_BODY = 16 * 1024;
const MOST_STEPS = 128;
/** Half a millisecond and 10 KB each, and instances of one service mostly share theirs. */
const MOST_PATTERNS = 256;

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
  readonly overridesMethod: boolean;
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

const spec = z.strictObject({
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
});

/** The schema of what a check spec of kind `http` may say. Checks with the same pattern share what is made of it. */
export function createCheckOptions() {
  const patterns = new Recent<string, (text: string) => boolean>(MOST_PATTERNS);
  return spec.transform((given, context): HttpCheck => {
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
    const isFoundIn = (pattern: string) => {
      try {
        return patterns.get(pattern, () => compileSmallPattern(pattern, MOST_STEPS));
      } catch (error) {
        refuse('match', `expected a pattern of RE2: ${messageOf(error)}`);
        return z.NEVER;
      }
    };
    const isTls = given.tls !== false;
    const { ca, insecure = false, servername } = typeof given.tls === 'object' ? given.tls : {};
    if (insecure && ca !== undefined) refuse('tls', 'expected either ca or insecure, not both');
    return {
      method,
      path: given.path,
      headers: headers.list,
      hasHost: headers.hasHost,
      overridesMethod: headers.overridesMethod,
      body,
      expected: { ranges: typeof ranges === 'string' ? [] : ranges, shown: [given.status].flat().join(', ') },
      match: match === undefined ? undefined : { isFoundIn: isFoundIn(match), shown: match },
      tls: isTls ? { ca, isInsecure: insecure, servername } : undefined,
    };
  });
}
