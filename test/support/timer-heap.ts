/** A timer that is set: where it stands in its heap, or -1 once it is out of it. */
export interface Pending {
  readonly due: number;
  readonly order: number;
  readonly run: () => void;
  at: number;
}

/** Timers by when they are due, and those due at once in the order in which they were set. A binary heap. */
export class TimerHeap {
  readonly #heap: Pending[] = [];

  get size(): number {
    return this.#heap.length;
  }

  get first(): Pending | undefined {
    return this.#heap[0];
  }

  add(pending: Pending): void {
    this.#heap.push(pending);
    this.#rise(pending, this.#heap.length - 1);
  }

  /** Takes one out; that it is out already does no harm. */
  remove(pending: Pending): void {
    const { at } = pending;
    if (at < 0) return;
    pending.at = -1;
    const last = this.#heap.pop() as Pending;
    if (last === pending) return;
    // What takes its place came from elsewhere in the heap, and may belong above it as well as below.
    this.#rise(last, at);
    this.#sink(last, last.at);
  }

  #rise(pending: Pending, at: number): void {
    const heap = this.#heap;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up] as Pending;
      if (!isBefore(pending, parent)) break;
      heap[at] = parent;
      parent.at = at;
      at = up;
    }
    heap[at] = pending;
    pending.at = at;
  }

  #sink(pending: Pending, at: number): void {
    const heap = this.#heap;
    for (;;) {
      let below = at * 2 + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1] as Pending, heap[below] as Pending)) below += 1;
      const child = heap[below] as Pending;
      if (!isBefore(child, pending)) break;
      heap[at] = child;
      child.at = at;
      at = below;
    }
    heap[at] = pending;
    pending.at = at;
  }
}

function isBefore(a: Pending, b: Pending): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order);
}
