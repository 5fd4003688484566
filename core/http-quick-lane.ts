import type { Socket } from 'node:net';
import type { Timer } from './clock.js';
import { AnswerHeads } from './http-answer.js';
import type { DoorLimits } from './http-door.js';
import type { Doorway } from './http-doorway.js';
import type { ExchangeContext } from './http-exchange.js';
import { QuickConnection } from './http-quick-connection.js';
import { QuickHead } from './http-quick-head.js';

/** Bytes of requests that have not arrived whole, over all connections; beyond it node:http has them. */
const MOST_PARTIAL_BYTES = 16 * 1024 * 1024;

/** What the lane can't do itself. */
export interface QuickLaneExit {
  /** Takes over a connection and what it has not read, for good. */
  leave(socket: Socket): void;
  /** The whole answer to a connection on which no whole request came, for the reason that node:http calls by this code. */
  refusal(code: 'ERR_HTTP_REQUEST_TIMEOUT' | 'HPE_INVALID_EOF_STATE'): string;
}

/**
 * Serves the plain connections of an address past node:http, which costs more than all else that is done for a small
 * request: each while its requests are the most ordinary there are (QuickHead), and leaves it to node:http from the first
 * that is not. So whatever is subtle in HTTP, and every refusal, is still read and written by node:http alone.
 */
export class QuickLane {
  readonly context: ExchangeContext;
  readonly limits: DoorLimits;
  readonly head = new QuickHead();
  readonly heads: AnswerHeads;
  readonly mostPartialBytes = MOST_PARTIAL_BYTES;
  partialBytes = 0;
  /** Counts up with each look at all connections. One coarse timer serves them all. */
  tick = 0;
  readonly #exit: QuickLaneExit;
  readonly #tickMs: number;
  readonly #connections = new Set<QuickConnection>();
  #timer: Timer | undefined;

  /** `tickMs`: how late a timeout may be noticed, twice. */
  constructor(context: ExchangeContext, limits: DoorLimits, tickMs: number, exit: QuickLaneExit) {
    this.context = context;
    this.limits = limits;
    this.heads = new AnswerHeads(limits.keepAliveTimeoutMs);
    this.#tickMs = tickMs;
    this.#exit = exit;
  }

  get connections(): ReadonlySet<QuickConnection> {
    return this.#connections;
  }

  setRoutes(routes: ReadonlyMap<string, Doorway>): void {
    this.head.setRoutes(routes);
  }

  enter(socket: Socket): void {
    if (this.#timer === undefined) this.#arm();
    this.#connections.add(new QuickConnection(this, socket));
  }

  leave(connection: QuickConnection): void {
    this.closed(connection);
    this.#exit.leave(connection.socket);
  }

  onCutShort(connection: QuickConnection): void {
    connection.closeWith(this.#exit.refusal('HPE_INVALID_EOF_STATE'));
  }

  closed(connection: QuickConnection): void {
    this.#connections.delete(connection);
    if (this.#connections.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    const { clock } = this.context;
    this.heads.tick(clock.now());
    this.#timer = clock.setTimer(this.#tickMs, this.#onTick);
  }

  readonly #onTick = (): void => {
    this.#timer = undefined;
    this.tick += 1;
    for (const connection of this.#connections) this.#look(connection);
    if (this.#connections.size > 0) this.#arm();
  };

  #look(connection: QuickConnection): void {
    if (connection.isAwaited) connection.noticeEnd();
    const ticks = this.tick - connection.lastTick;
    if (connection.hasPartial) {
      if (ticks > 1) connection.leaveWithPartial();
    } else if (connection.hasEnded) {
      // It has closed for reading too, most likely: who does not answer soon answers nobody.
      if (ticks > 1 && connection.isAwaited) connection.socket.destroy();
    } else if (!connection.isIdle) {
      return;
    } else if (!connection.isFresh) {
      if (this.#isOver(ticks, this.limits.keepAliveTimeoutMs)) connection.closeSoon();
    } else if (this.#isOver(ticks, Math.min(this.limits.headersTimeoutMs, this.limits.requestTimeoutMs))) {
      connection.closeWith(this.#exit.refusal('ERR_HTTP_REQUEST_TIMEOUT'));
    }
  }

  /** The tick in which something happened had begun before it. */
  #isOver(ticks: number, timeoutMs: number): boolean {
    return (ticks - 1) * this.#tickMs >= timeoutMs;
  }
}
