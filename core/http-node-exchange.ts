import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { answerFields } from './http-answer.js';
import type { Doorway } from './http-doorway.js';
import { Exchange, type ExchangeContext } from './http-exchange.js';
import { type Refusal, refuse, refuseWhileReading } from './http-refuse.js';
import { type Coding, codingOf } from './http-unpack.js';
import type { Piece } from './http-unsent.js';

/** Requests of one connection that doors have at once, and bytes of answers that it may have waiting before they get more. */
const MOST_UNDER_WAY = 16;
const MOST_UNSENT = 64 * 1024;
/** Bytes of requests that may wait behind those, or what the longest takes, packed and unpacked, if that is more. */
const MOST_WAITING = 4 * 1024 * 1024;

/** One connection of node:http, and what is under way on it; the oldest exchange first. */
export class NodeConnection {
  readonly socket: Socket;
  readonly exchanges = new Set<NodeExchange>();
  /** The one whose answer is the last so far; undefined once that is over, or a refusal. */
  newest: NodeExchange | undefined;
  /** Takes no more requests; it is closed once its exchanges are over. */
  isClosing = false;
  /** Exchanges that a door has or had, and are not over; and the bytes of their answers. */
  underWay = 0;
  unsent = 0;
  /** Bytes of the bodies of those that no door has yet. */
  waitingBytes = 0;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  closeSoon(): void {
    this.isClosing = true;
    if (this.exchanges.size === 0) this.socket.destroySoon();
  }

  /**
   * Has doors work on what has waited for that. Node reads all that is pipelined in a packet at once; doors get it as answers
   * are taken, and in its order: what passed one that is still unpacked would fill the room that this one then waits for.
   */
  workOn(): void {
    for (const exchange of this.exchanges) {
      const isFull = this.underWay >= MOST_UNDER_WAY || this.unsent > MOST_UNSENT;
      if (isFull || !exchange.isWhole) return;
      exchange.work();
    }
  }

  /** Throws away all that still comes: node would keep each request that is not served until those before it are answered. */
  readNoMore(): void {
    this.socket.removeAllListeners('data');
    this.socket.on('data', () => {});
  }

  /** Takes no more requests, since this one is refused: neither those that were read behind it already. */
  closeBehind(refused: NodeExchange): void {
    this.isClosing = true;
    let isBehind = false;
    for (const exchange of this.exchanges) {
      if (isBehind) exchange.gone();
      else isBehind = exchange === refused;
    }
    this.newest = refused;
  }
}

const NO_BODY = Buffer.alloc(0);

/** One request that node:http has read. */
export class NodeExchange extends Exchange {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly #connection: NodeConnection;
  /**
   * Both are let go of when it is over. A dead exchange that has grown old would else keep them, and they the next ones:
   * the garbage collector then moved 3 KB a request into its old space, which was a sixth of a durable register's cost.
   */
  #request: IncomingMessage | undefined;
  #response: ServerResponse | undefined;
  #received: Buffer = NO_BODY;
  /** Only for a body that came in several pieces; the first is `#received`. */
  #moreChunks: Buffer[] | undefined;
  #heldBytes = 0;
  #isUnderWay = false;
  #answerBytes = 0;
  #answerBody: string | Buffer = '';
  /** The answer, if its peer does not take it at once. */
  #unsent: Piece | undefined;

  constructor(
    context: ExchangeContext,
    doorway: Doorway,
    connection: NodeConnection,
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    query: string,
  ) {
    super(context, doorway, path, query);
    this.#connection = connection;
    this.#request = request;
    this.#response = response;
    this.method = request.method ?? '';
    this.headers = request.headers;
  }

  get remote(): string {
    return this.#connection.socket.remoteAddress ?? '';
  }

  get authorization(): string | undefined {
    return this.headers.authorization;
  }

  /** Its body is still to come. */
  get isReading(): boolean {
    return this.state === 'reading' && this.#request?.complete === false;
  }

  /** Its body is there, and unpacked. */
  get isWhole(): boolean {
    return this.state !== 'reading' && this.state !== 'unpacking';
  }

  /** Answered, but not yet taken by the peer. */
  get isWriting(): boolean {
    return this.state === 'answered';
  }

