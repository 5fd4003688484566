import type { Socket } from 'node:net';
import { QuickExchange } from './http-quick-exchange.js';
import { PARTIAL, type QuickHead, STRANGE, WHOLE } from './http-quick-head.js';
import type { QuickLane } from './http-quick-lane.js';
import { closeWith } from './http-refuse.js';

/** Requests of one connection that are under way at once; what is pipelined behind them is not read yet. */
const MOST_UNDER_WAY = 16;
/** Bytes of answers that a connection may have waiting before it reads on. */
const MOST_UNSENT = 64 * 1024;
/** A request that is longer, or comes in more pieces, is for node:http. */
const MOST_PARTIAL_BYTES = 64 * 1024;
const MOST_PIECES = 8;

/**
 * One plain connection whose requests so far were all ordinary, so that nothing but this read and answered them. At the
 * first that is not, node:http gets the connection for good, with all that is unread, once the answers before it are
 * written. Nothing it can't read is ever answered here.
 */
export class QuickConnection {
  readonly socket: Socket;
  /** When something last came or went, in the lane's ticks. */
  lastTick: number;
  /** No request has come yet. */
  isFresh = true;
  /** The peer will send no more. */
  hasEnded = false;
  readonly #lane: QuickLane;
  /** Answers are written in the order of their requests. Each knows the one behind it. */
  #oldest: QuickExchange | undefined;
  #newest: QuickExchange | undefined;
  #underWayCount = 0;
  /** The beginning of a request, and in how many pieces it came. */
  #partial: Buffer | undefined;
  #pieces = 0;
  /** Text and bytes that the next flush writes, and how many they are. */
  #text = '';
  #more: (string | Buffer)[] | undefined;
  #due = 0;
  /** Bytes of all answers that are not written, those behind one that is awaited included. */
  #unsent = 0;
  #isPaused = false;
  #isBackedUp = false;
  /** Takes no more requests; it is closed once its answers are written. */
  #isClosing = false;
  /** Is to be node's, for which the next request waits in the socket. */
  #isLeaving = false;

  constructor(lane: QuickLane, socket: Socket) {
    this.#lane = lane;
    this.socket = socket;
    this.lastTick = lane.tick;
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onClose);
    socket.on('drain', this.#onDrain);
    socket.on('error', onError);
  }

  /** Waits for nothing but a request; its peer has taken all answers. */
  get isIdle(): boolean {
    const isQuiet = this.#isDone && this.socket.writableLength === 0;
    return isQuiet && !this.#isClosing && this.#partial === undefined;
  }

  get hasPartial(): boolean {
    return this.#partial !== undefined;
  }

  /** A request waits for its door. */
  get isAwaited(): boolean {
    return this.#oldest !== undefined;
  }

