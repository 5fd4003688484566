import { type Awaitable, isPromise } from '../awaitable.js';
import { RegistryError } from '../errors.js';
import type { Store } from '../store.js';

const BLOCK = 1_000;
/** A new block is asked for when this many are left, so that a registration seldom waits for one. */
const LOW_WATER = 500;

/** Integer ids, taken from the store in blocks: unique across servers, never given twice. */
export class IdBlock {
  readonly #store: Pick<Store, 'reserveIds'>;
  #next = 0;
  #left = 0;
  /** The block that is on its way, and where it begins once it is there. */
  #coming: Promise<void> | undefined;
  #then: number | undefined;

  constructor(store: Pick<Store, 'reserveIds'>) {
    this.#store = store;
  }

  /**
   * Makes sure that `take` has an id. Where it answers a promise, call it again once that resolves: others may have
   * waited too. Throws, or rejects with, the store's error, but only where no id is left.
   */
  ready(): Awaitable<void> {
    if (this.#left > LOW_WATER) return;
    const coming = this.#then === undefined ? (this.#coming ?? this.#fetch()) : undefined;
    return this.#left > 0 ? undefined : coming;
  }

  /** The next id. Only after `ready`; CONFLICT where a change that was built anew needs one after all and none is here. */
  take(): number {
    if (this.#left === 0) {
      if (this.#then === undefined) throw new RegistryError('CONFLICT', 'No id is at hand; repeat the call.');
      this.#next = this.#then;
      this.#left = BLOCK;
      this.#then = undefined;
    }
    this.#left -= 1;
    return this.#next++;
  }

  #fetch(): Promise<void> | undefined {
    let first: Awaitable<number>;
    try {
      first = this.#store.reserveIds(BLOCK);
    } catch (error) {
      if (this.#left > 0) return undefined;
      throw error;
    }
    if (!isPromise(first)) {
      this.#then = first;
      return undefined;
    }
    const done = () => {
      this.#coming = undefined;
    };
    this.#coming = first.then((begin) => {
      this.#then = begin;
    });
    this.#coming.then(done, done);
    return this.#coming;
  }
}
