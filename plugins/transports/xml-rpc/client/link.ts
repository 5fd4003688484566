import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import type { Clock } from '../../../../core/clock.js';
import { RegistryError } from '../../../../core/errors.js';
import type { Address } from './address.js';
import { refusal, unreachable } from './failures.js';

/** What TLS is given, as `node:tls` takes it: PEM text or bytes. */
export interface ClientTls {
  /** Whose certificates are trusted, instead of those that Node knows. */
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[];
  /** What this client shows, for a registry that asks. */
  readonly cert?: string | Uint8Array;
  readonly key?: string | Uint8Array;
  readonly passphrase?: string;
  /** The name that the registry's certificate is for, where the address says another. */
  readonly servername?: string;
}

/** One request. Times are in milliseconds. */
export interface PostOptions {
  /** From the call to the end of the answer. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Does not keep the process alive. */
  readonly isBackground?: boolean | undefined;
  /** Is not sent a second time, whatever becomes of it. */
  readonly isOnce?: boolean | undefined;
  /** Is answered late on purpose, so it gets a connection that nobody else wants. */
  readonly isWait?: boolean | undefined;
}

const CALLS_AT_ONCE = 32;
const IDLE_CONNECTIONS = 4;
/** An answer has at most 16 Mi characters; UTF-8 has at most 3 bytes for each. */
const LARGEST_ANSWER = 48 * 1024 * 1024;

/**
 * The connections to one address: posts a body, answers a body. Nothing is read into either.
 *
 * A connection that stays open leads to the same process. `session` is a number for as long as one has been open without
 * a break, so that a caller can tell that it may be talking to another registry than before: one that was restarted, say.
 */
export class Link {
  readonly address: Address;
  readonly #clock: Clock;
  readonly #connectTimeoutMs: number;
  readonly #calls: HttpAgent;
  readonly #waits: HttpAgent;
  readonly #open = new Set<Socket>();
  #session = 0;
  #localAddress: string | undefined;

  constructor(
    address: Address,
    options: { clock: Clock; connectTimeoutMs: number; tls?: ClientTls | undefined },
  ) {
    this.address = address;
    this.#clock = options.clock;
    this.#connectTimeoutMs = options.connectTimeoutMs;
    const agent = (maxSockets: number) => {
      const base = {
        keepAlive: true,
        maxSockets,
        maxFreeSockets: IDLE_CONNECTIONS,
        scheduling: 'lifo' as const,
      };
      return address.isTls ? new HttpsAgent({ ...base, ...(options.tls as object) }) : new HttpAgent(base);
    };
    this.#calls = agent(CALLS_AT_ONCE);
    this.#waits = agent(Number.POSITIVE_INFINITY);
  }

  /** Undefined where no connection is open: then nothing is known of who will answer. */
  get session(): number | undefined {
    return this.#open.size === 0 ? undefined : this.#session;
  }

  /** The address of this machine that the registry was last reached from. */
  get localAddress(): string | undefined {
    return this.#localAddress;
  }

  /**
   * The body of the answer, with status 200. Rejects with UNREACHABLE, with what a refusal says, and with the signal's
   * reason.
   */
  async post(body: string, options: PostOptions): Promise<Buffer> {
    const deadline = this.#clock.monotonic() + options.timeoutMs;
    for (;;) {
      const left = deadline - this.#clock.monotonic();
      try {
        return await this.#post(body, options, left);
      } catch (error) {
        // The registry closed an idle connection while we began to use it. Calls may be repeated, unless it is said that not.
        if (error !== STALE_CONNECTION) throw error;
        if (options.isOnce) throw unreachable(this.address.url, error);
      }
    }
  }

