import { connect, type Socket } from 'node:net';
import { createHistogram, performance, type RecordableHistogram } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

/** What is sent, and for how long: until `requests` are answered or `seconds` are over, whichever is given. */
export interface LoadOptions {
  host: string;
  port: number;
  path: string;
  /** Keep-alive connections that send at once. */
  connections: number;
  requests?: number;
  seconds?: number;
  /** The body of the i-th request, from 0 over all connections. */
  body: (i: number) => string | Buffer;
  /** Requests that a connection sends ahead of its answers. */
  pipelining?: number;
  contentType?: string;
  /** How long nothing may be answered before the rest is given up. */
  silenceMs?: number;
}

/** What came of it. */
export interface LoadResult {
  /** Answered, with whatever status. */
  requests: number;
  perSecond: number;
  /** Answers other than 200, requests that were never answered, and connections that could not be had. */
  errors: number;
  latencyMs: { p50: number; p99: number; max: number };
}

/** The same, where bodies can cross to another thread: they are sent in turn. */
export type ApartOptions = Omit<LoadOptions, 'body'> & { bodies: readonly string[] };

/**
 * Sends POSTs over raw sockets and counts the answers, which must have a Content-Length. It does next to nothing else,
 * so that the server is what is measured; it must run in another thread or process than the server.
 */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const run = new Run(options);
  await Promise.all(Array.from({ length: options.connections }, () => run.connection()));
  return run.result();
}

/** {@link load} in a thread of its own. */
export function loadApart(options: ApartOptions): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { httpLoad: options } });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

class Run {
  readonly #options: LoadOptions;
  readonly #head: string;
  readonly #latency: RecordableHistogram = createHistogram();
  readonly #startedAt = performance.now();
  #lastAt = this.#startedAt;
  #sent = 0;
  #answered = 0;
  #errors = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    const { host, port, path, contentType = 'text/xml' } = options;
    this.#head = `POST ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\nContent-Type: ${contentType}\r\nContent-Length: `;
  }

  connection(): Promise<void> {
    const { host, port, pipelining = 1, silenceMs = 10_000 } = this.#options;
    return new Promise((resolve) => {
      const sentAt: number[] = [];
      let rest: Buffer | undefined;
      const onData = (chunk: Buffer) => {
        let bytes = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
        for (let end = answerEnd(bytes); end > 0; end = answerEnd(bytes)) {
          this.#count(bytes, sentAt.shift());
          bytes = bytes.subarray(end);
          this.#send(socket, sentAt);
        }
        rest = bytes.length > 0 ? Buffer.from(bytes) : undefined;
        if (sentAt.length === 0) socket.end();
      };
      // Reading into one buffer of ours, past node's streams, makes room for the server on a small machine.
      const buffer = Buffer.alloc(64 * 1024);
      const onread = {
        buffer,
        callback: (length: number) => {
          onData(buffer.subarray(0, length));
          return true;
        },
      };
      const socket = connect({ host, port, noDelay: true, onread }, () => {
        for (let i = 0; i < pipelining; i += 1) this.#send(socket, sentAt);
        if (sentAt.length === 0) socket.end();
      });
      socket.setTimeout(silenceMs, () => socket.destroy());
      socket.on('error', () => {
        if (sentAt.length === 0) this.#errors += 1;
      });
      socket.on('close', () => {
        this.#errors += sentAt.length;
        resolve();
      });
    });
  }

  result(): LoadResult {
    const ms = (nanoseconds: number) => nanoseconds / 1e6;
    const latency = this.#latency;
    const elapsedMs = Math.max(1, this.#lastAt - this.#startedAt);
    return {
      requests: this.#answered,
      perSecond: (this.#answered * 1000) / elapsedMs,
      errors: this.#errors,
      latencyMs: { p50: ms(latency.percentile(50)), p99: ms(latency.percentile(99)), max: ms(latency.max) },
    };
  }

  #send(socket: Socket, sentAt: number[]): void {
    const { requests = Number.POSITIVE_INFINITY, seconds = Number.POSITIVE_INFINITY, body } = this.#options;
    const now = performance.now();
    if (this.#sent >= requests || now - this.#startedAt >= seconds * 1000) return;
    const content = body(this.#sent);
    this.#sent += 1;
    sentAt.push(now);
    if (typeof content === 'string') {
      socket.write(`${this.#head}${Buffer.byteLength(content)}\r\n\r\n${content}`);
    } else {
      socket.write(Buffer.concat([Buffer.from(`${this.#head}${content.length}\r\n\r\n`), content]));
    }
  }

  #count(answer: Buffer, sentAt: number | undefined): void {
    this.#lastAt = performance.now();
    this.#answered += 1;
    if (sentAt !== undefined) this.#latency.record(Math.max(1, Math.round((this.#lastAt - sentAt) * 1e6)));
    if (answer.toString('latin1', 9, 12) !== '200') this.#errors += 1;
  }
}

/** Where the first answer in these bytes ends; 0 while it has not arrived whole. */
function answerEnd(bytes: Buffer): number {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return 0;
  const field = bytes.indexOf('Content-Length: ');
  if (field < 0 || field > headEnd) throw new Error('An answer without Content-Length cannot be counted');
  const length = Number.parseInt(bytes.toString('latin1', field + 16, field + 28), 10);
  const end = headEnd + 4 + length;
  return bytes.length >= end ? end : 0;
}

if (!isMainThread && workerData?.httpLoad !== undefined) {
  const { bodies, ...options } = workerData.httpLoad as ApartOptions;
  const result = await load({ ...options, body: (i) => bodies[i % bodies.length] ?? '' });
  parentPort?.postMessage(result);
}
