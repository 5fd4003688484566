import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from './clock.js';
import type { ErrorCode } from './errors.js';

/** Why a request gets no further: a status and one line that says what is expected. */
export interface Refusal {
  readonly status: number;
  /** Where docs/errors.md has more to say than the text. */
  readonly code?: ErrorCode;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** How long, and for how many bytes, a refused peer may go on sending before it is cut off. */
const LINGER_MS = 1000;
const LINGER_BYTES = 4 * 1024 * 1024;

/** Answers a refusal and closes the connection. */
export function refuse(response: ServerResponse, refusal: Refusal): void {
  response.end(writeRefusal(response, refusal));
}

/**
 * Answers a refusal at once, and closes the connection when the peer has seen it. Closing while the peer still sends
 * resets the connection, and a client that sends all before it reads (Python's) would report the reset instead of the
 * answer; so a bounded rest of the body is read and thrown away first.
 */
export function refuseWhileReading(
  request: IncomingMessage,
  response: ServerResponse,
  refusal: Refusal,
  clock: Clock,
): void {
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
  const hasBody = coding !== undefined || (length !== undefined && Number(length) > 0);
  if (!hasBody || request.complete) {
    refuse(response, refusal);
    return;
  }
  // Everything that Content-Length announced is written; only the end, upon which node closes, is kept back.
  response.write(writeRefusal(response, refusal));
  let left = LINGER_BYTES;
  const close = () => {
    timer.cancel();
    response.end();
  };
  const timer = clock.setTimer(LINGER_MS, close);
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) close();
  });
  request.on('end', close);
  response.on('close', close);
}

/**
 * Writes a last answer on a socket of which nothing more is to be understood, and closes it when the peer has seen that; as
 * above, a bounded rest of what it sends is thrown away first.
 */
export function closeWith(socket: Socket, answer: string, clock: Clock): void {
  let left = LINGER_BYTES;
  const timer = clock.setTimer(LINGER_MS, () => socket.destroy());
  socket.removeAllListeners('data');
  socket.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) socket.destroy();
  });
  socket.once('close', () => timer.cancel());
  socket.end(answer, 'latin1');
  socket.resume();
}

/** The answer that refuses where no request could be read. ASCII. */
export function rawRefusal(refusal: Refusal, reason: string): string {
  const { status } = refusal;
  const body = bodyOf(refusal);
  const head = `HTTP/1.1 ${status} ${reason}\r\nContent-Type: text/plain; charset=utf-8\r\n`;
  return `${head}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`;
}

function bodyOf({ code, text }: Refusal): string {
  return code === undefined ? `${text}\n` : `${code}: ${text}\n`;
}

function writeRefusal(response: ServerResponse, refusal: Refusal): string {
  const body = bodyOf(refusal);
  response.writeHead(refusal.status, {
    ...refusal.headers,
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    Connection: 'close',
  });
  return body;
}
