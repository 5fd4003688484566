/** One's place in a queue. */
export interface Place<T> {
  item: T | undefined;
}

/** Below this many places taken out the list is not tidied: they are too few to matter. */
const TIDY_FROM = 64;

/** A queue from which any may be taken out, each of its operations O(1) on average. */
export class Fifo<T extends object> {
  #places: Place<T>[] = [];
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): T | undefined {
    while (this.#head < this.#places.length) {
      const item = this.#places[this.#head]?.item;
      if (item !== undefined) return item;
      this.#head += 1;
    }
    return undefined;
  }

  /** Answers what `remove` takes it out by. */
  push(item: T): Place<T> {
    const place = { item };
    this.#places.push(place);
    this.#size += 1;
    return place;
  }

  shift(): T | undefined {
    const { first } = this;
    if (first === undefined) return undefined;
    this.#take(this.#places[this.#head]!);
    return first;
  }

  /** Answers whether it was still there. */
  remove(place: Place<T>): boolean {
    if (place.item === undefined) return false;
    this.#take(place);
    return true;
  }

  #take(place: Place<T>): void {
    place.item = undefined;
    this.#size -= 1;
    const { length } = this.#places;
    if (length < TIDY_FROM || length < this.#size * 2) return;
    this.#places = this.#places.filter(({ item }) => item !== undefined);
    this.#head = 0;
  }
}
