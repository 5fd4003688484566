import { connect, type Socket } from 'node:net';
import type { ChannelCredentials, ChannelOptions } from '@grpc/grpc-js';
import { CHECK_METHOD, decodeResponse, encodeRequest } from './health-messages.js';
import type { Grpc } from './load-grpc.js';

/** What a call came to: the code of gRPC and what is said with it; a serving status where the code is OK. */
export interface Answer {
  readonly code: number;
  readonly details: string;
  readonly serving?: number;
}

/** What is asked, and where. */
export interface Question {
  readonly host: string;
  readonly port: number;
  readonly service: string;
  /** Secures a connection where TLS is asked for. */
  readonly secure?: ((socket: Socket) => Promise<Socket>) | undefined;
  readonly signal: AbortSignal;
}

/** An answer has 2 bytes. */
const MOST_BYTES = 1_024;

const CHANNEL_OPTIONS: ChannelOptions = {
  // One connection for one call: nothing is kept, shared, repeated, looked up or sent through a proxy.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_http_proxy': 0,
  'grpc.enable_channelz': 0,
  'grpc.max_receive_message_length': MOST_BYTES,
  'grpc-node.max_session_memory': 1,
};

/**
 * Connects, asks once, and closes what it opened, before it resolves or rejects. Rejects with the system's error where
 * there is no connection, and with the signal's reason when that aborts.
 */
export async function askHealth(grpc: Grpc, question: Question): Promise<Answer> {
  const sockets = new Connections();
  try {
    // The package can't give up a connect that gets no answer, which would stay for minutes: so it is given only
    // addresses that have just accepted one.
    const address = await reach(question, sockets);
    return await call(grpc, question, address, sockets);
  } finally {
    sockets.destroy();
  }
}

/** The connections of one check, none of which outlives it. */
class Connections {
  readonly #sockets = new Set<Socket>();
  #isOver = false;

  add(socket: Socket): void {
    if (this.#isOver) socket.destroy();
    else this.#sockets.add(socket);
  }

  destroy(): void {
    this.#isOver = true;
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Resolves to the address of the host that accepted a connection, which is closed again. */
function reach({ host, port, signal }: Question, sockets: Connections): Promise<string> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = connect({ host, port });
    sockets.add(socket);
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    socket.once('connect', () => {
      const { remoteAddress, remoteFamily } = socket;
      // Gone again already, it has none.
      if (remoteAddress === undefined) reject(new Error('ECONNRESET'));
      else
        resolve(
          remoteFamily === 'IPv6' ? `ipv6:[${remoteAddress}]:${port}` : `ipv4:${remoteAddress}:${port}`,
        );
      socket.destroy();
    });
    // Stays on: without a listener, an error that comes late would end the process.
    socket.on('error', reject);
    socket.once('close', () => signal.removeEventListener('abort', abort));
  });
}

function call(grpc: Grpc, question: Question, address: string, sockets: Connections): Promise<Answer> {
  const { host, port, service, signal } = question;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const client = new grpc.Client(address, holdingCredentials(grpc, question, sockets), {
      ...CHANNEL_OPTIONS,
      'grpc.default_authority': `${host.includes(':') ? `[${host}]` : host}:${port}`,
    });
    const abort = () => {
      reject(signal.reason);
      asked.cancel();
    };
    const asked = client.makeUnaryRequest(
      CHECK_METHOD,
      encodeRequest,
      decodeResponse,
      service,
      new grpc.Metadata(),
      {},
      (error, serving) => {
        signal.removeEventListener('abort', abort);
        client.close();
        if (error === null) resolve({ code: grpc.status.OK, details: '', serving: serving ?? 0 });
        else resolve({ code: error.code, details: error.details });
      },
    );
    signal.addEventListener('abort', abort, { once: true });
  });
}

/**
 * Credentials that know the connections made with them. A closed channel of the package waits for the other side to
 * close, too, for ever where that does not: so they are destroyed when the check is over.
 */
function holdingCredentials(grpc: Grpc, { secure }: Question, sockets: Connections): ChannelCredentials {
  const plain = grpc.credentials.createInsecure();
  const connectHeld = async (socket: Socket) => {
    sockets.add(socket);
    if (secure === undefined) return { socket, secure: false };
    const secured = await secure(socket);
    sockets.add(secured);
    return { socket: secured, secure: true };
  };
  const createConnector: ChannelCredentials['_createSecureConnector'] = (...given) =>
    Object.create(plain._createSecureConnector(...given), { connect: { value: connectHeld } });
  return Object.create(plain, {
    _isSecure: { value: () => secure !== undefined },
    _createSecureConnector: { value: createConnector },
  });
}
