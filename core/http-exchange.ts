import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { isPromise } from './awaitable.js';
import type { Clock } from './clock.js';
import { RegistryError } from './errors.js';
import type { DoorReply, DoorRequest } from './http-door.js';
import type { Doorway } from './http-doorway.js';
import type { Outbox } from './http-outbox.js';
import { type Refusal, refuse, refuseWhileReading } from './http-refuse.js';
import { type Coding, codingOf, type Unpacker } from './http-unpack.js';

/** What exchanges need of the address they came through. */
export interface ExchangeContext {
  readonly clock: Clock;
  readonly unpacker: Unpacker;
  readonly outbox: Outbox;
  readonly onError: (message: string, error: unknown) => void;
}

/** One connection, and what is under way on it; the oldest exchange first. */
export class Connection {
  readonly socket: Socket;
  readonly exchanges = new Set<Exchange>();
  /** The one whose answer is the last so far; undefined once that is over, or a refusal. */
  newest: Exchange | undefined;
  /** Takes no more requests; it is closed once its exchanges are over. */
  isClosing = false;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  closeSoon(): void {
    this.isClosing = true;
    if (this.exchanges.size === 0) this.socket.destroySoon();
  }
}

type State = 'reading' | 'unpacking' | 'waiting' | 'answered' | 'over';

const NO_BODY = Buffer.alloc(0);

/** One request from the end of its head until its answer is written out or its peer has gone. */
export class Exchange implements DoorRequest {
  readonly path: string;
  readonly query: string;
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  body: Buffer = NO_BODY;
  readonly reply: DoorReply;
  readonly #context: ExchangeContext;
  readonly #doorway: Doorway;
  readonly #connection: Connection;
  /**
   * Both are let go of when it is over. A dead exchange that has grown old would else keep them, and they the next ones:
   * the garbage collector then moved 3 KB a request into its old space, which was a sixth of a durable register's cost.
   */
  #request: IncomingMessage | undefined;
  #response: ServerResponse | undefined;
  #state: State = 'reading';
  #heldBytes = 0;
  /** Only for a body that came in several pieces; the first is `body`. */
  #moreChunks: Buffer[] | undefined;
  #controller: AbortController | undefined;
  #abortReason: Error | undefined;

  constructor(
    context: ExchangeContext,
    doorway: Doorway,
    connection: Connection,
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    query: string,
  ) {
    this.#context = context;
    this.#doorway = doorway;
    this.#connection = connection;
    this.#request = request;
    this.#response = response;
    this.method = request.method ?? '';
    this.headers = request.headers;
    this.path = path;
    this.query = query;
    this.reply = (status, headers, body) => this.#answer(status, headers, body);
  }

  get remote(): string {
    return this.#connection.socket.remoteAddress ?? '';
  }

  get authorization(): string | undefined {
    return this.headers.authorization;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
    return this.#controller.signal;
  }

  get doorway(): Doorway {
    return this.#doorway;
  }

  /** Its body is still to come. */
  get isReading(): boolean {
    return this.#state === 'reading' && this.#request?.complete === false;
  }

  /** Answered, but not yet taken by the peer. */
  get isWriting(): boolean {
    return this.#state === 'answered';
  }

  begin(): void {
    this.#doorway.enter();
    this.#connection.exchanges.add(this);
    this.#connection.newest = this;
    this.#request?.on('data', this.#onData);
    this.#request?.on('end', this.#onEnd);
    this.#response?.on('finish', this.#onFinish);
  }

