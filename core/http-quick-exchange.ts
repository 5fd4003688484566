import type { IncomingHttpHeaders } from 'node:http';
import { Exchange } from './http-exchange.js';
import type { QuickConnection } from './http-quick-connection.js';
import type { QuickHead } from './http-quick-head.js';
import type { QuickLane } from './http-quick-lane.js';
import type { Piece } from './http-unsent.js';

/** One request of a quick connection. */
export class QuickExchange extends Exchange {
  /** The request behind this one on its connection. */
  next: QuickExchange | undefined;
  /** Of the answer, once there is one, until it is put out. */
  answerHead = '';
  answerBody: string | Buffer = '';
  readonly bodyStart: number;
  readonly #lane: QuickLane;
  readonly #connection: QuickConnection;
  /** The request, as long as its head may have to be read; only the head's text once the door waits. */
  #bytes: Buffer | undefined;
  readonly #start: number;
  #headText: string | undefined;
  #headers: IncomingHttpHeaders | undefined;
  readonly #authorizationStart: number;
  readonly #authorizationEnd: number;

  constructor(lane: QuickLane, connection: QuickConnection, bytes: Buffer, start: number, head: QuickHead) {
    // The reader has found a doorway wherever it has found a whole head.
    super(lane.context, head.doorway!, head.path, '');
    this.#lane = lane;
    this.#connection = connection;
    this.#bytes = bytes;
    this.#start = start;
    this.bodyStart = head.end;
    this.#authorizationStart = head.authorizationStart;
    this.#authorizationEnd = head.authorizationEnd;
  }

  get method(): string {
    return 'POST';
  }

  get remote(): string {
    return this.#connection.socket.remoteAddress ?? '';
  }

  get headers(): IncomingHttpHeaders {
    this.#headers ??= parseHeaders(this.#text());
    return this.#headers;
  }

  get authorization(): string | undefined {
    if (this.#authorizationEnd === 0) return undefined;
    return this.#text().slice(this.#authorizationStart - this.#start, this.#authorizationEnd - this.#start);
  }

  /** Of head and body. */
  get answerSize(): number {
    return this.answerHead.length + this.answerBody.length;
  }

  /** The body of the answer, as it counts while it waits. */
  get answerPiece(): Piece {
    return typeof this.answerBody === 'string' ? this.answerBody.length : this.answerBody;
  }

  get isAnswered(): boolean {
    return this.state === 'answered';
  }

  begin(body: Buffer): void {
    this.doorway.enter();
    this.hand(body);
  }

  /** Its answer is put out. */
  done(): void {
    this.answerHead = '';
    this.answerBody = '';
    this.end();
  }

  override cutOff(): void {
    this.#connection.socket.destroy();
  }

  protected override answer(
    status: number,
    headers: Readonly<Record<string, string>> | string,
    body: string | Buffer,
  ): void {
    const isText = typeof body === 'string';
    const length = isText ? Buffer.byteLength(body) : body.length;
    const connection = this.#connection;
    this.answerHead = this.#lane.heads.head(status, headers, length, connection.isLast(this));
    if (status === 204 || status === 304) this.answerBody = '';
    // Text goes out as Latin-1, in one write with its head, which for ASCII is the same as UTF-8.
    else this.answerBody = isText && length !== body.length ? Buffer.from(body) : body;
    this.state = 'answered';
    connection.onAnswer(this);
  }

  protected override rest(): void {
    this.#text();
    this.#bytes = undefined;
  }

  protected override end(): void {
    this.state = 'over';
    this.#bytes = undefined;
    this.doorway.leave();
  }

  #text(): string {
    if (this.#headText === undefined) {
      this.#headText = this.#bytes?.toString('latin1', this.#start, this.bodyStart) ?? '';
    }
    return this.#headText;
  }
}

/** The headers of a head that QuickHead has read, as node:http would give them with `joinDuplicateHeaders`. */
function parseHeaders(text: string): IncomingHttpHeaders {
  const headers: IncomingHttpHeaders = Object.create(null);
  for (const line of text.split('\r\n').slice(1, -2)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trimStart();
    const before = headers[name];
    headers[name] = before === undefined ? value : `${before}${name === 'cookie' ? '; ' : ', '}${value}`;
  }
  return headers;
}
