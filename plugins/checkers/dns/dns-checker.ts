import { lookup, Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import { type Checker, type CheckTarget, type Clock, shown, type Verdict } from '../../../core/index.js';
import { asText, comparable, type Resolved } from './answers.js';
import { checkOptions } from './check-options.js';

/**
 * The first question is given up for lost after this long, and asked again; each time the resolver waits twice as long. Six
 * times are 63 s, which is longer than any check may take: what ends them is the check's signal.
 */
const FIRST_WAIT_MS = 1_000;
const TRIES = 6;
/** Of a host name with more, only the first ones are asked. */
const MOST_ADDRESSES = 8;

/** Of what was asked for, answered and expected, this much stands in the output. */
const LONGEST = 64;

/** Errors of Node's resolver, in the words of DNS (RFC 1035 §4.1.1). */
const WORDS: { readonly [code: string]: string } = {
  ENODATA: 'no such record',
  ENOTFOUND: 'NXDOMAIN',
  ESERVFAIL: 'SERVFAIL',
  EREFUSED: 'REFUSED',
  EFORMERR: 'FORMERR',
  ENOTIMP: 'NOTIMP',
  EBADRESP: 'it answered what is no DNS',
  ETIMEOUT: 'no answer',
};

/** A checker of kind `dns`: an instance that, asked as a DNS server, answers a question with records is running. */
export function createDnsChecker(clock: Clock): Checker<typeof checkOptions> {
  return {
    kind: 'dns',
    options: checkOptions,
    check: async ({ target, options: { query, type, expect, expected }, signal }) => {
      signal.throwIfAborted();
      const begunAt = clock.monotonic();
      const conclude = (status: Verdict['status'], output: string) => ({
        status,
        output,
        latencyMs: clock.monotonic() - begunAt,
      });
      const asked = `${type} ${shown(query, LONGEST)}`;
      let servers: string[];
      try {
        servers = await untilAborted(serversAt(target), signal);
      } catch (error) {
        signal.throwIfAborted();
        return conclude('error', codeOf(error));
      }
      signal.throwIfAborted();
      const resolver = new Resolver({ timeout: FIRST_WAIT_MS, tries: TRIES });
      const cancel = () => resolver.cancel();
      signal.addEventListener('abort', cancel);
      try {
        resolver.setServers(servers);
        const answers = asText((await resolver.resolve(query, type)) as Resolved);
        const [first = ''] = answers;
        const line = `${asked}: ${shown(first, LONGEST)}${answers.length > 1 ? ` and ${answers.length - 1} more` : ''}`;
        if (expected === undefined || answers.some((answer) => comparable(type, answer) === expected)) {
          return conclude('running', line);
        }
        return conclude('error', `${line}, expected ${shown(expect ?? '', LONGEST)}`);
      } catch (error) {
        signal.throwIfAborted();
        const code = codeOf(error);
        return conclude('error', `${asked}: ${WORDS[code] ?? code}`);
      } finally {
        signal.removeEventListener('abort', cancel);
      }
    },
  };
}

/** What the resolver is to ask: it takes addresses only. */
async function serversAt({ host, port }: CheckTarget): Promise<string[]> {
  const addresses = isIP(host) === 0 ? await lookup(host, { all: true }) : [{ address: host }];
  return addresses
    .slice(0, MOST_ADDRESSES)
    .map(({ address }) => (address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`));
}

/** The system's resolver can't be told to give up: what it still answers then is dropped. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort);
    promise.finally(() => signal.removeEventListener('abort', abort)).then(resolve, reject);
  });
}

function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : String(error);
}
