import { isPromise } from './awaitable.js';
import type { Clock } from './clock.js';
import { type ErrorCode, messageOf, RegistryError } from './errors.js';
import type { Logger } from './logger.js';

/**
 * A plugin that throws, hangs or rejects harms only itself: whatever of it is waited for runs in here. What that costs
 * where nothing goes wrong is next to nothing: an AbortController is made only when a tap asks for its signal, and one
 * coarse timer serves all calls under way. It can't stop a busy loop in a plugin: one process is one loop.
 */
export interface Guard {
  readonly clock: Clock;
  readonly logger: Logger;
  /**
   * Ends when the work does, or with HOOK_TIMEOUT after `timeoutMs`, whichever is first; then the call's signal aborts.
   * `what` begins the message: `Plugin "x" in hook start`. Work done for a plugin also ends when that is abandoned.
   */
  limit<T>(
    what: string,
    timeoutMs: number,
    work: (call: TapCall) => PromiseLike<T> | T,
    plugin?: string,
  ): Promise<T>;
  /** Ends all that is under way for a plugin, with STOPPING: it is disposed of. */
  abandon(plugin: string): void;
}

/** What every tap that may wait is given last. */
export interface TapCall {
  /** Aborts when the tap's time is up or its plugin is disposed of. Made when it is first read. */
  readonly signal: AbortSignal;
}

/** Where among the taps of a hook one stands. */
export interface TapOptions {
  /** Lower ones run first; 0 unless it is said. */
  readonly stage?: number;
  /** The name of a plugin whose tap must come after this one. */
  readonly before?: string;
}

class Call implements TapCall {
  readonly what: string;
  readonly timeoutMs: number;
  readonly plugin: string | undefined;
  /** In monotonic time; 0 until a tick has seen the call, so that none pays for reading the clock. */
  dueAt = 0;
  /** Tells who waits that it is given up. */
  fail: ((error: RegistryError) => void) | undefined = undefined;
  #controller: AbortController | undefined;
  #reason: RegistryError | undefined;

  constructor(what: string, timeoutMs: number, plugin: string | undefined) {
    this.what = what;
    this.timeoutMs = timeoutMs;
    this.plugin = plugin;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  giveUp(reason: RegistryError): void {
    this.#reason = reason;
    this.fail?.(reason);
    this.#controller?.abort(reason);
  }
}

/** One timer looks after all calls under way; a timeout may be noticed late by two of its ticks. */
const TICK_MS = 50;

/** Makes the one guard of a registry; `logger` takes what fails with nobody to be told. */
export function createGuard(clock: Clock, logger: Logger): Guard {
  const underWay = new Set<Call>();
  let isTicking = false;
  const keepTicking = () => {
    if (isTicking || underWay.size === 0) return;
    isTicking = true;
    clock.setTimer(TICK_MS, tick);
  };
  const tick = () => {
    const now = clock.monotonic();
    for (const call of underWay) {
      if (call.dueAt === 0) call.dueAt = now + call.timeoutMs;
      if (call.dueAt > now) continue;
      underWay.delete(call);
      const text = `${call.what} did not end within ${call.timeoutMs} ms and was given up.`;
      call.giveUp(new RegistryError('HOOK_TIMEOUT', text));
    }
    isTicking = false;
    keepTicking();
  };

  return {
    clock,
    logger,
    limit(what, timeoutMs, work, plugin) {
      return new Promise((resolve, reject) => {
        const call = new Call(what, timeoutMs, plugin);
        // A throw in here, also that of a getter named `then`, rejects the promise.
        const result = work(call) as Awaited<ReturnType<typeof work>>;
        if (!isPromise(result)) {
          resolve(result);
          return;
        }
        call.fail = reject;
        underWay.add(call);
        keepTicking();
        result.then(
          (value) => {
            underWay.delete(call);
            resolve(value);
          },
          (error) => {
            underWay.delete(call);
            reject(error);
          },
        );
      });
    },
    abandon(plugin) {
      for (const call of underWay) {
        if (call.plugin !== plugin) continue;
        underWay.delete(call);
        const text = `${call.what} was given up, for the plugin is disposed of.`;
        call.giveUp(new RegistryError('STOPPING', text));
      }
    },
  };
}

/** Says what failed and why, without saying it twice. */
export function failureText(what: string, error: unknown): string {
  const message = messageOf(error);
  return message.startsWith(what) ? message : `${what} failed: ${message}`;
}

/** What a plugin failed with, as an error that names the plugin. It keeps a code of its own; any other gets `code`. */
export function blame(plugin: string, what: string, error: unknown, code: ErrorCode): RegistryError {
  if (!(error instanceof RegistryError)) {
    return new RegistryError(code, failureText(what, error), { cause: error });
  }
  if (error.message.includes(`"${plugin}"`)) return error;
  return new RegistryError(error.code, failureText(what, error), { cause: error });
}
