import { shown } from '../../../core/index.js';

/** Why there is no answer. @see request */
export class NoAnswer extends Error {}

const CLOSED = 'it closed the connection before the end of its answer';
const WORDS: { readonly [code: string]: string } = {
  UND_ERR_HEADERS_OVERFLOW: 'it answered with too many headers',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'its answer is not as long as it says',
};

/**
 * What is in the way of an answer, in a line: the system's name for it (`ECONNREFUSED`), OpenSSL's or Node's for a
 * certificate that is not trusted (`CERT_HAS_EXPIRED`), or what is wrong with the answer.
 */
export function whatFailed(error: unknown): string {
  if (!(error instanceof Error)) return shown(String(error), 128);
  const { name, code, message } = error as NodeJS.ErrnoException;
  // Its reason is the parser's own, and nothing of the answer.
  if (name === 'HTTPParserError')
    return `it answered no HTTP/1.1: ${/\((.*)\)$/.exec(message)?.[1] ?? message}`;
  if (error instanceof NoAnswer || code === undefined) return shown(message, 128);
  if (code !== 'UND_ERR_SOCKET') return WORDS[code] ?? shown(code, 128);
  const isUnasked = message === 'bad response' || message === 'bad upgrade';
  return isUnasked ? 'it answered 100 or 101, for which it was not asked' : CLOSED;
}
