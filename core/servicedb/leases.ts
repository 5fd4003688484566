import type { Clock, Timer } from '../clock.js';

/** One lease: until when it holds. Kept in the memory of its home alone; a heartbeat writes nothing. */
interface Lease {
  readonly key: string;
  /** On the monotonic clock. */
  dueAt: number;
  /** Where it stands in the heap: it may stand earlier than it is due, and is then put back when its turn comes. */
  queuedAt: number;
}

/** Below this many leases the heap is not tidied: it is too small to matter. */
const TIDY_FROM = 64;

/**
 * Which keys are to be looked at when. Setting one that is already set is O(1); the heap is put right only when a
 * deadline comes up, so that a million heartbeats move nothing, and one timer serves all.
 */
export class Leases {
  readonly #clock: Clock;
  readonly #onDue: (key: string) => void;
  readonly #leases = new Map<string, Lease>();
  /** A binary heap by `queuedAt`; dropped leases stay in it until their turn. */
  readonly #heap: Lease[] = [];
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, onDue: (key: string) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  get size(): number {
    return this.#leases.size;
  }

  /** How many stand in the queue, dropped ones that have not been tidied away included. */
  get queued(): number {
    return this.#heap.length;
  }

  has(key: string): boolean {
    return this.#leases.has(key);
  }

  /** How long the lease of `key` still holds; undefined where there is none. */
  leftMs(key: string): number | undefined {
    const lease = this.#leases.get(key);
    return lease && Math.max(0, lease.dueAt - this.#clock.monotonic());
  }

  /** The lease of `key` holds for `ms` from now. */
  set(key: string, ms: number): void {
    const dueAt = this.#clock.monotonic() + ms;
    const lease = this.#leases.get(key);
    if (lease !== undefined && lease.queuedAt <= dueAt) {
      lease.dueAt = dueAt;
      return;
    }
    const fresh = { key, dueAt, queuedAt: dueAt };
    this.#leases.set(key, fresh);
    this.#tidy();
    this.#push(fresh);
    this.#arm();
  }

  drop(key: string): void {
    if (this.#leases.delete(key)) this.#tidy();
  }

  close(): void {
    this.#timer?.cancel();
    this.#leases.clear();
    this.#heap.length = 0;
  }

  /** Instances that come and go would else leave their long leases behind: at most half of the heap is dropped ones. */
  #tidy(): void {
    if (this.#heap.length < TIDY_FROM || this.#heap.length < this.#leases.size * 2) return;
    const live = this.#heap.filter((lease) => this.#leases.get(lease.key) === lease);
    // An array in order is a heap.
    live.sort((a, b) => a.queuedAt - b.queuedAt);
    this.#heap.length = 0;
    for (const lease of live) this.#heap.push(lease);
  }

  #arm(): void {
    const first = this.#heap[0];
    if (first === undefined || first.queuedAt >= this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = first.queuedAt;
    this.#timer = this.#clock.setTimer(first.queuedAt - this.#clock.monotonic(), () => this.#run());
  }

  #run(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = this.#clock.monotonic();
    for (let lease = this.#heap[0]; lease !== undefined && lease.queuedAt <= now; lease = this.#heap[0]) {
      this.#pop();
      if (this.#leases.get(lease.key) !== lease) continue;
      if (lease.dueAt > now) {
        lease.queuedAt = lease.dueAt;
        this.#push(lease);
      } else {
        this.#leases.delete(lease.key);
        this.#onDue(lease.key);
      }
    }
    this.#arm();
  }

  #push(lease: Lease): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(lease);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up]!;
      if (parent.queuedAt <= lease.queuedAt) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = lease;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
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
  }
}
