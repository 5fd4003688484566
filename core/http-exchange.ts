import type { IncomingHttpHeaders } from 'node:http';
import { isPromise } from './awaitable.js';
import type { Clock } from './clock.js';
import { RegistryError } from './errors.js';
import type { DoorReply, DoorRequest } from './http-door.js';
import type { Doorway } from './http-doorway.js';
import type { Outbox } from './http-outbox.js';
import type { Unpacker } from './http-unpack.js';
import type { UnsentAnswers } from './http-unsent.js';

/** What exchanges need of the address they came through. */
export interface ExchangeContext {
  readonly clock: Clock;
  readonly unpacker: Unpacker;
  readonly outbox: Outbox;
  readonly unsent: UnsentAnswers;
  readonly onError: (message: string, error: unknown) => void;
}

type State = 'reading' | 'unpacking' | 'ready' | 'waiting' | 'answered' | 'over';

/**
 * One request, from the end of its head until its answer is written or its peer has gone. How it is read and answered is
 * its connection's matter; what a door sees of it is the same whichever way it came.
 */
export abstract class Exchange implements DoorRequest {
  abstract readonly method: string;
  abstract readonly headers: IncomingHttpHeaders;
  abstract readonly authorization: string | undefined;
  abstract readonly remote: string;
  readonly path: string;
  readonly query: string;
  readonly reply: DoorReply;
  readonly doorway: Doorway;
  protected readonly context: ExchangeContext;
  protected state: State = 'reading';
  #body: Buffer | undefined;
  #controller: AbortController | undefined;
  /** Why its signal is aborted. An error is made of it where someone looks: to make one costs more than all else here. */
  #ending: 'left' | 'closing' | undefined;
  #tellGone: ((reason: Error) => void) | undefined;

  constructor(context: ExchangeContext, doorway: Doorway, path: string, query: string) {
    this.context = context;
    this.doorway = doorway;
    this.path = path;
    this.query = query;
    this.reply = (status, headers, body) => {
      if (this.state === 'waiting') this.#answer(status, headers, body);
    };
  }

  get body(): Buffer {
    if (this.#body !== undefined) return this.#body;
    throw new RegistryError(
      'INTERNAL',
      `The plugin "${this.doorway.spec.plugin}" read the body of a request after its \`handle\` had returned or waited; it is let go of then. Read it first`,
    );
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#ending !== undefined) this.#controller.abort(reasonOf(this.#ending));
    }
    return this.#controller.signal;
  }

  onGone(tell: (reason: Error) => void): void {
    this.#tellGone = tell;
    if (this.#ending !== undefined) tell(reasonOf(this.#ending));
  }

  /** The peer has gone: whatever is replied now reaches nobody. */
  gone(): void {
    if (this.state === 'over') return;
    this.end();
    this.callerLeft();
  }

  /** Tells a door that waits that nobody needs its answer any more. */
  callerLeft(): void {
    this.#abort('left');
  }

  /** Tells a door that waits to answer now. */
  endWait(): void {
    this.#abort('closing');
  }

  /** Closes its connection at once. */
  abstract cutOff(): void;

  /** Takes an answer; throws where its status or headers are none that HTTP has, before anything is written. */
  protected abstract answer(
    status: number,
    headers: Readonly<Record<string, string>> | string,
    body: string | Buffer,
  ): void;

  /** It is over, whether it was answered or not. Called once. */
  protected abstract end(): void;

  /** The door has the request and has not answered yet: what only reading it needs can go. */
  protected abstract rest(): void;

  protected hand(body: Buffer): void {
    this.state = 'waiting';
    this.#body = body;
    try {
      // An async function may be given where one that answers nothing is expected; its rejection must not end us.
      const result: unknown = this.doorway.handle(this, this.reply);
      if (result !== undefined && isPromise(result))
        result.then(undefined, (error) => this.#onFailure(error));
    } catch (error) {
      this.#onFailure(error);
    }
    this.#body = undefined;
    if (this.state === 'waiting') this.rest();
  }

  #onFailure(error: unknown): void {
    const { plugin } = this.doorway.spec;
    this.context.onError(`The plugin "${plugin}" failed at ${this.method} ${this.path}`, error);
    if (this.state !== 'waiting') return;
    const text = 'The registry failed at this request; its log says why.\n';
    this.answer(500, 'text/plain; charset=utf-8', text);
  }

  #answer(status: number, headers: Readonly<Record<string, string>> | string, body: string | Buffer): void {
    try {
      this.answer(status, headers, body);
    } catch (error) {
      // Nothing was written, so the 500 of a failing door still fits.
      this.#onFailure(error);
    }
  }

  #abort(ending: 'left' | 'closing'): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    this.#controller?.abort(reasonOf(ending));
    try {
      this.#tellGone?.(reasonOf(ending));
    } catch (error) {
      this.#onFailure(error);
    }
  }
}

function reasonOf(ending: 'left' | 'closing'): Error {
  if (ending === 'closing')
    return new RegistryError('STOPPING', 'The registry is stopping: try again once it runs, or call another');
  return new DOMException('The caller closed its connection before it was answered', 'AbortError');
}