  /**
   * Sends a body from where nothing can be waited for, as in an `exit` listener: Node writes to a connection that is idle
   * before `write` returns. The answer is not read. Answers whether there was such a connection.
   */
  postAtExit(body: string): boolean {
    const socket = Object.values(this.#calls.freeSockets)
      .flat()
      .find((one) => one?.writable);
    if (socket === undefined) return false;
    // Others may follow on the same connection, so it is not said to be the last.
    const head = Object.entries(this.#headers(body))
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('');
    socket.write(`POST ${this.address.path} HTTP/1.1\r\n${head}\r\n${body}`);
    return true;
  }

  /** Cuts every connection; what is under way fails. */
  close(): void {
    this.#calls.destroy();
    this.#waits.destroy();
  }

  #post(body: string, options: PostOptions, timeoutMs: number): Promise<Buffer> {
    const { signal, isBackground, isWait } = options;
    const { address } = this;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const request = (address.isTls ? httpsRequest : httpRequest)({
        host: address.hostname,
        port: address.port,
        path: address.path,
        method: 'POST',
        agent: isWait ? this.#waits : this.#calls,
        headers: this.#headers(body),
      });
      let isOver = false;
      let hasAnswer = false;
      const end = () => {
        isOver = true;
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
      };
      const fail = (error: unknown) => {
        if (isOver) return;
        end();
        request.destroy();
        reject(error);
      };
      /** The connection itself failed: who answers next may be another. */
      const lose = (error: Error) => {
        if (!isOver) this.#session += 1;
        fail(error);
      };
      const onAbort = () => fail(signal?.reason);
      signal?.addEventListener('abort', onAbort, { once: true });
      const timer = this.#clock.setTimer(timeoutMs, () =>
        lose(unreachable(address.url, `nothing came within ${options.timeoutMs} ms`)),
      );
      request.once('socket', (socket: Socket) => this.#use(socket, request, isBackground === true, lose));
      request.once('response', (response) => {
        hasAnswer = true;
        this.#read(response).then((answer) => {
          end();
          resolve(answer);
        }, fail);
      });
      request.on('error', (error: NodeJS.ErrnoException) => {
        const isStale =
          request.reusedSocket && !hasAnswer && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
        lose(isStale ? STALE_CONNECTION : unreachable(address.url, error));
      });
      request.end(body);
    });
  }

  #use(socket: Socket, request: ClientRequest, isBackground: boolean, lose: (error: Error) => void): void {
    if (isBackground) socket.unref();
    if (this.#open.has(socket)) return;
    const event = this.address.isTls ? 'secureConnect' : 'connect';
    const timer = this.#clock.setTimer(this.#connectTimeoutMs, () => {
      lose(unreachable(this.address.url, `it could not be connected to within ${this.#connectTimeoutMs} ms`));
    });
    request.once('close', () => timer.cancel());
    socket.once(event, () => {
      timer.cancel();
      if (this.#open.size === 0) this.#session += 1;
      this.#open.add(socket);
      this.#localAddress = socket.localAddress?.replace(/^::ffff:/, '') ?? this.#localAddress;
    });
    socket.once('close', () => this.#open.delete(socket));
  }

  async #read(response: IncomingMessage): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let length = 0;
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        length += chunk.length;
        if (length > LARGEST_ANSWER) {
          const text = `The registry at ${this.address.url} answered with more than ${LARGEST_ANSWER} bytes; ask for less at once.`;
          throw new RegistryError('LIMIT_REACHED', text);
        }
        chunks.push(chunk);
      }
    } catch (error) {
      throw error instanceof RegistryError ? error : unreachable(this.address.url, error);
    }
    const body = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, length);
    if (response.statusCode !== 200) throw refusal(this.address.url, response.statusCode ?? 0, body);
    return body;
  }

  #headers(body: string): Record<string, string | number> {
    const { host, authorization } = this.address;
    return {
      Host: host,
      'Content-Type': 'text/xml',
      'Content-Length': Buffer.byteLength(body),
      ...(authorization !== undefined && { Authorization: authorization }),
    };
  }
}

const STALE_CONNECTION = new Error('an idle connection was closed as it was used');
