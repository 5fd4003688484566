import type { Clock, Timer } from '../clock.js';
import { DueHeap } from '../due-heap.js';

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
/** What is done in one turn of the event loop, before others have theirs: so many steps, of which an end takes ten. */
const STEPS_AT_ONCE = 5_000;
const STEPS_OF_END = 10;

/**
 * Which keys are to be looked at when. Setting one that is already set is O(1); the heap is put right only when a
 * deadline comes up, so that a million heartbeats move nothing, and one timer serves all.
 */
export class Leases {
  readonly #clock: Clock;
  readonly #onDue: (key: string) => void;
  readonly #leases = new Map<string, Lease>();
  /** Dropped leases stay in it until their turn. */
  readonly #heap = new DueHeap<Lease>();
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
    return this.#heap.size;
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
    this.#heap.push(fresh);
    this.#arm();
  }

  drop(key: string): void {
    if (this.#leases.delete(key)) this.#tidy();
  }

  close(): void {
    this.#timer?.cancel();
    this.#leases.clear();
    this.#heap.clear();
  }

  /** Instances that come and go would else leave their long leases behind: at most half of the heap is dropped ones. */
  #tidy(): void {
    if (this.#heap.size < TIDY_FROM || this.#heap.size < this.#leases.size * 2) return;
    this.#heap.retain((lease) => this.#leases.get(lease.key) === lease);
  }

  #arm(): void {
    const { first } = this.#heap;
    if (first === undefined || first.queuedAt >= this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = first.queuedAt;
    const waitMs = Math.max(first.queuedAt - this.#clock.monotonic(), 0);
    this.#timer = this.#clock.setTimer(waitMs, () => this.#run());
  }

  #run(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = this.#clock.monotonic();
    let steps = 0;
    for (
      let lease = this.#heap.first;
      lease !== undefined && lease.queuedAt <= now;
      lease = this.#heap.first
    ) {
      if (steps >= STEPS_AT_ONCE) break;
      steps += 1;
      this.#heap.pop();
      if (this.#leases.get(lease.key) !== lease) continue;
      if (lease.dueAt > now) {
        lease.queuedAt = lease.dueAt;
        this.#heap.push(lease);
      } else {
        this.#leases.delete(lease.key);
        steps += STEPS_OF_END;
        this.#onDue(lease.key);
      }
    }
    this.#arm();
  }
}
