import type { FeedEvent } from './change.js';

/** Which changes to follow, and a signal that ends it. */
export interface FollowFilter {
  readonly since?: number;
  readonly collection?: string;
  readonly signal?: AbortSignal;
}

/**
 * The commits one after the other, for `for await`. It ends when the loop is left, by {@link return} or by the signal, all of
 * which end a `next` under way; never by itself.
 */
export interface Follow extends AsyncIterableIterator<FeedEvent> {
  return(): Promise<IteratorReturnResult<undefined>>;
}

/** What a follower has of the feed. */
interface Source {
  /** The next event that is not read yet; undefined where there is none. */
  read(): FeedEvent | undefined;
  /** Has `wake` called at the next commit, once. */
  wait(wake: () => void): void;
  /** Waits and reads no more. */
  leave(wake: () => void): void;
  readonly signal: AbortSignal | undefined;
}

const END: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * Reads the feed at its consumer's pace. It keeps no events, only its place in the feed: what it is slow to ask for stays in
 * the ring or is lost from there. An async generator would be shorter, but its `return` waits for a `next` under way.
 */
export class Follower implements Follow {
  readonly #source: Source;
  #isOpen = true;
  /** Those who ask wait in line: no two are given the same event. */
  #lastTurn: Promise<unknown> = Promise.resolve();
  #wakeUp: () => void = () => {};
  readonly #wake = () => this.#wakeUp();
  readonly #end = () => this.#close();

  constructor(source: Source) {
    this.#source = source;
    if (source.signal?.aborted === true) this.#close();
    else source.signal?.addEventListener('abort', this.#end);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<FeedEvent, undefined>> {
    const turn = this.#lastTurn.then(() => this.#next());
    this.#lastTurn = turn;
    return turn;
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.#close();
    return Promise.resolve(END);
  }

  async #next(): Promise<IteratorResult<FeedEvent, undefined>> {
    while (this.#isOpen) {
      const event = this.#source.read();
      if (event !== undefined) return { done: false, value: event };
      await new Promise<void>((resolve) => {
        this.#wakeUp = resolve;
        this.#source.wait(this.#wake);
      });
    }
    return END;
  }

  #close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#source.leave(this.#wake);
    this.#source.signal?.removeEventListener('abort', this.#end);
    this.#wakeUp();
  }
}
