import { z } from 'zod';
import { type Json, messageOf } from '../../../core/index.js';
import { writeCall } from '../../transports/xml-rpc/writer.js';

/** Of `params` and of `expect`, as JSON, in characters. */
const LARGEST_JSON = 4_096;

/** Asks what may be asked, and changes nothing: what is called where nobody says. */
const HARMLESS = 'system.listMethods';
/** Where XML-RPC servers answer, as Python's does. Elsewhere, what a POST does has nothing to do with the method in it. */
const USUAL_PATHS: ReadonlySet<string> = new Set(['/RPC2', '/']);

/** An xml-rpc check with all worked out that is the same each time. */
export interface XmlRpcCheck {
  readonly method: string;
  readonly path: string;
  /** HTTP Basic (RFC 7617). */
  readonly authorization: string | undefined;
  /** The call as it is sent. */
  readonly body: Buffer;
  readonly expect: Json | undefined;
  /** It asks an XML-RPC server for its methods, in bytes none of which were chosen by who asked for the check. */
  readonly isHarmless: boolean;
}

const credential = z.string().max(256);
const json = z.json().refine((value) => JSON.stringify(value).length <= LARGEST_JSON, {
  error: `expected at most ${LARGEST_JSON} characters of JSON`,
});

/** What a check spec of kind `xml-rpc` may say. */
export const checkOptions = z
  .strictObject({
    method: z
      .string()
      .regex(/^[A-Za-z0-9_.:/]{1,256}$/, 'expected a method name, 1 to 256 of A-Z a-z 0-9 _ . : /')
      .default(HARMLESS),
    params: z.array(json).max(16).default([]),
    path: z
      .string()
      .max(1_024)
      .regex(
        /^\/[\x21\x22\x24-\x7e]*$/,
        "expected a path that begins with '/', in visible ASCII, without '#'",
      )
      .default('/RPC2'),
    user: credential.regex(/^[^:]*$/, 'expected a user without ":"').optional(),
    password: credential.optional(),
    expect: json.optional(),
  })
  .transform(({ method, params, path, user, password, expect }, context): XmlRpcCheck => {
    if (password !== undefined && user === undefined) {
      context.addIssue({ code: 'custom', path: ['password'], message: 'expected a user with it' });
    }
    let body = '';
    try {
      body = writeCall(method, params);
    } catch (error) {
      context.addIssue({ code: 'custom', path: ['params'], message: messageOf(error) });
    }
    const authorization =
      user === undefined ? undefined : `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}`;
    // Text of one's own, between lines of one's own, is a command to whatever else listens on a port (memcached, SMTP).
    const isHarmless = method === HARMLESS && params.length === 0 && USUAL_PATHS.has(path);
    return { method, path, authorization, body: Buffer.from(body), expect, isHarmless };
  });
