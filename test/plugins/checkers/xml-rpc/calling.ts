import type { CheckTarget, Verdict } from '../../../../core/index.js';
import { systemClock } from '../../../../core/index.js';
import { createXmlRpcChecker } from '../../../../plugins/checkers/xml-rpc/xml-rpc-checker.js';

const checker = createXmlRpcChecker(systemClock);

/** Calls a target once, with options as a check spec writes them. */
export function check(
  { host, port }: CheckTarget,
  options: unknown = {},
  signal = AbortSignal.timeout(10_000),
): Promise<Verdict> {
  return checker.check({ target: { host, port }, options: checker.options.parse(options), signal });
}

/** An HTTP answer with this body. */
export const answer = (body: string, status = '200 OK') =>
  `HTTP/1.1 ${status}\r\nContent-Type: text/xml\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

/** The answer to a call, with a value such as `<int>7</int>`. */
export const value = (xml: string) =>
  answer(
    `<?xml version="1.0"?><methodResponse><params><param><value>${xml}</value></param></params></methodResponse>`,
  );
