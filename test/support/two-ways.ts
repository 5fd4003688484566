import type { DoorReply, DoorRequest } from '../../core/http-listener.js';
import { QuickExchange } from '../../core/http-quick-exchange.js';
import { serve } from './http-door.js';
import type { RawAnswer } from './raw-http.js';

/** What the two ways must agree on. */
export type Outcome = Pick<RawAnswer, 'status' | 'headers' | 'body'>[];

/** An ordinary request but for one header, for which node:http has its connection from then on. */
export const UNUSUAL = 'POST / HTTP/1.1\r\nHost: localhost\r\nTE: trailers\r\nContent-Length: 0\r\n\r\n';
/** The last request of a connection. */
const LAST = 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlast';

/**
 * A door that answers what it was asked, and a way to send it the same bytes twice: on a fresh connection, where the
 * quick lane reads them first, and on one that node:http has already.
 */
export async function twoWays() {
  const ways: string[] = [];
  const { connect, errors } = await serve({
    contentTypes: ['text/xml'],
    // Long enough for what is whole, on a busy machine; what is not whole waits for them.
    limits: {
      bodyBytes: 1000,
      headerBytes: 1000,
      headersTimeoutMs: 2000,
      requestTimeoutMs: 2000,
      keepAliveTimeoutMs: 2000,
    },
    handle(request: DoorRequest, reply: DoorReply) {
      ways.push(request instanceof QuickExchange ? 'quick' : 'node');
      const { method, path, query, remote, authorization } = request;
      const headers = Object.entries(request.headers).sort();
      const body = request.body.toString('latin1');
      reply(
        200,
        'application/json',
        JSON.stringify({ method, path, query, remote, authorization, headers, body }),
      );
    },
  });

  const send = async (pieces: readonly (string | Buffer)[], isNodes: boolean): Promise<Outcome> => {
    const connection = await connect();
    if (isNodes) await connection.send(UNUSUAL).answer();
    for (const piece of [...pieces, LAST]) {
      await new Promise((sent) => connection.socket.write(piece, sent));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const answers = await connection.answers();
    connection.close();
    return answers.map(({ status, headers: { date, ...headers }, body }) => ({ status, headers, body }));
  };

  return {
    ways,
    errors,
    /** The answers to the same bytes, in these pieces: first on the quick way, then on node:http's. */
    both: (...pieces: readonly (string | Buffer)[]) =>
      Promise.all([send(pieces, false), send(pieces, true)]) as Promise<[Outcome, Outcome]>,
    quick: (...pieces: readonly (string | Buffer)[]) => send(pieces, false),
  };
}
