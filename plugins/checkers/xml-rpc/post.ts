import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { CheckTarget } from '../../../core/index.js';
import type { XmlRpcCheck } from './check-options.js';

/** Of all that comes back, with the head and whatever else HTTP has: to read it takes up to 5 ms, at one go. */
const MOST_BYTES = 128 * 1024;
const MOST_INTERIM_ANSWERS = 16;

/** An answer to a POST: with its body, whole, where its status is 200. */
export interface Posted {
  readonly status: number;
  /** The reason phrase, as the server wrote it. */
  readonly text: string;
  readonly body: Buffer;
}

/**
 * Posts once, on a connection of its own, which is closed when it is settled. Rejects with what is in the way, and with the
 * signal's reason: there is no other limit on time.
 */
export function post(check: XmlRpcCheck, { host, port }: CheckTarget, signal: AbortSignal): Promise<Posted> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const { path, body, authorization } = check;
    const request = httpRequest({
      host,
      port,
      path,
      method: 'POST',
      agent: false,
      headers: {
        'Content-Type': 'text/xml',
        'Content-Length': body.length,
        'User-Agent': 'rollcall',
        ...(authorization !== undefined && { Authorization: authorization }),
      },
    });
    let isOver = false;
    const end = (settle: () => void) => {
      if (isOver) return;
      isOver = true;
      signal.removeEventListener('abort', abort);
      request.destroy();
      settle();
    };
    const abort = () => end(() => reject(signal.reason));
    const fail = (error: Error) => end(() => reject(error));
    signal.addEventListener('abort', abort);
    request.once('socket', (socket: Socket) => {
      let length = 0;
      socket.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > MOST_BYTES) fail(new Error(`it answered with more than ${MOST_BYTES} bytes`));
      });
    });
    request.once('response', (response) => {
      const { statusCode: status = 0, statusMessage: text = '' } = response;
      const answer = (body: Buffer) => end(() => resolve({ status, text, body }));
      if (status === 200) read(response).then(answer, fail);
      else answer(Buffer.alloc(0));
    });
    let interim = 0;
    request.on('information', ({ statusCode }) => {
      interim += 1;
      if (interim > MOST_INTERIM_ANSWERS) fail(new Error(`it sent ${statusCode} again and again`));
    });
    // A server that wants to speak another protocol, which Node would close without a word.
    request.once('upgrade', () => fail(new Error('it switched to another protocol')));
    // Stays on: without a listener, an error that comes late would end the process.
    request.on('error', fail);
    request.end(body);
  });
}

async function read(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
