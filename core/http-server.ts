import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { RegistryError } from './errors.js';
import type { DoorSpec } from './http-door.js';
import type { Doorway } from './http-doorway.js';
import type { Exchange, ExchangeContext } from './http-exchange.js';
import { NodeConnection, NodeExchange } from './http-node-exchange.js';
import { createNodeServer, tickMs } from './http-node-server.js';
import { QuickLane } from './http-quick-lane.js';
import { closeWith, type Refusal, rawRefusal, refuse, refuseWhileReading } from './http-refuse.js';
import { UnsentAnswers } from './http-unsent.js';

/** The limits that hold for an address, not for one of its doors. */
const ADDRESS_LIMITS = [
  'connections',
  'headerBytes',
  'headersTimeoutMs',
  'requestTimeoutMs',
  'unsentBytes',
  'keepAliveTimeoutMs',
] as const;

/** Many clients may come at once, after a network comes back; the system cuts this to its own bound. */
const BACKLOG = 4096;

/** Requests that node:http has read on one connection and that are not answered: more than any client sends ahead. */
const MOST_PIPELINED = 1000;

/** How long what a peer has asked for may take once it has stopped sending: most such peers have closed altogether. */
const HALF_CLOSED_MS = 2000;

const COMPLAINTS_APART_MS = 60_000;

/** One bound address, and the doors that share it. */
export class DoorServer {
  readonly #first: Doorway;
  readonly #context: ExchangeContext;
  readonly #stopTimeoutMs: number;
  readonly #server: Server;
  readonly #doorways = new Set<Doorway>();
  readonly #routes = new Map<string, Doorway>();
  /** Plain connections whose requests node:http need not read. Undefined for TLS. */
  readonly #lane?: QuickLane;
  /** Those of node:http. */
  readonly #connections = new Map<Socket, NodeConnection>();
  /** Of TLS, as accepted. */
  readonly #sockets = new Set<Socket>();
  readonly #listening: Promise<void>;
  #drained: Promise<void> | undefined;
  #complainedAt = Number.NEGATIVE_INFINITY;

