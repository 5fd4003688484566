/// <reference lib="esnext.disposable" preserve="true" />
import type { Clock, Timer } from '../../../../core/clock.js';
import { RegistryError } from '../../../../core/errors.js';
import { STATUS_CODES, type Status } from '../../../../core/servicedb/record.js';
import type { XmlRpcValue } from '../values.js';
import { backoffMs, pause } from './backoff.js';
import type { OnEvent } from './events.js';
import { watchExit } from './exit-watch.js';
import { isAway } from './failures.js';
import type { Hold } from './hold.js';
import type { Answer, Calls, Mark } from './links.js';
import type { RegistrationRequest } from './options.js';

/** How long `close` may take, and what is done when a signal ends the process. */
const CLOSE_MS = 5_000;
const EXIT_MS = 1_000;

export interface RegistrationParts {
  readonly calls: Calls;
  readonly clock: Clock;
  readonly hold: Hold;
  readonly onEvent: OnEvent;
  /** Where it is while it is to be kept. */
  readonly kept: Set<Registration>;
}

type TurnOptions = { readonly signal?: AbortSignal | undefined; readonly isBackground?: boolean };

/**
 * One instance that this program registered. It heartbeats until it is closed, registers again where the registry does
 * not know it any more, and is unregistered when it is closed or the process ends.
 *
 * Its name in the registry is (name, instance). The id is only what the registry calls it, and another instance may have
 * it after a restart of a registry that keeps nothing. So an id is used only with the process that gave it.
 */
export class Registration {
  readonly name: string;
  readonly #request: RegistrationRequest;
  readonly #parts: RegistrationParts;
  #status: Status;
  #id: number | undefined;
  /** As it was registered; it stays so with the same registry. */
  #host: string | undefined;
  /** The address of the registry that has last registered it. */
  #registry: object | undefined;
  /** Who has it registered, as it is; undefined where that is not known. */
  #holder: Mark | undefined;
  /** Whether a registry may know of it: it was asked to register it, and did not refuse. */
  #isAsked = false;
  #failures = 0;
  #timer: Timer | undefined;
  /** Calls are made one after another. */
  #lastTurn: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;
  /** Ends the closing where it takes too long. */
  readonly #giveUp = new AbortController();
  #onClosed: (() => void)[] = [];

  private constructor(request: RegistrationRequest, parts: RegistrationParts) {
    this.name = request.name;
    this.#request = request;
    this.#parts = parts;
    this.#status = request.status;
  }

