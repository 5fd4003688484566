import type { RecordChange } from '../hooks.js';
import { NameStates, NO_CHANGE } from './name-states.js';

/** What came to a name, or to any, after a revision: whole commits, in their order. */
export interface Stretch {
  readonly changes: readonly RecordChange[];
  /** Where to read on: the last commit in `changes`; where that is all there is so far, the last revision of all. */
  readonly revision: number;
  /** The same came after every revision from this one on, */
  readonly from: number;
  /** and before this one: that of the first change; where there is none, the next there will be. */
  readonly first: number;
}

/**
 * The last changes of service records. Those of one name are chained to one another: what came to a name is found without a
 * look at what came to others, and one that is quiet is known to be so however much the others changed meanwhile.
 * In columns, so that to keep a change costs no object.
 */
export class ChangeLog {
  readonly #size: number;
  readonly #onError: (error: unknown) => void;
  readonly #names: NameStates;
  readonly #changes: RecordChange[] = [];
  readonly #revisions: number[] = [];
  /** For each change, the number and the revision of the one before it of the same name. */
  readonly #before: number[] = [];
  readonly #revisionsBefore: number[] = [];
  /** The number of the next change, from 0 up. Its place is that modulo the size. */
  #next = 0;
  /** The last revision of which a change is not here any more. */
  #lost = 0;
  #revision = 0;
  readonly #watchers = new Set<() => void>();
  /** How many watch a name, or all. */
  #watched = 0;

  constructor(options: {
    /** What is so right before a change that is pushed. */
    readonly hasInstances: (name: string) => boolean;
    /** Told of what a watcher throws. */
    readonly onError: (error: unknown) => void;
    /** So many changes are kept, */
    readonly size?: number;
    /** and so many names without instances. */
    readonly names?: number;
  }) {
    const { hasInstances, onError, size = 10_000, names = 100_000 } = options;
    this.#onError = onError;
    this.#size = size;
    this.#names = new NameStates(hasInstances, names);
  }

  /** The records are as of this revision; what led to it is not known. */
  startAt(revision: number): void {
    this.#lost = revision;
    this.#revision = revision;
    this.#names.startAt(revision);
  }

  /** Notes a change, right before it is made. Revisions rise, and those of one commit are the same. */
  push(revision: number, change: RecordChange): void {
    const state = this.#names.hold(nameOf(change));
    const at = this.#next % this.#size;
    if (this.#next >= this.#size) this.#lost = this.#revisions[at] as number;
    this.#changes[at] = change;
    this.#revisions[at] = revision;
    this.#before[at] = state.last;
    this.#revisionsBefore[at] = state.revision;
    state.last = this.#next++;
    state.revision = revision;
    this.#revision = revision;
  }

  /** A name has no instances any more. */
  emptied(name: string): void {
    this.#names.release(name);
  }

  /** The revision at which a name last changed, or any. See {@link NameStates.lastChange}. */
  lastChange(name: string | undefined): number {
    return name === undefined ? this.#revision : this.#names.lastChange(name);
  }

  /**
   * What came to a name, or to any, after a revision, about `limit` changes of it: a commit is never given in part, so
   * one that is larger comes alone. Undefined where some of it is no longer kept. `now` is the last revision of all.
   */
  after(since: number, name: string | undefined, limit: number, now: number): Stretch | undefined {
    if (name !== undefined) return this.#afterInName(since, name, limit, now);
    if (since < this.#lost) return undefined;
    const first = this.#firstAfter(since);
    const from = first === this.#oldest ? this.#lost : this.#revisionOf(first - 1);
    return this.#stretch(this.#next - first, (index) => first + index, limit, now, from);
  }

  /** Calls `wake` at each change of a name, or of any, until what is given back is called. */
  watch(name: string | undefined, wake: () => void): () => void {
    const state = name === undefined ? undefined : this.#names.hold(name);
    if (state !== undefined) state.watchers ??= new Set();
    const watchers = state?.watchers ?? this.#watchers;
    const own = () => {
      try {
        wake();
      } catch (error) {
        this.#onError(error);
      }
    };
    watchers.add(own);
    this.#watched += 1;
    return () => {
      if (!watchers.delete(own)) return;
      this.#watched -= 1;
      if (state === undefined || watchers.size > 0) return;
      state.watchers = undefined;
      this.#names.release(state.name);
    };
  }

  /** Wakes those who watch what these changes, which have been made, are of. */
  tell(changes: readonly RecordChange[]): void {
    if (this.#watched === 0) return;
    for (const wake of this.#watchers) wake();
    for (const change of changes) {
      const watchers = this.#names.get(nameOf(change))?.watchers;
      if (watchers !== undefined) for (const wake of watchers) wake();
    }
  }

  #afterInName(since: number, name: string, limit: number, now: number): Stretch | undefined {
    const found: number[] = [];
    let number = this.#names.get(name)?.last ?? NO_CHANGE;
    let from = this.#names.lastChange(name);
    while (from > since) {
      if (number < this.#oldest) return undefined;
      found.push(number);
      const at = number % this.#size;
      number = this.#before[at] as number;
      from = this.#revisionsBefore[at] as number;
    }
    return this.#stretch(
      found.length,
      (index) => found[found.length - 1 - index] as number,
      limit,
      now,
      from,
    );
  }

  /** The first of so many changes, the number of each of which `numberAt` gives. */
  #stretch(
    count: number,
    numberAt: (index: number) => number,
    limit: number,
    now: number,
    from: number,
  ): Stretch {
    const revisionAt = (index: number) => this.#revisionOf(numberAt(index));
    let end = count;
    if (count > limit) {
      // Back to where a commit ends; where none does, on to the end of the first.
      end = limit;
      while (end > 0 && revisionAt(end) === revisionAt(end - 1)) end--;
      if (end === 0) for (end = limit; end < count && revisionAt(end) === revisionAt(0); ) end++;
    }
    const changes = new Array<RecordChange>(end);
    for (let index = 0; index < end; index++) {
      changes[index] = this.#changes[numberAt(index) % this.#size] as RecordChange;
    }
    return {
      changes,
      revision: end === count ? now : revisionAt(end - 1),
      from,
      first: count === 0 ? now + 1 : revisionAt(0),
    };
  }

  get #oldest(): number {
    return Math.max(0, this.#next - this.#size);
  }

  #revisionOf(number: number): number {
    return this.#revisions[number % this.#size] as number;
  }

  /** The number of the first change after a revision. */
  #firstAfter(revision: number): number {
    let low = this.#oldest;
    let high = this.#next;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.#revisionOf(middle) > revision) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function nameOf({ record, previous }: RecordChange): string {
  return (record ?? previous)?.name ?? '';
}
