import type { Lookup } from './service-reads.js';

/** Fewer instances are sooner gone through than kept. */
export const FEWEST_KEPT = 64;
/** Instances in all that is kept: 8 MB of references. */
const MOST_KEPT = 1_000_000;

/**
 * What was found of services with many instances, for as long as nothing of these changes: to go through a million of them
 * for each call that asks for one would hold up all others. The oldest goes first.
 */
export class KeptLookups {
  readonly #lookups = new Map<string, { readonly revision: number; readonly found: Lookup }>();
  #size = 0;

  /** What was found at this revision of the name. */
  get(name: string, revision: number): Lookup | undefined {
    const kept = this.#lookups.get(name);
    if (kept === undefined || kept.revision === revision) return kept?.found;
    this.#drop(name);
    return undefined;
  }

  keep(name: string, revision: number, found: Lookup): void {
    this.#drop(name);
    this.#lookups.set(name, { revision, found });
    this.#size += found.records.length;
    for (const oldest of this.#lookups.keys()) {
      if (this.#size <= MOST_KEPT) break;
      this.#drop(oldest);
    }
  }

  #drop(name: string): void {
    this.#size -= this.#lookups.get(name)?.found.records.length ?? 0;
    this.#lookups.delete(name);
  }
}
