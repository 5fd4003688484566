import type { Clock } from '../../../../core/clock.js';
import { RegistryError } from '../../../../core/errors.js';
import type { Instance } from './instance.js';

/** How one of several instances is chosen. */
export type Strategy = 'round-robin' | 'random' | 'least-recently-failed' | 'weighted';

const STRATEGIES: readonly Strategy[] = ['round-robin', 'random', 'least-recently-failed', 'weighted'];
/** A failure is forgotten after this: else one bad call would keep an instance out, or all calls with another, for good. */
const FAILURE_MS = 30_000;
/** Failures and turns that are remembered; the oldest make room. */
const REMEMBERED = 10_000;

/** Chooses among instances of a name, and remembers whose turn it was and which failed. */
export class Chooser {
  readonly #clock: Clock;
  /** By name: the instance that was chosen last. */
  readonly #turns = new Map<string, string>();
  /** By name and instance: when it was last told to have failed. */
  readonly #failures = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** One of them; undefined where there is none. A stale one only where all are. */
  choose(instances: readonly Instance[], by: Strategy = 'round-robin'): Instance | undefined {
    if (!STRATEGIES.includes(by)) {
      throw new RegistryError(
        'INVALID_ARGUMENT',
        `"${by}" is no way to choose; expected one of ${STRATEGIES.join(', ')}.`,
      );
    }
    const fresh = instances.filter(({ isStale }) => !isStale);
    const among = fresh.length > 0 ? fresh : instances;
    if (among.length < 2) return among[0];
    switch (by) {
      case 'random':
        return this.#any(among);
      case 'weighted':
        return this.#weighted(among);
      case 'least-recently-failed':
        return this.#inTurn(this.#leastRecentlyFailed(among));
      default:
        return this.#inTurn(among);
    }
  }

  /** A call to this instance failed. */
  failed(instance: Instance): void {
    remember(this.#failures, keyOf(instance), this.#clock.monotonic());
  }

  /** The one after the last that was chosen, in the order of their names. A client begins anywhere, so that not all begin with one. */
  #inTurn(among: readonly Instance[]): Instance | undefined {
    const name = among[0]?.name ?? '';
    const last = this.#turns.get(name);
    let chosen = last === undefined ? this.#any(among) : after(last, among);
    chosen ??= after('', among);
    if (chosen !== undefined) remember(this.#turns, name, chosen.instance);
    return chosen;
  }

  #any(among: readonly Instance[]): Instance | undefined {
    return among[Math.floor(this.#clock.random() * among.length)];
  }

  #leastRecentlyFailed(among: readonly Instance[]): readonly Instance[] {
    const forgotten = this.#clock.monotonic() - FAILURE_MS;
    const times = among.map((one) => {
      const time = this.#failures.get(keyOf(one)) ?? forgotten;
      return time > forgotten ? time : Number.NEGATIVE_INFINITY;
    });
    // Not Math.min(...): there may be more instances than a call may have arguments.
    const earliest = times.reduce((least, time) => Math.min(least, time), Number.POSITIVE_INFINITY);
    return among.filter((_, index) => times[index] === earliest);
  }

  /** Each as often as its weight says; one of weight 0 only where all are. */
  #weighted(among: readonly Instance[]): Instance | undefined {
    const total = among.reduce((sum, { weight }) => sum + weight, 0);
    if (total === 0) return this.#any(among);
    let left = this.#clock.random() * total;
    for (const one of among) {
      left -= one.weight;
      if (left < 0) return one;
    }
    return among.findLast(({ weight }) => weight > 0);
  }
}

/** The first of them after an instance name, in the order of these. */
function after(last: string, among: readonly Instance[]): Instance | undefined {
  let first: Instance | undefined;
  for (const one of among) {
    if (one.instance > last && (first === undefined || one.instance < first.instance)) first = one;
  }
  return first;
}

function keyOf({ name, instance }: Instance): string {
  return `${name}\u0000${instance}`;
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= REMEMBERED) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
