import { type Awaitable, type Clock, RegistryError } from '../../../core/index.js';
import { FAULT_CODES, XmlRpcFault } from './faults.js';

/** How long may be worked before others get a turn. */
const SLICE_MS = 10;
/** Long reads at once; each holds what it has found so far. */
const MOST_READS = 1_000;

/** A read that may be long: it yields wherever it may be left for a while, and returns its answer. */
export type LongRead<T> = Generator<void, T, void>;

/**
 * Lets what takes long take turns. All of it together works 10 ms at a time, one after the other; in between the registry
 * reads requests, answers, heartbeats and leases. What is done within its first 10 ms never waits, and costs no promise.
 */
export class Turns {
  readonly #clock: Clock;
  readonly #nextTurn: (run: () => void) => void;
  /** Those that wait for their turn, first come first served. */
  readonly #waiting: (() => void)[] = [];
  #reads = 0;

  /** `nextTurn` calls back once the event loop has gone round. */
  constructor(clock: Clock, nextTurn: (run: () => void) => void = setImmediate) {
    this.#clock = clock;
    this.#nextTurn = nextTurn;
  }

  /** When a slice that begins now has to end, on the monotonic clock. */
  sliceEnd(): number {
    return this.#clock.monotonic() + SLICE_MS;
  }

  isOver(sliceEnd: number): boolean {
    return this.#clock.monotonic() >= sliceEnd;
  }

  /** Resolves when it is the caller's turn: others have been served meanwhile. */
  pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#waiting.length === 1) this.#nextTurn(this.#serve);
    });
  }

  /**
   * Runs a read to its end, now if it is short. It is given up when `caller`'s signal aborts. Throws what it throws;
   * LIMIT_REACHED where a thousand are under way.
   */
  run<T>(read: LongRead<T>, caller: { readonly signal: AbortSignal }): Awaitable<T> {
    const first = this.#slice(read);
    if (first.done === true) return first.value;
    if (this.#reads >= MOST_READS) {
      read.return(undefined as T);
      throw new RegistryError(
        'LIMIT_REACHED',
        `${MOST_READS} long reads are under way, which is the limit; try again shortly, or ask for less.`,
      );
    }
    return this.#goOn(read, caller.signal);
  }

  async #goOn<T>(read: LongRead<T>, signal: AbortSignal): Promise<T> {
    this.#reads += 1;
    try {
      for (;;) {
        await this.pause();
        if (signal.aborted) throw abandoned(signal);
        const step = this.#slice(read);
        if (step.done === true) return step.value;
      }
    } finally {
      this.#reads -= 1;
      read.return(undefined as T);
    }
  }

  #slice<T>(read: LongRead<T>): IteratorResult<void, T> {
    const end = this.sliceEnd();
    let step = read.next();
    while (step.done !== true && !this.isOver(end)) step = read.next();
    return step;
  }

  /** One slice each time the event loop goes round, however many wait. */
  readonly #serve = () => {
    this.#waiting.shift()?.();
    if (this.#waiting.length > 0) this.#nextTurn(this.#serve);
  };
}

function abandoned({ reason }: AbortSignal): Error {
  if (reason instanceof RegistryError) return reason;
  return new XmlRpcFault(FAULT_CODES.TRANSPORT, 'the caller went away before it was answered');
}
