import { once } from 'node:events';
import { connect } from 'node:net';

/** An answer as it came over the wire. */
export interface WireAnswer {
  readonly status: number;
  /** Status line and header lines, as they were spelled. */
  readonly head: string;
  readonly body: string;
  /** Whether the connection was closed behind it. */
  readonly isClosed: boolean;
}

export interface ExchangeOptions {
  /** What is sent only after `100 Continue`. */
  readonly afterContinue?: string | Buffer;
  /** The caller sends no more, and still waits for its answer. */
  readonly halfCloses?: boolean;
  /** Wait until the registry closes the connection. */
  readonly untilClosed?: boolean;
}

const HEAD_END = '\r\n\r\n';

/** Sends bytes over a connection of their own, to the letter, and reads one answer. */
export async function exchange(
  port: number,
  request: string | Buffer,
  { afterContinue, halfCloses = false, untilClosed = false }: ExchangeOptions = {},
): Promise<WireAnswer> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  socket.write(request);
  if (halfCloses) socket.end();
  let received = Buffer.alloc(0);
  let isClosed = false;
  let isContinued = afterContinue === undefined;
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      received = Buffer.concat([received, chunk]);
      if (!isContinued && received.toString('latin1').startsWith('HTTP/1.1 100 ')) {
        const end = received.indexOf(HEAD_END);
        if (end < 0) continue;
        received = received.subarray(end + HEAD_END.length);
        isContinued = true;
        socket.write(afterContinue ?? '');
      }
      if (!untilClosed && isWhole(received)) break;
    }
    isClosed = socket.readableEnded;
  } finally {
    socket.destroy();
  }
  const end = received.indexOf(HEAD_END);
  if (end < 0) throw new Error(`no answer but ${JSON.stringify(received.toString('latin1'))}`);
  const head = received.toString('latin1', 0, end + 2);
  return {
    status: Number(head.split(' ')[1]),
    head,
    body: received.toString('utf8', end + HEAD_END.length),
    isClosed,
  };
}

function isWhole(received: Buffer): boolean {
  const end = received.indexOf(HEAD_END);
  if (end < 0) return false;
  const length = /\r\nContent-Length: (\d+)\r\n/.exec(received.toString('latin1', 0, end + 2))?.[1];
  return length !== undefined && received.length >= end + HEAD_END.length + Number(length);
}