  /** Answers a request whose body cannot be read to its end: nothing more is to be expected of its peer. */
  refuse(refusal: Refusal): void {
    this.#stopReading();
    if (this.#response !== undefined) refuse(this.#response, refusal);
  }

  /** The peer has gone: whatever is replied now reaches nobody. */
  gone(): void {
    if (this.#state === 'over') return;
    this.#end();
    this.#abort(new DOMException('The caller closed its connection before it was answered', 'AbortError'));
  }

  /** Tells a door that waits to answer now. */
  endWait(): void {
    this.#abort(new RegistryError('STOPPING', 'The door closes'));
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#heldBytes += chunk.length;
    const noRoom = this.#doorway.hold(chunk.length);
    if (this.#heldBytes > this.#doorway.limits.bodyBytes) this.#refuseRest(this.#doorway.tooLarge());
    else if (noRoom !== undefined) this.#refuseRest(noRoom);
    else if (this.body === NO_BODY) this.body = chunk;
    else if (this.#moreChunks === undefined) this.#moreChunks = [this.body, chunk];
    else this.#moreChunks.push(chunk);
  };

  readonly #onEnd = (): void => {
    if (this.#moreChunks !== undefined) {
      this.body = Buffer.concat(this.#moreChunks, this.#heldBytes);
      this.#moreChunks = undefined;
    }
    const coding = codingOf(this.headers['content-encoding']);
    if (coding == null || this.body.length === 0) this.#hand();
    else this.#unpack(coding);
  };

  #unpack(coding: Coding): void {
    this.#state = 'unpacking';
    this.#context.unpacker.unpack(coding, this.body, this.#doorway.limits.bodyBytes, (result) => {
      if (this.#state !== 'unpacking') return;
      if (!Buffer.isBuffer(result)) return this.refuse(result);
      this.#heldBytes += result.length;
      const noRoom = this.#doorway.hold(result.length);
      if (noRoom !== undefined) return this.refuse(noRoom);
      this.body = result;
      this.#hand();
    });
  }

  readonly #onFinish = (): void => {
    if (this.#state === 'over') return;
    this.#end();
    const connection = this.#connection;
    if (connection.isClosing) connection.closeSoon();
  };

  #hand(): void {
    this.#state = 'waiting';
    try {
      // An async function may be given where one that answers nothing is expected; its rejection must not end us.
      const result: unknown = this.#doorway.spec.handle(this, this.reply);
      if (isPromise(result)) result.then(undefined, this.#onFailure);
    } catch (error) {
      this.#onFailure(error);
    }
  }

  readonly #onFailure = (error: unknown): void => {
    const { plugin } = this.#doorway.spec;
    this.#context.onError(`The plugin "${plugin}" failed at ${this.method} ${this.path}`, error);
    this.#answer(
      500,
      'text/plain; charset=utf-8',
      'The registry failed at this request; its log says why.\n',
    );
  };

  #answer(status: number, headers: Readonly<Record<string, string>> | string, body: string | Buffer): void {
    const response = this.#response;
    if (this.#state !== 'waiting' || response === undefined) return;
    const fields: Record<string, string | number> =
      typeof headers === 'string' ? { 'Content-Type': headers } : { ...headers };
    // 204 and 304 end with their head (RFC 9110 §8.6).
    if (status !== 204 && status !== 304) {
      fields['Content-Length'] = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    }
    // Requests pipelined behind this one are still to be answered, so only the newest says that it is the last.
    if (this.#connection.isClosing && this.#connection.newest === this) fields.Connection = 'close';
    try {
      response.writeHead(status, fields);
    } catch (error) {
      // A status or header that HTTP has not: nothing was written, so the 500 of a failing door still fits.
      this.#onFailure(error);
      return;
    }
    this.#state = 'answered';
    this.#context.outbox.send(response, body);
  }

  #refuseRest(refusal: Refusal): void {
    this.#stopReading();
    if (this.#request === undefined || this.#response === undefined) return;
    refuseWhileReading(this.#request, this.#response, refusal, this.#context.clock);
  }

  #stopReading(): void {
    this.#state = 'answered';
    this.#connection.isClosing = true;
    this.#request?.off('data', this.#onData);
    this.#request?.off('end', this.#onEnd);
    this.body = NO_BODY;
    this.#moreChunks = undefined;
  }

  #end(): void {
    this.#state = 'over';
    this.#connection.exchanges.delete(this);
    if (this.#connection.newest === this) this.#connection.newest = undefined;
    this.#doorway.leave(this.#heldBytes);
    this.#request = undefined;
    this.#response = undefined;
  }

  #abort(reason: Error): void {
    this.#abortReason ??= reason;
    this.#controller?.abort(this.#abortReason);
  }
}