  /** Registers, and answers what then keeps it registered. While no registry answers it is tried again, for `waitMs`. */
  static async begin(
    request: RegistrationRequest,
    parts: RegistrationParts,
    signal?: AbortSignal,
  ): Promise<Registration> {
    const registration = new Registration(request, parts);
    // From now on, so that a client that is closed meanwhile waits until it is gone again.
    parts.kept.add(registration);
    try {
      await registration.#begin(signal);
      signal?.throwIfAborted();
    } catch (error) {
      // Given up while a registry may have been registering it.
      if (signal?.aborted && registration.#isAsked) await registration.close();
      parts.kept.delete(registration);
      throw error;
    }
    registration.#keep();
    return registration;
  }

  /** What the registry calls it; another number after it was registered with another registry. */
  get id(): number {
    return this.#id ?? 0;
  }

  get host(): string {
    return this.#host ?? '';
  }

  get port(): number {
    return this.#request.port;
  }

  /** What it says of itself. */
  get status(): Status {
    return this.#status;
  }

  /** Whether the last word from a registry was that it is registered. */
  get isRegistered(): boolean {
    return this.#holder !== undefined;
  }

  /**
   * Says what it is now: `draining` before it stops, say. Rejects where no registry could be told; it is told as soon as
   * one answers.
   */
  async updateStatus(status: Status): Promise<void> {
    if (!Object.hasOwn(STATUS_CODES, status)) {
      const known = Object.keys(STATUS_CODES).join(', ');
      throw new RegistryError('INVALID_ARGUMENT', `"${status}" is no status; expected one of ${known}.`);
    }
    this.#status = status;
    this.#holder = undefined;
    await this.#parts.hold.during(() =>
      this.#inTurn(async () => {
        // By its name, not by its id; and what an earlier turn has said already need not be said again.
        if (this.#holder === undefined) await this.#register({});
      }),
    );
  }

  /** Unregisters, within 5 s. Never rejects: where no registry can be told, the lease ends by itself. */
  close(): Promise<void> {
    return this.#close(CLOSE_MS);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #begin(signal: AbortSignal | undefined): Promise<void> {
    const { clock } = this.#parts;
    const { waitMs, heartbeatMs } = this.#request;
    const deadline = clock.monotonic() + waitMs;
    for (let failures = 1; ; failures++) {
      try {
        await this.#register({ signal });
        return;
      } catch (error) {
        if (signal?.aborted) throw error;
        this.#isAsked = false;
        const ms = backoffMs(failures, heartbeatMs, clock);
        if (!isAway(error) || clock.monotonic() + ms > deadline) throw error;
        await pause(ms, clock, signal);
      }
    }
  }

  #keep(): void {
    if (this.#request.unregisterOnExit) {
      const leave = () => this.#close(EXIT_MS);
      this.#onClosed.push(watchExit({ leave, leaveAtOnce: () => this.#leaveAtOnce() }));
    }
    if (this.#request.keepAlive) this.#onClosed.push(this.#parts.hold.take());
    this.#schedule();
  }

  #schedule(): void {
    this.#timer?.cancel();
    if (this.#closing !== undefined) return;
    const { clock } = this.#parts;
    const { heartbeatMs } = this.#request;
    const ms =
      this.#failures > 0
        ? backoffMs(this.#failures, heartbeatMs, clock)
        : heartbeatMs * (0.9 + clock.random() / 5);
    this.#timer = clock.setTimer(ms, () => {
      this.#inTurn(() => this.#beat()).catch((error) => {
        if (!isAway(error)) this.#tell(`"${this.name}" could not be kept registered`, error);
      });
    });
  }

  /** Runs after what is under way, and sets the next heartbeat by what became of it. */
  #inTurn(run: () => Promise<void>): Promise<void> {
    const turn = this.#lastTurn.then(async () => {
      if (this.#closing !== undefined) {
        throw new RegistryError('STOPPING', `The registration of "${this.name}" is closed.`);
      }
      try {
        await run();
        this.#failures = 0;
      } catch (error) {
        this.#failures += 1;
        throw error;
      } finally {
        this.#schedule();
      }
    });
    this.#lastTurn = turn.catch(() => {});
    return turn;
  }

  async #beat(): Promise<void> {
    if (this.#isHeld()) {
      const { value, from } = await this.#call('heartbeat', [this.name, this.id], { isBackground: true });
      const { link, session } = this.#holder ?? {};
      if (value === true && from.link === link && from.session === session) return;
    }
    await this.#register({ isBackground: true });
  }

  /** Whether a call made now reaches the process that has it registered. */
  #isHeld(): boolean {
    return this.#holder !== undefined && this.#parts.calls.isSame(this.#holder);
  }

  async #register(options: TurnOptions): Promise<void> {
    const { calls, onEvent } = this.#parts;
    const { port, details } = this.#request;
    this.#holder = undefined;
    for (;;) {
      const host = this.#request.host ?? this.#host ?? (await this.#learnHost(options));
      const status = this.#status;
      const params = [this.name, host, port, STATUS_CODES[status], details];
      this.#isAsked = true;
      const { value, from } = await this.#call('register', params, options);
      const isAgain = this.#id !== undefined;
      this.#id = Number(value);
      this.#host = host;
      const isMoved = this.#registry !== from.link;
      this.#registry = from.link;
      const own = this.#request.host ?? calls.localAddress ?? host;
      if (isMoved && own !== host) {
        // Another registry has answered than the one we knew, which this machine reaches from another address.
        await this.#call('unregister', [this.name, this.#id], options);
        this.#host = own;
        continue;
      }
      if (status === this.#status) this.#holder = from;
      if (this.#closing === undefined)
        onEvent({ type: 'registered', name: this.name, id: this.#id, isAgain });
      return;
    }
  }

  /** The address that this machine has in the registry's network shows in any connection to it. */
  async #learnHost(options: TurnOptions): Promise<string> {
    const { calls } = this.#parts;
    if (calls.localAddress === undefined) await this.#call('get_reg_count', [], options);
    return calls.localAddress ?? '127.0.0.1';
  }

  #close(withinMs: number): Promise<void> {
    const { clock, hold, kept } = this.#parts;
    if (this.#closing !== undefined && !kept.has(this)) return this.#closing;
    // Each that asks has its own time: a process that is to end does not wait as long as one that goes on.
    const text = `The registry did not answer within ${withinMs} ms.`;
    const timer = clock.setTimer(withinMs, () => this.#giveUp.abort(new RegistryError('UNREACHABLE', text)));
    this.#onClosed.push(() => timer.cancel());
    this.#closing ??= hold.during(() => this.#end());
    return this.#closing;
  }

  async #end(): Promise<void> {
    this.#timer?.cancel();
    const { signal } = this.#giveUp;
    try {
      await Promise.race([this.#lastTurn, rejection(signal)]);
      if (!this.#isAsked) return;
      // Registered once more, it has the id that it is unregistered by.
      if (!this.#isHeld()) await this.#register({ signal });
      await this.#call('unregister', [this.name, this.id], { signal });
    } catch (error) {
      this.#tell(`"${this.name}" could not be unregistered; its lease ends by itself`, error);
    } finally {
      this.#holder = undefined;
      for (const run of this.#onClosed.splice(0)) run();
      this.#parts.kept.delete(this);
    }
  }

  #leaveAtOnce(): void {
    if (this.#holder === undefined) return;
    this.#parts.calls.callAtExit(this.#holder, 'unregister', [this.name, this.id]);
  }

  #call(method: string, params: readonly XmlRpcValue[], options: TurnOptions): Promise<Answer> {
    return this.#parts.calls.call(method, params, options);
  }

  #tell(what: string, error: unknown): void {
    this.#parts.onEvent({ type: 'problem', what, error });
  }
}

/** Rejects with the signal's reason when it aborts. */
function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
