import { createSecureContext, type SecureContext } from 'node:tls';
import { z } from 'zod';
import { type Checker, type Clock, messageOf, type Verdict } from '../../../core/index.js';
import { type Answer, askHealth } from './call.js';
import { SERVING_STATUSES } from './health-messages.js';
import type { Grpc } from './load-grpc.js';
import { secure, type TlsOptions, tlsOptions } from './tls.js';

const options = z.strictObject({
  /** Which of the server's services is asked for; '' is the server as a whole. */
  service: z.string().max(256).default(''),
  tls: tlsOptions.default(false),
});

const MOST_CONTEXTS = 64;

export interface GrpcCheckerParts {
  readonly clock: Clock;
  readonly grpc: Grpc;
  /** Certificates (PEM) that vouch for servers where a check brings none itself. */
  readonly ca?: string;
}

/** A checker of kind `grpc`: an instance is running while its gRPC health service says SERVING. */
export function createGrpcChecker({ clock, grpc, ca }: GrpcCheckerParts): Checker<typeof options> {
  // To read certificates takes a millisecond, and what is made of them 30 KB: instances mostly share theirs.
  const contexts = new Map<string | undefined, SecureContext>();
  const contextOf = (tls: TlsOptions) => {
    const trusted = (tls === true ? undefined : tls.ca) ?? ca;
    const context = contexts.get(trusted) ?? createSecureContext({ ca: trusted });
    // A Map keeps its order: the one that was used longest ago is the first, and makes room.
    contexts.delete(trusted);
    contexts.set(trusted, context);
    if (contexts.size > MOST_CONTEXTS) contexts.delete(contexts.keys().next().value);
    return context;
  };
  return {
    kind: 'grpc',
    options,
    async check({ target: { host, port }, options: given, signal }) {
      const { service, tls } = given;
      signal.throwIfAborted();
      const context = tls === false ? undefined : contextOf(tls);
      const begunAt = clock.monotonic();
      const answer = await askHealth(grpc, {
        host,
        port,
        service,
        secure: context && ((socket) => secure(socket, host, tls === false ? true : tls, context)),
        signal,
      }).catch((error: NodeJS.ErrnoException): Answer => {
        if (signal.aborted) throw error;
        return { code: grpc.status.UNAVAILABLE, details: error.code ?? messageOf(error) };
      });
      return { ...judge(answer, service, grpc), latencyMs: clock.monotonic() - begunAt };
    },
  };
}

function judge(answer: Answer, service: string, grpc: Grpc): Pick<Verdict, 'status' | 'output'> {
  const { code, details, serving } = answer;
  const { status } = grpc;
  if (serving !== undefined) {
    const name = SERVING_STATUSES[serving] ?? `serving status ${serving}, which is unknown`;
    return { status: name === 'SERVING' ? 'running' : 'error', output: name };
  }
  // The same code is this side's own for an answer that is too large.
  const isBusy =
    code === status.RESOURCE_EXHAUSTED && !details.startsWith('Received message larger than max');
  const said = [MISSING[code]?.(service), tidy(details)].filter(Boolean).join(': ');
  const name = status[code] ?? `code ${code}`;
  const output = said === '' ? name : `${name}: ${said}`;
  return { status: isBusy ? 'degraded' : 'error', output: [...output].slice(0, OUTPUT_LENGTH).join('') };
}

const NOT_FOUND = 5;
const UNIMPLEMENTED = 12;

/** What is to be mended where the codes alone don't say it (grpc.health.v1's own rules). */
const MISSING: { readonly [code: number]: (service: string) => string } = {
  [NOT_FOUND]: (service) => `the server has no health status of the service ${JSON.stringify(service)}`,
  [UNIMPLEMENTED]: () => 'the server does not offer the health service, grpc.health.v1.Health',
};

/** Controls, marks of direction, lone surrogates, unassigned characters, separators of lines. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]+/gu;
const OUTPUT_LENGTH = 256;

/** What a server, or the package, says, in a line: without the package's own frame around the cause, and its time. */
function tidy(details: string): string {
  const cause = details
    .slice(0, 1_024)
    .replace(/^No connection established\. Last error: (?:Error: )?/, '')
    .replace(/ Resolution note: .*$/s, '')
    .replace(/\.$/, '')
    .replace(/ \(\d{4}-\d\d-\d\dT[\d:.]+Z\)$/, '')
    // OpenSSL's, with the number of a thread before and a place in its sources behind.
    .replace(/^[\dA-F]+:error:[\dA-F]+:SSL routines:[^:]*:([^:]*):.*$/s, 'TLS: $1');
  return cause.replace(UNSEEN, ' ').trim();
}
