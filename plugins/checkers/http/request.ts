import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Client, type Dispatcher } from 'undici';
import type { CheckTarget } from '../../../core/index.js';
import { type CheckTls, type HttpCheck, LARGEST_BODY } from './check-options.js';
import type { Trust } from './trust.js';
import { NoAnswer } from './what-failed.js';

/** What was answered. */
export interface HttpAnswer {
  readonly status: number;
  /** The reason phrase, as the server wrote it. */
  readonly text: string;
  /** The beginning of the body, as it was sent; none where it was not wanted. */
  readonly body: Buffer;
}

export interface HttpRequest {
  readonly check: HttpCheck;
  readonly target: CheckTarget;
  readonly trust: Trust;
  readonly signal: AbortSignal;
  /** Whether the body of an answer with this status is to be read. */
  readonly wantsBody: (status: number) => boolean;
}

const LARGEST_HEAD = 16 * 1024;
const MOST_INTERIM_ANSWERS = 16;
/** Of all that an answer is made of, also what the parser does not bound: the reason phrase, the extensions of chunks. */
const MOST_BYTES = 1024 * 1024;
/**
 * How much the parser is handed at once, in bytes: it goes through all of it before it heeds that a head is too large, and
 * takes 6 µs for each header, which may be four bytes long.
 */
const MOST_AT_ONCE = 1_024;
/** Made once: undici would make one for each client, whose stack trace is 5% of a check. */
const DONE = new Error('the check is over');
const ignore = () => {};

/**
 * Makes one request on a connection of its own, which is closed when it is settled. It resolves to an answer that is whole,
 * or whose body is as long as is read at all. It rejects with what is in the way, and with the signal's reason: there is no
 * other limit on time.
 */
export function request({ check, target, trust, signal, wantsBody }: HttpRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    let socket: Socket | undefined;
    let isOver = false;
    const client = new Client('http://target', {
      // Not undici's own: that keeps timers and sessions for connections to come.
      connect: (_options, callback) => {
        if (socket !== undefined) {
          callback(new NoAnswer('it closed the connection before its answer'), null);
          return;
        }
        const opened = connect(target, check.tls, trust, (error) => {
          if (error !== undefined) return callback(error, null);
          opened.on('readable', () => {
            if (opened.bytesRead > MOST_BYTES)
              fail(new NoAnswer(`it answered with more than ${MOST_BYTES} bytes`));
          });
          readInPieces(opened);
          callback(null, opened);
        });
        socket = opened;
      },
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: LARGEST_HEAD,
    });
    const end = (settle: () => void) => {
      if (isOver) return;
      isOver = true;
      signal.removeEventListener('abort', abort);
      client.destroy(DONE, ignore);
      socket?.destroy();
      settle();
    };
    const abort = () => end(() => reject(signal.reason));
    const fail = (error: Error) => end(() => reject(error));
    signal.addEventListener('abort', abort);

    let status = 0;
    let text = '';
    let interim = 0;
    let length = 0;
    const chunks: Buffer[] = [];
    const answer = () =>
      end(() => resolve({ status, text, body: Buffer.concat(chunks).subarray(0, LARGEST_BODY) }));
    client.dispatch(requestOptions(check, target), {
      onRequestStart: ignore,
      onResponseStart(_controller, code, _headers, phrase = '') {
        if (code < 200) {
          interim += 1;
          if (interim > MOST_INTERIM_ANSWERS) fail(new NoAnswer(`it sent ${code} again and again`));
          return;
        }
        status = code;
        text = phrase;
        if (!wantsBody(code)) answer();
      },
      onResponseData(_controller, chunk) {
        chunks.push(chunk);
        length += chunk.length;
        if (length >= LARGEST_BODY) answer();
      },
      onResponseEnd: answer,
      onResponseError: (_controller, error) => fail(error),
    });
  });
}

/** The parser reads until there is null. */
function readInPieces(socket: Socket): void {
  const read = socket.read.bind(socket);
  socket.read = () => (socket.destroyed ? null : read(Math.min(socket.readableLength, MOST_AT_ONCE)));
}

function requestOptions(check: HttpCheck, target: CheckTarget): Dispatcher.DispatchOptions {
  const { method, path, headers, hasHost, body } = check;
  return {
    method,
    path,
    headers: hasHost ? [...headers] : ['Host', hostHeader(target, check.tls !== undefined), ...headers],
    body: body ?? null,
    // So that the server closes the connection too.
    reset: true,
  };
}

/** RFC 9110 §7.2: as a URL has it, without the zone of an address, which is nobody else's business (RFC 6874 §4). */
function hostHeader({ host, port }: CheckTarget, isTls: boolean): string {
  const name = host.includes(':') ? `[${host.replace(/%.*$/, '')}]` : host;
  return port === (isTls ? 443 : 80) ? name : `${name}:${port}`;
}

/** Calls back once: with an error, or when the connection stands. */
function connect(
  { host, port }: CheckTarget,
  tls: CheckTls | undefined,
  trust: Trust,
  callback: (error?: Error) => void,
): Socket {
  const socket =
    tls === undefined
      ? connectTcp({ host, port })
      : connectTls({
          host,
          port,
          secureContext: trust.contextFor(tls.ca),
          rejectUnauthorized: !tls.isInsecure,
          ALPNProtocols: ['http/1.1'],
          ...serverName(host, tls),
        });
  let isDone = false;
  const done = (error?: Error) => {
    if (isDone) return;
    isDone = true;
    callback(error);
  };
  socket.once(tls === undefined ? 'connect' : 'secureConnect', () => done());
  // Stays on: without a listener, an error that comes late would end the process.
  socket.on('error', done);
  return socket;
}

/** An address is not sent (RFC 6066 §3), and is looked for in the certificate as an address. */
function serverName(host: string, { servername }: CheckTls): { servername?: string } {
  if (servername !== undefined) return { servername };
  return isIP(host) === 0 ? { servername: host } : {};
}
