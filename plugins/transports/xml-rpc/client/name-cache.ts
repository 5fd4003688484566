import { type Instance, withStale } from './instance.js';

/** What came to one instance. */
export interface NameChange {
  readonly kind: 'registered' | 'changed' | 'unregistered';
  readonly instance: Instance;
}

const NONE: readonly Instance[] = Object.freeze([]);

/** All instances of one name, whatever their status, as last told by a registry. Knows neither time nor network. */
export class NameCache {
  /** By `instance`, their name among themselves. */
  readonly #all = new Map<string, Instance>();
  /** Those that the registry did not know any more when it was read anew, and until when they are kept. */
  readonly #missing = new Map<string, number>();
  readonly #listeners = new Set<(touched: ReadonlySet<string>) => void>();
  #callable: readonly Instance[] | undefined;

  get(instance: string): Instance | undefined {
    return this.#all.get(instance);
  }

  keys(): Iterable<string> {
    return this.#all.keys();
  }

  /**
   * Those that may be called, as the registry's own `lookup` answers them: the running ones; where none runs, the degraded
   * ones; and then those that are stale.
   */
  callable(): readonly Instance[] {
    this.#callable ??= this.#select();
    return this.#callable;
  }

  /** Whether one is in error, which the registry may take for stale: only it can say. */
  get hasSilent(): boolean {
    for (const { status, instance } of this.#all.values()) {
      if (status === 'error' && !this.#missing.has(instance)) return true;
    }
    return false;
  }

  /** What came, in its order. */
  apply(changes: readonly NameChange[]): void {
    const touched = new Set<string>();
    for (const { kind, instance } of changes) {
      const key = instance.instance;
      // Registered anew it has another id, and may have been read already.
      if (kind === 'unregistered' && this.#all.get(key)?.id !== instance.id) continue;
      touched.add(key);
      this.#missing.delete(key);
      if (kind === 'unregistered') this.#all.delete(key);
      // Whether it is stale is not told with a change: it stays so until the registry is asked.
      else this.#all.set(key, withStale(instance, isStillStale(this.#all.get(key), instance)));
    }
    this.#tell(touched);
  }

  /**
   * All that there is, read anew. What was there before and may be called is kept as stale, until `dropMissing` finds that
   * it is `keptUntil` or later: a registry that was restarted hears of its services one after another. What was missing
   * already is kept no longer than it was going to be.
   */
  replace(instances: readonly Instance[], keptUntil: number | undefined): void {
    const touched = new Set(this.#all.keys());
    const before = [...this.#all.values()];
    const missing = new Map(this.#missing);
    this.#all.clear();
    this.#missing.clear();
    for (const instance of instances) {
      touched.add(instance.instance);
      this.#all.set(instance.instance, instance);
    }
    for (const instance of keptUntil === undefined ? NONE : before) {
      const { status, instance: key } = instance;
      if (this.#all.has(key) || (status !== 'running' && status !== 'degraded')) continue;
      this.#all.set(key, withStale(instance, true));
      this.#missing.set(key, missing.get(key) ?? (keptUntil as number));
    }
    this.#tell(touched);
  }

  /** Lets go of those that have been kept long enough at `now`. Answers when the next are to be let go of. */
  dropMissing(now: number): number | undefined {
    const touched = new Set<string>();
    let next: number | undefined;
    for (const [key, until] of this.#missing) {
      if (until > now) {
        next = Math.min(next ?? until, until);
        continue;
      }
      this.#missing.delete(key);
      this.#all.delete(key);
      touched.add(key);
    }
    this.#tell(touched);
    return next;
  }

  /** Which of those in error the registry answers as stale. */
  markStale(stale: ReadonlySet<string>): void {
    const touched = new Set<string>();
    for (const [key, instance] of this.#all) {
      if (this.#missing.has(key)) continue;
      const marked = withStale(instance, stale.has(key) && instance.status === 'error');
      if (marked === instance) continue;
      this.#all.set(key, marked);
      touched.add(key);
    }
    this.#tell(touched);
  }

  /** Has `listener` called with the keys of what may have changed. Answers a function that ends it. */
  subscribe(listener: (touched: ReadonlySet<string>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get isWatched(): boolean {
    return this.#listeners.size > 0;
  }

  #select(): readonly Instance[] {
    const running: Instance[] = [];
    const degraded: Instance[] = [];
    const stale: Instance[] = [];
    for (const instance of this.#all.values()) {
      if (instance.isStale) stale.push(instance);
      else if (instance.status === 'running') running.push(instance);
      else if (instance.status === 'degraded') degraded.push(instance);
    }
    const selected = [...(running.length > 0 ? running : degraded), ...stale];
    return selected.length === 0 ? NONE : Object.freeze(selected);
  }

  #tell(touched: ReadonlySet<string>): void {
    if (touched.size === 0) return;
    this.#callable = undefined;
    for (const listener of [...this.#listeners]) listener(touched);
  }
}

function isStillStale(before: Instance | undefined, now: Instance): boolean {
  return before?.isStale === true && before.status === 'error' && now.status === 'error';
}
