import { type Awaitable, type Clock, RegistryError } from '../../../core/index.js';
import { FAULT_CODES, XmlRpcFault } from './faults.js';

/** How long may be worked before others get a turn. */
const SLICE_MS = 10;
/** Long reads that go on at once: each holds what it has found so far, up to the longest answer. */
const AT_ONCE = 4;
/** Long reads that wait for one of these to end. They hold nothing. */
const MOST_WAITING = 1_000;

/** A read that may be long: it yields wherever it may be left for a while, and returns its answer. */
export type LongRead<T> = Generator<void, T, void>;

/**
 * Lets what takes long take turns. In each turn of the event loop one that waits works 10 ms, and all that begin in it another
 * 10 ms together; in between the registry reads requests, answers, heartbeats and leases. What is done within those never
 * waits, and costs no promise.
 */
export class Turns {
  readonly #clock: Clock;
  readonly #nextTurn: (run: () => void) => void;
  /** Those that wait for their turn, first come first served. */
  readonly #waiting: (() => void)[] = [];
  /** How many reads go on, */
  #reads = 0;
  /** and those that are to begin when one of them has ended, first come first served. */
  readonly #queue: (() => void)[] = [];
  /** When what begins in this turn of the event loop has to pause. */
  #freshEnd: number | undefined;

  /** `nextTurn` calls back once the event loop has gone round. */
  constructor(clock: Clock, nextTurn: (run: () => void) => void = setImmediate) {
    this.#clock = clock;
    this.#nextTurn = nextTurn;
  }

  /** When what begins now has to pause, on the monotonic clock; perhaps at once, where others have begun in this turn. */
  freshEnd(): number {
    if (this.#freshEnd === undefined) {
      this.#freshEnd = this.#clock.monotonic() + SLICE_MS;
      this.#nextTurn(() => {
        this.#freshEnd = undefined;
      });
    }
    return this.#freshEnd;
  }

  isOver(sliceEnd: number): boolean {
    return this.#clock.monotonic() >= sliceEnd;
  }

  /** Resolves when it is the caller's turn, with when that ends: others have been served meanwhile. */
  pause(): Promise<number> {
    return new Promise((resolve) => {
      this.#waiting.push(() => resolve(this.#clock.monotonic() + SLICE_MS));
      if (this.#waiting.length === 1) this.#nextTurn(this.#serve);
    });
  }

  /**
   * Runs a read to its end, now if it is short. One that is not, where four go on already, is given up and begun anew when
   * it is its turn. It ends when `caller`'s signal aborts. Throws what it throws; LIMIT_REACHED where a thousand wait.
   */
  run<T>(begin: () => LongRead<T>, caller: { readonly signal: AbortSignal }): Awaitable<T> {
    const end = this.freshEnd();
    const hasRoom = this.#reads < AT_ONCE;
    let read: LongRead<T> | undefined;
    if (!this.isOver(end)) {
      read = begin();
      const first = this.#slice(read, end);
      if (first.done === true) return first.value;
      if (!hasRoom) read.return(undefined as T);
    }
    if (hasRoom) {
      this.#reads += 1;
      return this.#goOn(begin, caller.signal, read);
    }
    if (this.#queue.length >= MOST_WAITING) {
      throw new RegistryError(
        'LIMIT_REACHED',
        `${MOST_WAITING} long reads wait for their turn, which is the limit; try again shortly, or ask for less.`,
      );
    }
    return this.#later(begin, caller.signal);
  }

  async #later<T>(begin: () => LongRead<T>, signal: AbortSignal): Promise<T> {
    await new Promise<void>((resolve) => this.#queue.push(resolve));
    return this.#goOn(begin, signal);
  }

  /** Goes on with one that has its place, and hands that on at its end. */
  async #goOn<T>(begin: () => LongRead<T>, signal: AbortSignal, begun?: LongRead<T>): Promise<T> {
    let read = begun;
    try {
      for (;;) {
        const end = await this.pause();
        if (signal.aborted) throw abandoned(signal);
        read ??= begin();
        const step = this.#slice(read, end);
        if (step.done === true) return step.value;
      }
    } finally {
      read?.return(undefined as T);
      const next = this.#queue.shift();
      if (next === undefined) this.#reads -= 1;
      else next();
    }
  }

  #slice<T>(read: LongRead<T>, end: number): IteratorResult<void, T> {
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
