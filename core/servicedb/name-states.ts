/** The number of a change that is not there. */
export const NO_CHANGE = -1;

/** What is known of one name that has changed since boot, or that somebody watches. */
export class NameState {
  readonly name: string;
  /** Of its last change; where that is not known exactly, one that is not before it. */
  revision: number;
  /** The number of its last change in the log. */
  last = NO_CHANGE;
  /** Its neighbours in the ring of names without instances; undefined where it is not in there. */
  older: NameState | undefined;
  newer: NameState | undefined;
  /** Who is to be told of its changes. */
  watchers: Set<() => void> | undefined;

  constructor(name: string, revision: number) {
    this.name = name;
    this.revision = revision;
  }
}

/**
 * The last revision of every name. Names that have not changed since boot share one, the revision of boot. Names without
 * instances are remembered up to a number; those without instances that were forgotten, or never were, share one as
 * well: it is that of the last one forgotten, so that it is not before any of theirs.
 */
export class NameStates {
  readonly #remembered: number;
  readonly #hasInstances: (name: string) => boolean;
  readonly #states = new Map<string, NameState>();
  #boot = 0;
  #forgotten = 0;
  /** The names without instances, in a ring: after the newest comes the oldest. */
  #newest: NameState | undefined;
  #inRing = 0;

  constructor(hasInstances: (name: string) => boolean, remembered: number) {
    this.#hasInstances = hasInstances;
    this.#remembered = remembered;
  }

  startAt(revision: number): void {
    this.#boot = revision;
    this.#forgotten = revision;
  }

  get(name: string): NameState | undefined {
    return this.#states.get(name);
  }

  /** The state of a name that is about to change, or that is watched from now on: it is not to be forgotten. */
  hold(name: string): NameState {
    let state = this.#states.get(name);
    if (state === undefined) {
      state = new NameState(name, this.#shared(name));
      this.#states.set(name, state);
    } else if (state.older !== undefined) {
      this.#leaveRing(state);
    }
    return state;
  }

  /** A name may be forgotten if it has no instances, and nobody watches it. */
  release(name: string): void {
    const state = this.#states.get(name);
    if (state === undefined || state.older !== undefined || state.watchers !== undefined) return;
    if (this.#hasInstances(name)) return;
    // Of one that has never changed nothing is known that is not known of all.
    if (state.last === NO_CHANGE) this.#states.delete(name);
    else this.#joinRing(state);
  }

  /** It never falls, and rises with every change of the name. */
  lastChange(name: string): number {
    return this.#states.get(name)?.revision ?? this.#shared(name);
  }

  #shared(name: string): number {
    // Most registries never forget one, and need not look.
    return this.#forgotten === this.#boot || this.#hasInstances(name) ? this.#boot : this.#forgotten;
  }

  #joinRing(state: NameState): void {
    const newest = this.#newest ?? state;
    const oldest = newest.newer ?? state;
    state.older = newest;
    state.newer = oldest;
    newest.newer = state;
    oldest.older = state;
    this.#newest = state;
    if (++this.#inRing <= this.#remembered) return;
    this.#leaveRing(oldest);
    this.#states.delete(oldest.name);
    this.#forgotten = Math.max(this.#forgotten, oldest.revision);
  }

  #leaveRing(state: NameState): void {
    const { older, newer } = state;
    if (older === undefined || newer === undefined) return;
    older.newer = newer;
    newer.older = older;
    if (this.#newest === state) this.#newest = older === state ? undefined : older;
    state.older = undefined;
    state.newer = undefined;
    this.#inRing -= 1;
  }
}
