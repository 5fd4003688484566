import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  status: number;
  /** Names in lower case. */
  headers: Record<string, string>;
  body: string;
}

/** A connection that sends exactly the bytes it is told to, for what no HTTP client would send. */
export class RawConnection {
  readonly socket: Socket;
  /** Resolves when the connection is closed, however that came. */
  readonly closed: Promise<void>;
  #received = '';
  #isClosed = false;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#received += text;
      this.#wake();
    });
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#isClosed = true;
        this.#wake();
        resolve();
      });
    });
  }

  static async open(port: number): Promise<RawConnection> {
    const socket = connect({ host: '127.0.0.1', port });
    await once(socket, 'connect');
    return new RawConnection(socket);
  }

  send(bytes: string | Buffer): this {
    this.socket.write(bytes);
    return this;
  }

  /** A POST with Host and Content-Length; more header lines end in CRLF each. */
  post(path: string, body: string | Buffer = '', lines = ''): this {
    const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${lines}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
    return this.send(Buffer.concat([Buffer.from(head), Buffer.from(body)]));
  }

  /** The next answer; fails if the connection closes before it is whole. */
  async answer(isHead = false): Promise<RawAnswer> {
    const head = await this.#take((text) => {
      const end = text.indexOf('\r\n\r\n');
      return end < 0 ? undefined : end + 4;
    });
    const [statusLine = '', ...lines] = head.trimEnd().split('\r\n');
    const headers = Object.fromEntries(
      lines.map((line) => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 2),
      ]),
    );
    const length = isHead ? 0 : Number(headers['content-length'] ?? 0);
    const body = await this.#take((text) => (text.length < length ? undefined : length));
    return { status: Number(statusLine.split(' ')[1]), headers, body };
  }

  /** All answers until the connection is closed; fails if it closes within one. */
  async answers(): Promise<RawAnswer[]> {
    const all: RawAnswer[] = [];
    for (;;) {
      while (this.#received === '' && !this.#isClosed) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
      if (this.#received === '') return all;
      all.push(await this.answer());
    }
  }

  close(): void {
    this.socket.destroy();
  }

  async #take(endOf: (received: string) => number | undefined): Promise<string> {
    for (;;) {
      const end = endOf(this.#received);
      if (end !== undefined) {
        const taken = this.#received.slice(0, end);
        this.#received = this.#received.slice(end);
        return taken;
      }
      if (this.#isClosed)
        throw new Error(
          `Closed before the answer was whole: ${JSON.stringify(this.#received.slice(0, 200))}`,
        );
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