  begin(): void {
    this.doorway.enter();
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

  /** Has its door work on it, if it waits for that. */
  work(): void {
    if (this.state !== 'ready') return;
    this.#isUnderWay = true;
    this.#connection.underWay += 1;
    this.#connection.waitingBytes -= this.#heldBytes;
    this.hand(this.#received);
  }

  /** Writes the answer, which {@link answer} has put into the outbox. */
  flush(): void {
    const response = this.#response;
    // To end one whose peer has gone meanwhile would be an error that nobody listens to.
    if (response?.destroyed === false) {
      // Before its turn, node would put the head of an answer of bytes in front of a 100 that waits for that, too.
      if (response.socket === null) response.flushHeaders();
      response.end(this.#answerBody);
      const { socket } = this.#connection;
      if (response.socket === null || socket.writableLength > 0) {
        this.#unsent = typeof this.#answerBody === 'string' ? this.#answerBytes : this.#answerBody;
        this.context.unsent.hold(socket, this.#unsent);
      }
    }
    this.#answerBody = '';
  }

  override cutOff(): void {
    this.#connection.socket.destroy();
  }

  protected override answer(
    status: number,
    headers: Readonly<Record<string, string>> | string,
    body: string | Buffer,
  ): void {
    const fields: Record<string, string | number> = answerFields(status, headers);
    const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    // 204 and 304 end with their head (RFC 9110 §8.6).
    if (status !== 204 && status !== 304) fields['Content-Length'] = length;
    // Requests pipelined behind this one are still to be answered, so only the newest says that it is the last.
    if (this.#connection.isClosing && this.#connection.newest === this) fields.Connection = 'close';
    this.#response?.writeHead(status, fields);
    this.state = 'answered';
    this.#answerBytes = length;
    this.#connection.unsent += length;
    this.#answerBody = body;
    this.context.outbox.add(this);
    if (length > MOST_UNSENT) this.context.outbox.flush();
  }

  protected override rest(): void {
    this.#received = NO_BODY;
    this.doorway.release(this.#heldBytes);
    this.#heldBytes = 0;
  }

  protected override end(): void {
    if (this.state === 'reading') this.#request?.off('data', this.#onData).off('end', this.#onEnd);
    this.state = 'over';
    this.#connection.exchanges.delete(this);
    if (this.#connection.newest === this) this.#connection.newest = undefined;
    this.doorway.release(this.#heldBytes);
    this.doorway.leave();
    this.#request = undefined;
    this.#response = undefined;
    this.#received = NO_BODY;
    if (this.#unsent !== undefined) this.context.unsent.release(this.#connection.socket, this.#unsent);
    this.#unsent = undefined;
    if (!this.#isUnderWay) {
      this.#connection.waitingBytes -= this.#heldBytes;
      return;
    }
    this.#connection.underWay -= 1;
    this.#connection.unsent -= this.#answerBytes;
  }

  readonly #onData = (chunk: Buffer): void => {
    const noRoom = this.#hold(chunk.length);
    if (this.#heldBytes > this.doorway.limits.bodyBytes) this.#refuseRest(this.doorway.tooLarge());
    else if (noRoom !== undefined) this.#refuseRest(noRoom);
    else if (this.#received === NO_BODY) this.#received = chunk;
    else if (this.#moreChunks === undefined) this.#moreChunks = [this.#received, chunk];
    else this.#moreChunks.push(chunk);
  };

  /** Says why no more can be held. One connection is not to take the room of all. */
  #hold(bytes: number): Refusal | undefined {
    const { doorway } = this;
    const connection = this.#connection;
    this.#heldBytes += bytes;
    connection.waitingBytes += bytes;
    const noRoom = doorway.hold(bytes);
    if (connection.waitingBytes <= Math.max(MOST_WAITING, 2 * doorway.limits.bodyBytes)) return noRoom;
    const text = 'Too many bytes of requests wait on this connection; read the answers before them first.';
    return { status: 503, code: 'LIMIT_REACHED', text, headers: { 'Retry-After': '1' } };
  }

  readonly #onEnd = (): void => {
    if (this.#moreChunks !== undefined) {
      this.#received = Buffer.concat(this.#moreChunks, this.#heldBytes);
      this.#moreChunks = undefined;
    }
    const coding = codingOf(this.headers['content-encoding']);
    if (coding == null || this.#received.length === 0) this.#ready(this.#received);
    else this.#unpack(coding);
  };

  #ready(body: Buffer): void {
    this.state = 'ready';
    this.#received = body;
    this.#connection.workOn();
  }

  #unpack(coding: Coding): void {
    this.state = 'unpacking';
    this.context.unpacker.unpack(coding, this.#received, this.doorway.limits.bodyBytes, (result) => {
      if (this.state !== 'unpacking') return;
      if (!Buffer.isBuffer(result)) return this.refuse(result);
      const noRoom = this.#hold(result.length);
      if (noRoom !== undefined) return this.refuse(noRoom);
      this.#ready(result);
    });
  }

  readonly #onFinish = (): void => {
    if (this.state === 'over') return;
    this.end();
    const connection = this.#connection;
    if (connection.isClosing) connection.closeSoon();
    connection.workOn();
  };

  #refuseRest(refusal: Refusal): void {
    this.#stopReading();
    if (this.#request === undefined || this.#response === undefined) return;
    refuseWhileReading(this.#request, this.#response, refusal, this.context.clock);
  }

  #stopReading(): void {
    this.state = 'answered';
    this.#connection.closeBehind(this);
    this.#request?.off('data', this.#onData);
    this.#request?.off('end', this.#onEnd);
    this.#received = NO_BODY;
    this.#moreChunks = undefined;
  }
}
