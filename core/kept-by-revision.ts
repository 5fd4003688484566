/**
 * What was worked out of the records of a name, for as long as nothing of them changes: each with the revision at which the
 * name had last changed. It is bounded by the sizes that its values are given with; the oldest goes first.
 */
export class KeptByRevision<T> {
  readonly #mostSize: number;
  readonly #kept = new Map<string, { readonly revision: number; readonly value: T; readonly size: number }>();
  #size = 0;

  constructor(mostSize: number) {
    this.#mostSize = mostSize;
  }

  /** What was kept of a name, if this is still the revision at which it last changed. */
  get(name: string, lastChange: (name: string) => number): T | undefined {
    const kept = this.#kept.get(name);
    // The revision is looked up only where something is kept: in a large registry that is a wait for memory.
    if (kept === undefined || kept.revision === lastChange(name)) return kept?.value;
    this.#drop(name);
    return undefined;
  }

  keep(name: string, revision: number, value: T, size: number): void {
    this.#drop(name);
    this.#kept.set(name, { revision, value, size });
    this.#size += size;
    for (const oldest of this.#kept.keys()) {
      if (this.#size <= this.#mostSize) break;
      this.#drop(oldest);
    }
  }

  #drop(name: string): void {
    this.#size -= this.#kept.get(name)?.size ?? 0;
    this.#kept.delete(name);
  }
}