  /** Throws `INVALID_ARGUMENT` if the certificate or key cannot be used. */
  constructor(first: Doorway, context: Omit<ExchangeContext, 'unsent'>, stopTimeoutMs: number) {
    this.#first = first;
    const { limits } = first;
    const onFull = () => this.#complain(this.#tooMuchUnsent());
    const unsent = new UnsentAnswers(context.clock, limits, tickMs(limits), onFull);
    this.#context = { ...context, unsent };
    this.#stopTimeoutMs = stopTimeoutMs;
    this.#server = createNodeServer(first);
    this.#listen();
    if (first.spec.tls === undefined) this.#lane = this.#openLane();
    else this.#trackTls();
    this.#listening = new Promise((resolve, reject) => {
      const { host, port } = first.spec;
      this.#server.once('error', reject);
      this.#server.listen({ host, port, backlog: BACKLOG }, () => {
        this.#server.off('error', reject);
        // One connection is lost, not the server.
        this.#server.on('error', (error) => this.#complain(error));
        resolve();
      });
    });
  }

  /** Rejects with what node says if the address cannot be had. */
  listening(): Promise<void> {
    return this.#listening;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? this.#first.spec.port;
  }

  isAt(host: string, port: number): boolean {
    return this.#first.spec.host === host && this.port === port;
  }

  /** Throws `DOOR_CONFLICT` if the door cannot share this address with those that it has. */
  add(doorway: Doorway): void {
    const { spec } = doorway;
    const conflict = (text: string) => {
      const where = `${spec.host}:${spec.port}`;
      const remedy = 'give one of them another port';
      return new RegistryError(
        'DOOR_CONFLICT',
        `The plugin "${spec.plugin}" cannot share ${where}: ${text}; ${remedy}`,
      );
    };
    const other = this.#first.spec.plugin;
    if (!isSameTls(spec, this.#first.spec)) throw conflict(`"${other}" has other TLS settings there`);
    const limit = ADDRESS_LIMITS.find(
      (name) => spec.limits?.[name] !== undefined && spec.limits[name] !== this.#first.limits[name],
    );
    if (limit !== undefined) {
      throw conflict(
        `"${other}" has limits.${limit} ${this.#first.limits[limit]}, not ${spec.limits?.[limit]}`,
      );
    }
    for (const path of spec.paths) {
      const owner = this.#routes.get(path);
      if (owner !== undefined) throw conflict(`the path ${path} belongs to "${owner.spec.plugin}"`);
    }
    this.#doorways.add(doorway);
    for (const path of spec.paths) this.#routes.set(path, doorway);
    this.#lane?.setRoutes(this.#routes);
  }

  /** Whether every door here is closing or closed. */
  isDeserted(): boolean {
    return [...this.#doorways].every((doorway) => doorway.isClosing);
  }

  /** Closes one door of several: its requests get 503 until those in flight are over, then its paths are free. */
  async remove(doorway: Doorway): Promise<void> {
    this.#endWaits(doorway);
    const timer = this.#context.clock.setTimer(this.#stopTimeoutMs, () => {
      for (const exchange of this.#underWay(doorway)) exchange.cutOff();
    });
    await doorway.idle();
    timer.cancel();
    this.#doorways.delete(doorway);
    for (const path of doorway.spec.paths) this.#routes.delete(path);
    this.#lane?.setRoutes(this.#routes);
  }

  /** Takes no more connections and requests, lets those in flight finish in their time, closes all that is left. */
  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  async #drain(): Promise<void> {
    for (const connection of this.#connections.values()) connection.closeSoon();
    for (const connection of this.#lane?.connections ?? []) connection.closeSoon();
    for (const doorway of this.#doorways) this.#endWaits(doorway);
    const isListening = await this.#listening.then(
      () => true,
      () => false,
    );
    if (!isListening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const timer = this.#context.clock.setTimer(this.#stopTimeoutMs, () => {
      for (const socket of this.#sockets) socket.destroy();
      for (const socket of this.#connections.keys()) socket.destroy();
      for (const { socket } of this.#lane?.connections ?? []) socket.destroy();
    });
    await closed;
    timer.cancel();
  }

  #endWaits(doorway: Doorway): void {
    doorway.isClosing = true;
    for (const exchange of this.#underWay(doorway)) exchange.endWait();
  }

  #underWay(doorway: Doorway): Exchange[] {
    const all: Exchange[] = [];
    for (const { exchanges } of this.#connections.values()) all.push(...exchanges);
    for (const connection of this.#lane?.connections ?? []) all.push(...connection.underWay());
    return all.filter((exchange) => exchange.doorway === doorway);
  }

  /** Puts the lane before node:http, which gets from it what is not ordinary. */
  #openLane(): QuickLane {
    const server = this.#server;
    const [take] = server.listeners('connection');
    if (take === undefined) throw new RegistryError('INTERNAL', 'node:http has no listener for connections');
    server.removeAllListeners('connection');
    const lane = new QuickLane(this.#context, this.#first.limits, tickMs(this.#first.limits), {
      leave: (socket) => {
        this.#track(socket);
        take.call(server, socket);
      },
      refusal: (code) => rawRefusal(...this.#brokenRequest(code)),
    });
    server.on('connection', (socket: Socket) => {
      if (this.#drained === undefined) lane.enter(socket);
      else socket.destroy();
    });
    return lane;
  }

  #trackTls(): void {
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('secureConnection', (socket: Socket) => this.#track(socket));
  }

  #listen(): void {
    const server = this.#server;
    server.on('request', (request, response) => this.#serve(request, response, false));
    server.on('checkContinue', (request, response) => this.#serve(request, response, true));
    server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
      const connection = this.#served(request);
      if (connection === undefined) return;
      connection.isClosing = true;
      connection.newest = undefined;
      const refusal = { status: 417, text: 'The only expectation met here is 100-continue.' };
      refuseWhileReading(request, response, refusal, this.#context.clock);
    });
    server.on('clientError', (error: NodeJS.ErrnoException, socket) =>
      this.#onBrokenRequest(error, socket as Socket),
    );
    server.on('timeout', (socket: Socket) => this.#onSilence(socket));
    server.on('drop', () => this.#complain(this.#tooMany()));
  }

  /** What may happen for each of thousands of connections is told once a minute. */
  #complain(error: Error): void {
    const { clock, onError } = this.#context;
    const now = clock.monotonic();
    if (now - this.#complainedAt < COMPLAINTS_APART_MS) return;
    this.#complainedAt = now;
    const { host } = this.#first.spec;
    onError(`Connections to ${host}:${this.port} are lost`, error);
  }

  #tooMany(): RegistryError {
    const allowed = this.#server.maxConnections;
    const wanted = this.#first.limits.connections;
    const remedy =
      allowed < wanted
        ? `${wanted} are allowed, yet this process may open no more files; raise that limit (ulimit -n)`
        : `raise that limit in the options of the plugin "${this.#first.spec.plugin}", if it should take more`;
    return new RegistryError(
      'LIMIT_REACHED',
      `There are ${allowed} connections, as many as there may be: ${remedy}`,
    );
  }

  #tooMuchUnsent(): RegistryError {
    const { unsentBytes } = this.#first.limits;
    const remedy =
      'those that read theirs slowest are cut off; look for callers that ask for much and do not read';
    return new RegistryError(
      'LIMIT_REACHED',
      `There are ${unsentBytes} bytes of answers that their callers have not read, as many as may be: ${remedy}`,
    );
  }

  #track(socket: Socket): void {
    const connection = new NodeConnection(socket);
    this.#connections.set(socket, connection);
    // Its TLS handshake ended after the drain began.
    if (this.#drained !== undefined) connection.closeSoon();
    socket.once('end', () => this.#onEnd(connection));
    socket.once('close', () => {
      this.#connections.delete(socket);
      for (const exchange of connection.exchanges) exchange.gone();
      this.#context.unsent.forget(socket);
    });
  }

  /** The peer sends no more. What it has asked for is answered still, if that can be done soon, as on a quick connection. */
  #onEnd(connection: NodeConnection): void {
    const { socket, exchanges } = connection;
    connection.isClosing = true;
    for (const exchange of exchanges) exchange.callerLeft();
    if (exchanges.size === 0) return;
    const timer = this.#context.clock.setTimer(HALF_CLOSED_MS, () => {
      if ([...exchanges].some((exchange) => !exchange.isWriting)) socket.destroy();
    });
    socket.once('close', () => timer.cancel());
  }

  #serve(request: IncomingMessage, response: ServerResponse, isContinueAwaited: boolean): void {
    const connection = this.#served(request);
    if (connection === undefined) return;

    let path = request.url ?? '';
    let query = '';
    let doorway = this.#routes.get(path);
    if (doorway === undefined) {
      const mark = path.indexOf('?');
      if (mark >= 0) {
        query = path.slice(mark + 1);
        path = path.slice(0, mark);
        doorway = this.#routes.get(path);
      }
    }
    const objection = doorway?.objection(request, path) ?? tooManyAhead(connection) ?? this.#tooFull();
    if (doorway === undefined || objection !== undefined) {
      const refusal = objection ?? this.#noSuchPath();
      connection.isClosing = true;
      connection.newest = undefined;
      // A peer that awaits our 100 has sent nothing yet.
      if (isContinueAwaited) refuse(response, refusal);
      else refuseWhileReading(request, response, refusal, this.#context.clock);
      return;
    }
    if (isContinueAwaited) response.writeContinue();
    new NodeExchange(this.#context, doorway, connection, request, response, path, query).begin();
  }

  /** The connection of a request; undefined behind a refusal or a last answer, where nothing is served (RFC 9112 §9.6). */
  #served(request: IncomingMessage): NodeConnection | undefined {
    const connection = this.#connections.get(request.socket);
    if (connection?.isClosing !== true) return connection;
    connection.readNoMore();
    return undefined;
  }

  #tooFull(): Refusal | undefined {
    if (!this.#context.unsent.isFull) return undefined;
    const text = 'As many answers as may wait for their callers; try again shortly.';
    return { status: 503, code: 'LIMIT_REACHED', text, headers: { 'Retry-After': '1' } };
  }

  #noSuchPath(): Refusal {
    return { status: 404, text: `Nothing is served here; paths are ${[...this.#routes.keys()].join(', ')}.` };
  }

  /** What arrives is no HTTP, too long or too slow. */
  #onBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined || error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const [refusal, reason] = this.#brokenRequest(error.code);
    if (connection.newest?.isReading) {
      connection.newest.refuse(refusal);
    } else if (connection.exchanges.size > 0 || connection.isClosing) {
      // An answer to this one now would be taken for that to the request before it.
      connection.closeSoon();
    } else {
      connection.isClosing = true;
      closeWith(socket, rawRefusal(refusal, reason), this.#context.clock);
    }
  }

  #brokenRequest(code: string | undefined): [Refusal, string] {
    const { headerBytes, requestTimeoutMs } = this.#first.limits;
    switch (code) {
      case 'HPE_HEADER_OVERFLOW':
        return [
          { status: 431, text: `A request head of at most ${headerBytes} bytes is taken here.` },
          'Request Header Fields Too Large',
        ];
      case 'ERR_HTTP_REQUEST_TIMEOUT':
        return [
          { status: 408, text: `A request has to arrive whole within ${requestTimeoutMs} ms.` },
          'Request Timeout',
        ];
      default:
        return [
          { status: 400, text: `This is not a well-formed HTTP/1.1 request (${code}).` },
          'Bad Request',
        ];
    }
  }

  /** Nothing went either way for a while: fine while a door works on the oldest request, or its body is timed. */
  #onSilence(socket: Socket): void {
    const connection = this.#connections.get(socket);
    const oldest = connection?.exchanges.values().next().value;
    if (oldest === undefined || oldest.isWriting) socket.destroy();
  }
}

function tooManyAhead({ exchanges }: NodeConnection): Refusal | undefined {
  if (exchanges.size < MOST_PIPELINED) return undefined;
  const text = `This connection has ${MOST_PIPELINED} requests under way; read their answers first.`;
  return { status: 503, code: 'LIMIT_REACHED', text, headers: { 'Retry-After': '1' } };
}

function isSameTls(a: DoorSpec, b: DoorSpec): boolean {
  const { cert, key, ca, requestCert } = a.tls ?? {};
  const other = b.tls;
  return cert === other?.cert && key === other?.key && ca === other?.ca && requestCert === other?.requestCert;
}
