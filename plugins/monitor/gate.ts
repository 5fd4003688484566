import type { Clock, Timer } from '../../core/index.js';
import { Fifo, type Place } from './fifo.js';

/** How many checks there may be. */
export interface GateLimits {
  /** Under way at once, over all. */
  readonly inFlight: number;
  /** Under way at once on one host. */
  readonly perHost: number;
  /** Begun in a second. */
  readonly rate: number;
}

/** One check that wants to run. */
export interface Visitor {
  readonly kind: string;
  readonly host: string;
  /** Its turn has come. `leave` is to be called when it has ended. */
  enter(): void;
}

interface Kind {
  underWay: number;
  /** When it last had a turn, counted in turns. */
  turn: number;
  /** Lanes that have someone waiting and whose host was not full when they were put here. */
  readonly ready: Fifo<Lane>;
}

interface Host {
  underWay: number;
  readonly lanes: Map<string, Lane>;
}

/** Those who wait to check one host in one way, in the order in which they came. */
interface Lane {
  readonly kind: Kind;
  readonly host: Host;
  readonly visitors: Fifo<Visitor>;
  /** Its place among those of its kind that are ready, while it is. */
  place: Place<Lane> | undefined;
}

/** The rate is kept to over spans of at least this length: in one of them all that it allows may begin at once. */
const SPAN_MS = 50;

/**
 * The door through which every check goes, which bounds how many are under way, and how many begin. Where they have to
 * wait, a slot that falls free goes to the kind that has the fewest under way, of several to the one that had no turn for
 * longest, and within that to host after host: so neither a slow checker nor a host that answers nothing delays the others.
 */
export class Gate {
  readonly #clock: Clock;
  readonly #limits: GateLimits;
  readonly #kinds = new Map<string, Kind>();
  readonly #hosts = new Map<string, Host>();
  /** How many may begin in one span, and how long that is: for a low rate as long as it takes for one to be allowed. */
  readonly #perSpan: number;
  readonly #spanMs: number;
  #underWay = 0;
  #waiting = 0;
  #turns = 0;
  /** How many more may begin in the span that began at `#spanAt`. */
  #left = 0;
  #spanAt = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;

  constructor(clock: Clock, limits: GateLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#perSpan = Math.ceil((limits.rate * SPAN_MS) / 1_000);
    this.#spanMs = (this.#perSpan * 1_000) / limits.rate;
  }

  /** How many checks are under way. */
  get underWay(): number {
    return this.#underWay;
  }

  /** How many wait for their turn. */
  get waiting(): number {
    return this.#waiting;
  }

  /** How many hosts it has someone waiting for or under way on. */
  get hosts(): number {
    return this.#hosts.size;
  }

  /** How many kinds of checks on one host have their turn to come. */
  get ready(): number {
    let count = 0;
    for (const { ready } of this.#kinds.values()) count += ready.size;
    return count;
  }

  /** Lets one in, now or when its turn comes. Answers what takes back the wish, as long as it has not been let in. */
  ask(visitor: Visitor): () => void {
    const lane = this.#lane(visitor);
    const place = lane.visitors.push(visitor);
    this.#waiting += 1;
    this.#makeReady(lane);
    this.#admit();
    return () => {
      if (!lane.visitors.remove(place)) return;
      this.#waiting -= 1;
      this.#tidy(visitor, lane);
    };
  }

  /** One that was let in has ended. */
  leave({ kind, host }: Visitor): void {
    this.#underWay -= 1;
    this.#kind(kind).underWay -= 1;
    const at = this.#host(host);
    at.underWay -= 1;
    for (const lane of at.lanes.values()) this.#makeReady(lane);
    this.#forget(host, at);
    this.#admit();
  }

  close(): void {
    this.#timer?.cancel();
  }

  #admit(): void {
    while (this.#waiting > 0 && this.#underWay < this.#limits.inFlight) {
      if (!this.#isWithinRate()) return;
      const lane = this.#nextLane();
      if (lane === undefined) return;
      const visitor = lane.visitors.shift();
      if (visitor === undefined) continue;
      this.#waiting -= 1;
      this.#left -= 1;
      this.#underWay += 1;
      lane.kind.underWay += 1;
      lane.kind.turn = ++this.#turns;
      lane.host.underWay += 1;
      this.#makeReady(lane);
      this.#tidy(visitor, lane);
      visitor.enter();
    }
  }

  #isWithinRate(): boolean {
    const now = this.#clock.monotonic();
    if (now - this.#spanAt >= this.#spanMs) {
      this.#spanAt = now;
      this.#left = this.#perSpan;
    }
    if (this.#left > 0) return true;
    this.#timer ??= this.#clock.setTimer(this.#spanAt + this.#spanMs - now, () => {
      this.#timer = undefined;
      // Not by the clock again: a timer may fire a trifle early.
      this.#spanAt = Number.NEGATIVE_INFINITY;
      this.#admit();
    });
    return false;
  }

  /** The lane whose turn it is, taken out of those that are ready. */
  #nextLane(): Lane | undefined {
    let fewest: Kind | undefined;
    for (const kind of this.#kinds.values()) {
      if (this.#hasReady(kind) && (fewest === undefined || isBefore(kind, fewest))) fewest = kind;
    }
    const lane = fewest?.ready.shift();
    if (lane !== undefined) lane.place = undefined;
    return lane;
  }

  /** Whether a kind has a lane that is ready still; those that are not are put aside until their host has room. */
  #hasReady({ ready }: Kind): boolean {
    for (let lane = ready.first; lane !== undefined; lane = ready.first) {
      if (lane.host.underWay < this.#limits.perHost) return true;
      ready.shift();
      lane.place = undefined;
    }
    return false;
  }

  #makeReady(lane: Lane): void {
    if (lane.place !== undefined || lane.visitors.size === 0) return;
    if (lane.host.underWay < this.#limits.perHost) lane.place = lane.kind.ready.push(lane);
  }

  #lane({ kind, host }: Visitor): Lane {
    const at = this.#host(host);
    let lane = at.lanes.get(kind);
    if (lane === undefined) {
      lane = { kind: this.#kind(kind), host: at, visitors: new Fifo(), place: undefined };
      at.lanes.set(kind, lane);
    }
    return lane;
  }

  #kind(name: string): Kind {
    let kind = this.#kinds.get(name);
    if (kind === undefined) {
      kind = { underWay: 0, turn: 0, ready: new Fifo() };
      this.#kinds.set(name, kind);
    }
    return kind;
  }

  #host(name: string): Host {
    let host = this.#hosts.get(name);
    if (host === undefined) {
      host = { underWay: 0, lanes: new Map() };
      this.#hosts.set(name, host);
    }
    return host;
  }

  /** What nobody waits in or is under way on is not kept. */
  #tidy({ kind, host }: Visitor, lane: Lane): void {
    if (lane.visitors.size > 0) return;
    if (lane.place !== undefined) lane.kind.ready.remove(lane.place);
    lane.place = undefined;
    lane.host.lanes.delete(kind);
    this.#forget(host, lane.host);
  }

  #forget(name: string, host: Host): void {
    if (host.underWay === 0 && host.lanes.size === 0) this.#hosts.delete(name);
  }
}

function isBefore(a: Kind, b: Kind): boolean {
  return a.underWay < b.underWay || (a.underWay === b.underWay && a.turn < b.turn);
}
