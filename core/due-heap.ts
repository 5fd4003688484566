/** Something that is to be looked at some time, on a clock of the owner's choice. */
export interface Due {
  queuedAt: number;
}

/** A binary heap: hands out what is due first, first. Who changes `queuedAt` of one within takes it out before. */
export class DueHeap<T extends Due> {
  #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  get first(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    const heap = this.#items;
    let at = heap.length;
    heap.push(item);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up]!;
      if (parent.queuedAt <= item.queuedAt) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = item;
  }

  /** Takes the first one out. */
  pop(): T | undefined {
    const heap = this.#items;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.queuedAt < heap[child]!.queuedAt) child += 1;
      if (heap[child]!.queuedAt >= last.queuedAt) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }

  /** Drops all that are not to be kept, in one pass over all. */
  retain(isKept: (item: T) => boolean): void {
    // An array in order is a heap.
    this.#items = this.#items.filter(isKept).sort((a, b) => a.queuedAt - b.queuedAt);
  }

  clear(): void {
    this.#items = [];
  }
}