  /** All that was asked is answered, and the answers are written. */
  get #isDone(): boolean {
    return this.#oldest === undefined && this.#due === 0;
  }

  /** Tells doors that wait, where the peer has ended while this does not read: the end stands behind what is unread. */
  noticeEnd(): void {
    if (!this.#isPaused || this.hasEnded || !hasReceivedEnd(this.socket)) return;
    this.hasEnded = true;
    this.lastTick = this.#lane.tick;
    for (const one of this.underWay()) one.callerLeft();
  }

  closeSoon(): void {
    this.#isClosing = true;
    this.#dropPartial();
    if (this.#isDone) this.socket.destroySoon();
  }

  /** Gives a last answer, though no request came whole, and closes. */
  closeWith(answer: string): void {
    this.#isClosing = true;
    this.#dropPartial();
    closeWith(this.socket, answer, this.#lane.context.clock);
  }

  /** Requests that are not answered yet, or not put out, in their order. */
  underWay(): QuickExchange[] {
    const all = [];
    for (let one = this.#oldest; one !== undefined; one = one.next) all.push(one);
    return all;
  }

  /** Whether this answer of it would be its last. */
  isLast(exchange: QuickExchange): boolean {
    return this.#isClosing && this.#newest === exchange;
  }

  /** Puts out an answer that is ready, and those behind it that were ready before. */
  onAnswer(exchange: QuickExchange): void {
    const { socket } = this;
    const { outbox, unsent } = this.#lane.context;
    this.#unsent += exchange.answerSize;
    if (exchange !== this.#oldest) {
      unsent.hold(socket, exchange.answerPiece);
      return;
    }
    const wasDue = this.#due;
    let next: QuickExchange | undefined = exchange;
    while (next?.isAnswered) {
      if (next !== exchange) unsent.release(socket, next.answerPiece);
      this.#put(next);
      const behind: QuickExchange | undefined = next.next;
      // Nothing that is over holds on to what is younger: the garbage collector would keep that for its sake.
      next.next = undefined;
      next = behind;
    }
    this.#oldest = next;
    if (next === undefined) this.#newest = undefined;
    if (wasDue === 0) outbox.add(this);
    if (this.#due > MOST_UNSENT) outbox.flush();
  }

  /** Writes what was put out. */
  flush(): void {
    const { socket } = this;
    const text = this.#text;
    const more = this.#more;
    this.#text = '';
    this.#more = undefined;
    this.#unsent -= this.#due;
    this.#due = 0;
    this.lastTick = this.#lane.tick;
    if (socket.destroyed) return;
    if (more === undefined) {
      socket.write(text, 'latin1');
    } else {
      socket.cork();
      for (const piece of more) socket.write(piece, 'latin1');
      if (text !== '') socket.write(text, 'latin1');
      socket.uncork();
    }
    if (socket.writableLength > 0) this.#onSlowPeer(text, more ?? []);
    if (this.#oldest === undefined) {
      if (this.#isClosing) socket.destroySoon();
      else if (this.#isLeaving) this.#leave();
    }
    if (this.#isPaused) this.#readOn();
  }

  /** What is still incomplete is node's, with its timeouts. */
  leaveWithPartial(): void {
    const partial = this.#partial;
    if (partial === undefined) return;
    this.#dropPartial();
    this.#handOver(partial);
  }

  /** One piece of what was put out; its doorway counts it no more. */
  #put(exchange: QuickExchange): void {
    const { answerHead, answerBody, answerSize } = exchange;
    if (typeof answerBody === 'string') {
      this.#text += answerHead + answerBody;
    } else {
      this.#more ??= [];
      this.#more.push(this.#text + answerHead, answerBody);
      this.#text = '';
    }
    this.#due += answerSize;
    this.#underWayCount -= 1;
    exchange.done();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.lastTick = this.#lane.tick;
    let bytes = chunk;
    if (this.#partial !== undefined) {
      bytes = Buffer.concat([this.#partial, chunk]);
      this.#lane.partialBytes -= this.#partial.length;
      this.#partial = undefined;
    }
    const { head, limits, context } = this.#lane;
    let at = 0;
    while (at < bytes.length) {
      // What follows a last answer is not served (RFC 9112 §9.6), and goes with the connection.
      if (this.#isClosing) return;
      if (this.#underWayCount >= MOST_UNDER_WAY || this.#unsent > MOST_UNSENT || this.#isPaused) {
        this.#holdBack(bytes.subarray(at));
        return;
      }
      let result = head.read(bytes, at);
      if (result === WHOLE && (head.end - at > limits.headerBytes || context.unsent.isFull)) result = STRANGE;
      if (result !== WHOLE || head.end + head.length > bytes.length) {
        const rest = at === 0 ? bytes : bytes.subarray(at);
        if (result >= PARTIAL && this.#mayKeep(rest, result === WHOLE ? head.end + head.length - at : 0)) {
          this.#keep(rest);
        } else {
          this.#handOver(rest);
        }
        return;
      }
      this.#pieces = 0;
      const begin = at;
      at = head.end + head.length;
      this.#serve(bytes, begin, head);
    }
  };

  #serve(bytes: Buffer, start: number, head: QuickHead): void {
    this.isFresh = false;
    if (head.isLast) this.#isClosing = true;
    const exchange = new QuickExchange(this.#lane, this, bytes, start, head);
    if (this.#newest === undefined) this.#oldest = exchange;
    else this.#newest.next = exchange;
    this.#newest = exchange;
    this.#underWayCount += 1;
    exchange.begin(bytes.subarray(exchange.bodyStart, exchange.bodyStart + head.length));
  }

  /** `size`: of the whole request, 0 where that is not known yet. */
  #mayKeep(rest: Buffer, size: number): boolean {
    return (
      this.#pieces < MOST_PIECES &&
      rest.length <= (size === 0 ? this.#lane.limits.headerBytes : MOST_PARTIAL_BYTES) &&
      size <= MOST_PARTIAL_BYTES &&
      this.#lane.partialBytes + rest.length <= this.#lane.mostPartialBytes
    );
  }

  #keep(rest: Buffer): void {
    // A copy, where it is only the tail of much more.
    this.#partial = rest.length * 2 < rest.buffer.byteLength ? Buffer.from(rest) : rest;
    this.#pieces += 1;
    this.#lane.partialBytes += rest.length;
  }

  #dropPartial(): void {
    if (this.#partial === undefined) return;
    this.#lane.partialBytes -= this.#partial.length;
    this.#partial = undefined;
  }

  /** Reads no further for now. The rest waits in the socket, so that its end is not told before it was read. */
  #holdBack(rest: Buffer): void {
    this.#isPaused = true;
    this.socket.pause();
    this.socket.unshift(rest);
  }

  #readOn(): void {
    const isFree =
      !this.#isBackedUp && this.#unsent <= MOST_UNSENT && this.#underWayCount <= MOST_UNDER_WAY / 2;
    if (this.#isLeaving || !isFree) return;
    this.#isPaused = false;
    this.socket.resume();
  }

  /** The peer does not take its answers as they come: it is not waited for for ever, and not read from beyond a bound. */
  #onSlowPeer(text: string, more: readonly (string | Buffer)[]): void {
    const { socket } = this;
    const pieces = more.map((piece) => (typeof piece === 'string' ? piece.length : piece));
    this.#lane.context.unsent.wrote(socket, [...pieces, text.length]);
    if (!socket.writableNeedDrain) return;
    this.#isBackedUp = true;
    this.#isPaused = true;
    socket.pause();
  }

  #handOver(rest: Buffer): void {
    this.#isLeaving = true;
    this.#holdBack(rest);
    if (this.#isDone) this.#leave();
  }

  #leave(): void {
    const { socket } = this;
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('close', this.#onClose);
    socket.off('drain', this.#onDrain);
    socket.off('error', onError);
    this.#lane.leave(this);
    socket.resume();
  }

  readonly #onDrain = (): void => {
    this.lastTick = this.#lane.tick;
    this.#lane.context.unsent.settle(this.socket);
    this.#isBackedUp = false;
    if (this.#isPaused) this.#readOn();
  };

  /** The peer sends no more. What it has asked for is answered still, if that can be done at once. */
  readonly #onEnd = (): void => {
    if (this.#partial !== undefined && this.#isDone) {
      this.#lane.onCutShort(this);
      return;
    }
    this.#dropPartial();
    this.#isClosing = true;
    this.hasEnded = true;
    this.lastTick = this.#lane.tick;
    for (const one of this.underWay()) one.callerLeft();
    if (this.#isDone) this.socket.destroySoon();
  };

  readonly #onClose = (): void => {
    const all = this.underWay();
    this.#dropPartial();
    this.#oldest = undefined;
    this.#newest = undefined;
    this.#lane.closed(this);
    this.#lane.context.unsent.forget(this.socket);
    for (const one of all) {
      one.next = undefined;
      one.gone();
    }
  };
}

/**
 * Whether the system has told the end, though there may be more to read before it. A socket says so in no documented way;
 * where a version of Node has this no more, doors are told when all is read.
 */
function hasReceivedEnd(socket: Socket): boolean {
  const { _readableState: state } = socket as Socket & { _readableState?: { readonly ended?: boolean } };
  return state?.ended === true;
}

/** What went wrong is told by the `close` that follows. */
function onError(): void {}
