import type { CheckTarget, Verdict } from '../../../../core/index.js';
import { systemClock } from '../../../../core/index.js';
import { createHttpChecker } from '../../../../plugins/checkers/http/http-checker.js';
import { listenRaw, type RawPeer } from '../raw-peer.js';

const checker = createHttpChecker(systemClock);

/** Checks a target once, with options as a check spec writes them. */
export function check(
  { host, port }: CheckTarget,
  options: unknown = {},
  signal = AbortSignal.timeout(10_000),
): Promise<Verdict> {
  return checker.check({ target: { host, port }, options: checker.options.parse(options), signal });
}

/** A server that answers these bytes to whatever it is asked; `asked` gets the request. */
export function answering(
  answer: string,
  asked: (request: string) => void = () => {},
  host?: string,
): Promise<RawPeer> {
  return listenRaw((socket) => {
    socket.once('data', (request) => {
      asked(request.toString('latin1'));
      socket.end(Buffer.from(answer, 'latin1'));
    });
  }, host);
}

/** A whole answer. */
export const answer = (statusLine: string, body = 'ok') =>
  `HTTP/1.1 ${statusLine}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
