import type { Clock } from '../clock.js';
import { RegistryError } from '../errors.js';
import type { Hooks } from '../hooks.js';
import type { ServiceRecord } from './record.js';

/** More askers than this waiting at once, and further ones are refused. */
const WAITERS_LIMIT = 50_000;

interface Waiter {
  readonly answer: (record: ServiceRecord) => void;
  readonly fail: (error: RegistryError) => void;
}

interface Flight {
  readonly waiters: Set<Waiter>;
  /** Whether hook `demand` is being answered. */
  isAsking: boolean;
  /** Why none runs, where that is known. */
  why: string;
}

/**
 * Callers who wait for a service that has no running instance. However many ask, hook `demand` fires once until it is
 * answered, and everyone gets the same instance. Where nobody can start one they still wait: one may register itself.
 */
export class Demands {
  readonly #hooks: Hooks;
  readonly #clock: Clock;
  readonly #flights = new Map<string, Flight>();
  #waiting = 0;
  #isClosed = false;

  constructor(hooks: Hooks, clock: Clock) {
    this.#hooks = hooks;
    this.#clock = clock;
  }

  /** Resolves to an instance as soon as one runs; rejects with NO_INSTANCE after `waitMs`, LIMIT_REACHED, STOPPING. */
  wait(name: string, waitMs: number, signal: AbortSignal | undefined): Promise<ServiceRecord> {
    if (this.#isClosed) return Promise.reject(stopping());
    if (this.#waiting >= WAITERS_LIMIT) {
      return Promise.reject(
        new RegistryError('LIMIT_REACHED', `${WAITERS_LIMIT} callers wait for services already.`),
      );
    }
    if (signal?.aborted === true) return Promise.reject(abandoned(name));
    return new Promise((resolve, reject) => {
      const flight = this.#flights.get(name) ?? { waiters: new Set<Waiter>(), isAsking: false, why: '' };
      this.#flights.set(name, flight);
      const leave = () => {
        this.#waiting -= 1;
        flight.waiters.delete(waiter);
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
        this.#end(name, flight);
      };
      const waiter: Waiter = {
        answer: (record) => {
          leave();
          resolve(record);
        },
        fail: (error) => {
          leave();
          reject(error);
        },
      };
      const onAbort = () => waiter.fail(abandoned(name));
      const timer = this.#clock.setTimer(waitMs, () =>
        waiter.fail(
          new RegistryError(
            'NO_INSTANCE',
            `No instance of "${name}" was running within ${waitMs} ms${flight.why === '' ? '' : `: ${flight.why}`}.`,
          ),
        ),
      );
      signal?.addEventListener('abort', onAbort);
      this.#waiting += 1;
      flight.waiters.add(waiter);
      if (!flight.isAsking) this.#ask(name, waitMs, flight);
    });
  }

  /** Whether anyone waits for an instance of `name`. */
  has(name: string): boolean {
    return this.#flights.size > 0 && this.#flights.has(name);
  }

  /** This instance can be called now: everyone who waits for one of its name gets it. */
  answer(record: ServiceRecord): void {
    for (const waiter of [...(this.#flights.get(record.name)?.waiters ?? [])]) waiter.answer(record);
  }

  /** Nobody is to wait any longer: the registry stops. */
  close(): void {
    this.#isClosed = true;
    for (const { waiters } of [...this.#flights.values()]) {
      for (const waiter of [...waiters]) waiter.fail(stopping());
    }
  }

  #ask(name: string, waitMs: number, flight: Flight): void {
    flight.isAsking = true;
    const answered = () => {
      flight.isAsking = false;
      this.#end(name, flight);
    };
    // A tap that fails is logged by the guard; the askers go on waiting.
    const explain = (why: string) => {
      flight.why = why;
    };
    this.#hooks.demand.promise({ name, waitMs, explain }).then(answered, answered);
  }

  #end(name: string, flight: Flight): void {
    if (!flight.isAsking && flight.waiters.size === 0) this.#flights.delete(name);
  }
}

function abandoned(name: string): RegistryError {
  return new RegistryError('NO_INSTANCE', `The caller no longer waits for "${name}".`);
}

function stopping(): RegistryError {
  return new RegistryError('STOPPING', 'The registry is stopping.');
}
