import { type Clock, type Due, DueHeap, type Timer } from '../../core/index.js';
import { Gate, type GateLimits, type Visitor } from './gate.js';

/** One check that comes round again and again. Times are the monotonic clock's. */
export interface Round {
  readonly kind: string;
  readonly host: string;
  /** Later than this after it was due, it is behind. */
  readonly intervalMs: number;
  /** Runs it once and answers when to run it next. The signal aborts when it is cancelled. Never rejects. */
  run(signal: AbortSignal): Promise<number>;
}

/** A round that has been added. */
export interface Scheduled {
  /** It is due at `at`, unless it is so sooner; where it runs just now, it does again at `at` or when that has ended. */
  hasten(at: number): void;
  /** It runs no more; a run under way is aborted. */
  cancel(): void;
}

/** How far behind checks are. */
export interface Backlog {
  readonly waiting: number;
  readonly lateMs: number;
}

/** A place in the heap. It is empty when its entry has moved on. */
interface Slot extends Due {
  entry: Entry | undefined;
}

/** Below this many slots the heap is not tidied: it is too small to matter. */
const TIDY_FROM = 64;
/** How many are looked at in one turn of the event loop: after a stall all may be due at once. */
const AT_ONCE = 1_000;

/**
 * When each check runs. One is run when its time has come and the gate lets it in; then it says itself when its time
 * comes again, so it never overlaps itself. One timer serves all.
 */
export class Schedule {
  readonly #clock: Clock;
  readonly #heap = new DueHeap<Slot>();
  readonly #onBehind: (backlog: Backlog) => void;
  /** Made anew for each run, they would be the dearest part of a check. No more than were ever under way at once. */
  readonly #controllers: AbortController[] = [];
  #timed = 0;
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  readonly gate: Gate;

  /** `onBehind` is called for each check that starts more than an interval late because others were before it. */
  constructor(clock: Clock, limits: GateLimits, onBehind: (backlog: Backlog) => void) {
    this.#clock = clock;
    this.#onBehind = onBehind;
    this.gate = new Gate(clock, limits);
  }

  /** How many checks wait for their time. */
  get timed(): number {
    return this.#timed;
  }

  /** How many places the heap has, those included that have moved on and are not tidied away. */
  get queued(): number {
    return this.#heap.size;
  }

  /** Runs a round at `firstAt` for the first time. */
  add(round: Round, firstAt: number): Scheduled {
    const entry = new Entry(round, this);
    entry.wait(firstAt);
    return entry;
  }

  close(): void {
    this.gate.close();
    this.#timer?.cancel();
    this.#heap.clear();
  }

  /** @internal For entries: gives one a place among those that wait for their time. */
  queue(entry: Entry, at: number): Slot {
    const slot = { queuedAt: at, entry };
    this.#heap.push(slot);
    this.#timed += 1;
    this.#arm();
    return slot;
  }

  /** @internal For entries. */
  unqueue(slot: Slot): void {
    slot.entry = undefined;
    this.#timed -= 1;
    if (this.#heap.size < TIDY_FROM || this.#heap.size < this.#timed * 2) return;
    this.#heap.retain((one) => one.entry !== undefined);
  }

  /** @internal For entries: one that was let in `lateMs` after its time begins. */
  begin(round: Round, lateMs: number): AbortController {
    if (lateMs > round.intervalMs) this.#onBehind({ waiting: this.gate.waiting, lateMs });
    return this.#controllers.pop() ?? new AbortController();
  }

  /** @internal For entries: one has ended. */
  end(controller: AbortController): void {
    if (!controller.signal.aborted) this.#controllers.push(controller);
  }

  /** @internal For entries. */
  now(): number {
    return this.#clock.monotonic();
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
    for (let left = AT_ONCE; left > 0; left--) {
      const slot = this.#heap.first;
      if (slot === undefined || slot.queuedAt > now) break;
      this.#heap.pop();
      const { entry } = slot;
      if (entry === undefined) continue;
      slot.entry = undefined;
      this.#timed -= 1;
      entry.ask(now);
    }
    this.#arm();
  }
}

/** One round: it waits for its time, or at the gate, or it runs. */
class Entry implements Visitor, Scheduled {
  readonly #round: Round;
  readonly #schedule: Schedule;
  #slot: Slot | undefined;
  #takeBack: (() => void) | undefined;
  /** There while it runs. */
  #controller: AbortController | undefined;
  #isCancelled = false;
  #askedAt = 0;
  /** When it is to run again at the latest, where that was said while it ran. */
  #againAt = Number.POSITIVE_INFINITY;

  constructor(round: Round, schedule: Schedule) {
    this.#round = round;
    this.#schedule = schedule;
  }

  get kind(): string {
    return this.#round.kind;
  }

  get host(): string {
    return this.#round.host;
  }

  wait(at: number): void {
    this.#slot = this.#schedule.queue(this, at);
  }

  hasten(at: number): void {
    if (this.#controller !== undefined) this.#againAt = at;
    if (this.#slot === undefined || this.#slot.queuedAt <= at) return;
    this.#schedule.unqueue(this.#slot);
    this.wait(at);
  }

  cancel(): void {
    this.#isCancelled = true;
    if (this.#slot !== undefined) this.#schedule.unqueue(this.#slot);
    this.#slot = undefined;
    this.#takeBack?.();
    this.#controller?.abort();
  }

  /** Its time has come. */
  ask(now: number): void {
    this.#slot = undefined;
    this.#askedAt = now;
    const takeBack = this.#schedule.gate.ask(this);
    // Let in at once, there is nothing to take back.
    if (this.#controller === undefined) this.#takeBack = takeBack;
  }

  /** The gate lets it in. */
  enter(): void {
    const schedule = this.#schedule;
    this.#takeBack = undefined;
    const controller = schedule.begin(this.#round, schedule.now() - this.#askedAt);
    this.#controller = controller;
    this.#round.run(controller.signal).then((nextAt) => {
      this.#controller = undefined;
      schedule.end(controller);
      if (!this.#isCancelled) this.wait(Math.min(nextAt, this.#againAt));
      this.#againAt = Number.POSITIVE_INFINITY;
      schedule.gate.leave(this);
    });
  }
}
