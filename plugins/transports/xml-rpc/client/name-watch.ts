import type { Instance } from './instance.js';
import type { NameCache, NameChange } from './name-cache.js';
import { allowMany } from './until-aborted.js';

const END: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** Where changes come from. */
export interface WatchSource {
  /** Called when the first change is asked for. */
  begin(): {
    readonly cache: NameCache;
    /** Resolves when the cache has been filled for the first time. */
    ready(): Promise<void>;
    /** Called in the end. */
    end(): void;
  };
  readonly signals: readonly (AbortSignal | undefined)[];
}

/**
 * The changes of one name, for `for await`: at first what is there, as `registered`. It keeps no queue: a consumer that is
 * slow is told of each instance what it has become since, once. Ends with the loop, by `return` and by its signals.
 */
export class NameWatch implements AsyncIterableIterator<NameChange> {
  readonly #source: WatchSource;
  #cache: NameCache | undefined;
  /** What was told of each instance. */
  readonly #told = new Map<string, Instance>();
  readonly #touched = new Set<string>();
  /** What is to be undone in the end; nothing is done before the first change is asked for. */
  #undo: (() => void)[] | undefined;
  #isOpen = true;
  #wake: () => void = () => {};
  /** Those who ask wait in line: no two are given the same change. */
  #lastTurn: Promise<unknown> = Promise.resolve();

  constructor(source: WatchSource) {
    this.#source = source;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<NameChange, undefined>> {
    const turn = this.#lastTurn.then(() => this.#next());
    this.#lastTurn = turn.catch(() => {});
    return turn;
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.#close();
    return Promise.resolve(END);
  }

  async #next(): Promise<IteratorResult<NameChange, undefined>> {
    if (this.#isOpen && this.#undo === undefined) await this.#begin();
    while (this.#isOpen) {
      const change = this.#change();
      if (change !== undefined) return { done: false, value: change };
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return END;
  }

  async #begin(): Promise<void> {
    const { signals } = this.#source;
    const onAbort = () => this.#close();
    this.#undo = [
      () => {
        for (const signal of signals) signal?.removeEventListener('abort', onAbort);
      },
    ];
    for (const signal of signals) {
      if (signal?.aborted) this.#close();
      else if (signal !== undefined) allowMany(signal).addEventListener('abort', onAbort);
    }
    if (!this.#isOpen) return;
    try {
      const { cache, ready, end } = this.#source.begin();
      this.#cache = cache;
      const unsubscribe = cache.subscribe((touched) => {
        for (const key of touched) {
          // What came and went unseen has nothing to tell: names that never come again would pile up.
          if (cache.get(key) !== undefined || this.#told.has(key)) this.#touched.add(key);
          else this.#touched.delete(key);
        }
        this.#wake();
      });
      this.#undo.push(unsubscribe, end);
      await ready();
      for (const key of cache.keys()) this.#touched.add(key);
    } catch (error) {
      const wasOpen = this.#isOpen;
      this.#close();
      if (wasOpen) throw error;
    }
  }

  #change(): NameChange | undefined {
    for (const key of this.#touched) {
      this.#touched.delete(key);
      const before = this.#told.get(key);
      const now = this.#cache?.get(key);
      if (now === undefined) {
        this.#told.delete(key);
        if (before !== undefined) return { kind: 'unregistered', instance: before };
      } else {
        this.#told.set(key, now);
        if (before === undefined) return { kind: 'registered', instance: now };
        if (!isSame(before, now)) return { kind: 'changed', instance: now };
      }
    }
    return undefined;
  }

  #close(): void {
    this.#isOpen = false;
    for (const undo of this.#undo?.splice(0) ?? []) undo();
    this.#wake();
  }
}

/** Read anew, an instance is another object that says the same. Its id is another where another registry has it. */
function isSame(a: Instance, b: Instance): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
