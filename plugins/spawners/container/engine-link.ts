import { type IncomingMessage, request } from 'node:http';
import { type Clock, messageOf, shown } from '../../../core/index.js';

/** What is asked of the engine (https://docs.docker.com/reference/api/engine). */
export interface Question {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: { readonly [name: string]: string };
  readonly body?: unknown;
  /** How long the whole answer may take; of a stream, its beginning. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** The engine answered, and what it said is no. */
export class EngineRefusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** No answer within the time given. */
export class EngineTimeout extends Error {}

/** What an engine says of one container has some 10 KB. */
const MOST_BYTES = 4 * 1024 * 1024;
const MOST_REASON = 1_000;

/** Asks an engine over its socket: one connection a question, bounded in size and time (docs/adr/0008). */
export class EngineLink {
  readonly socket: string;
  readonly #clock: Clock;

  constructor(socket: string, clock: Clock) {
    this.socket = socket;
    this.#clock = clock;
  }

  /**
   * Resolves to the answer's JSON, or undefined where it has none. Rejects with an EngineRefusal, an EngineTimeout, the
   * signal's reason, or the system's error where there is no connection or it breaks.
   */
  ask(question: Question): Promise<unknown> {
    return this.#within(question, async (signal) => {
      const answer = await this.#accepted(question, signal);
      const text = (await readAll(answer, MOST_BYTES)).toString();
      return text.trim() === '' ? undefined : JSON.parse(text);
    });
  }

  /** Resolves to an answer that goes on, whose reader ends it: by its end, by `destroy`, or by the signal. */
  stream(question: Question): Promise<IncomingMessage> {
    // What is cancelled with the time is the wait for the beginning; the signal counts to the end.
    return this.#within(question, (signal) => this.#accepted(question, signal));
  }

  async #within<T>(question: Question, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { method, path, timeoutMs, signal } = question;
    signal?.throwIfAborted();
    const late = new AbortController();
    const reason = new EngineTimeout(`${method} ${path} was not answered within ${timeoutMs} ms`);
    const timer = this.#clock.setTimer(timeoutMs, () => late.abort(reason));
    try {
      return await work(signal === undefined ? late.signal : AbortSignal.any([late.signal, signal]));
    } catch (error) {
      // Node's own error for it says neither.
      if (signal?.aborted) throw signal.reason;
      if (late.signal.aborted) throw reason;
      throw error;
    } finally {
      timer.cancel();
    }
  }

  async #accepted(question: Question, signal: AbortSignal): Promise<IncomingMessage> {
    const answer = await this.#send(question, signal);
    const { statusCode = 0 } = answer;
    if (statusCode >= 200 && statusCode < 300) return answer;
    const said = await readAll(answer, MOST_BYTES).then(reasonOf, messageOf);
    throw new EngineRefusal(statusCode, shown(said.trim(), MOST_REASON) || `status ${statusCode}`);
  }

  #send({ method, path, query, body }: Question, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
      const call = request({
        socketPath: this.socket,
        method,
        path: query === undefined ? path : `${path}?${new URLSearchParams(query)}`,
        agent: false,
        signal,
        headers: {
          Host: 'engine',
          'Content-Length': payload?.length ?? 0,
          ...(payload && { 'Content-Type': 'application/json' }),
        },
      });
      call.once('response', (answer) => {
        // Stays on: one that breaks before it is read is no error of this process.
        answer.on('error', () => {});
        resolve(answer);
      });
      call.once('upgrade', (_, socket) => {
        socket.destroy();
        reject(new Error('an answer that is none of HTTP'));
      });
      // Stays on: without a listener, an error that comes late would end the process.
      call.on('error', reject);
      call.end(payload);
    });
  }
}

async function readAll(answer: IncomingMessage, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > most) throw new Error(`an answer of more than ${most} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Engines put it into `message`. */
function reasonOf(bytes: Buffer): string {
  const text = bytes.toString();
  try {
    const { message } = JSON.parse(text);
    return typeof message === 'string' ? message : text;
  } catch {
    return text;
  }
}
