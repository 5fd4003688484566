import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Change, FeedEvent } from '../../../core/microdb/index.js';
import type { Instance } from './instances.js';

/** What a watcher was told, as revisions. */
export function revisionsOf(event: FeedEvent): string {
  return 'compacted' in event ? `compacted ${event.revision}` : event.map(({ revision }) => revision).join();
}

/**
 * Keeps a copy of a collection by what it is told, as somebody does who relies on the feed, and notes whatever it could
 * stumble over: a commit told in part, twice or too late, one that is missing.
 */
export class Ledger {
  readonly copy = new Map<string, Instance>();
  readonly faults: string[] = [];
  /** How often it was told that it fell behind, and read the collection anew. */
  restarts = 0;
  known: number;
  readonly #readAll: () => Iterable<Instance>;

  constructor(known: number, readAll: () => Iterable<Instance>) {
    this.known = known;
    this.#readAll = readAll;
    this.#readAnew();
  }

  readonly take = (event: FeedEvent): void => {
    if ('compacted' in event) {
      if (event.revision < this.known) this.faults.push(`compacted ${event.revision} after ${this.known}`);
      this.restarts++;
      this.known = event.revision;
      this.#readAnew();
      return;
    }
    const [first] = event;
    if (first === undefined || first.revision !== this.known + 1) {
      this.faults.push(`${revisionsOf(event)} after ${this.known}`);
    }
    for (const change of event) this.#apply(change, first?.revision);
    this.known = first?.revision ?? this.known;
  };

  #apply({ revision, key, value }: Change, ofFirst: number | undefined): void {
    if (revision !== ofFirst) this.faults.push(`${revision} together with ${ofFirst}`);
    if (value === null) this.copy.delete(key.join());
    else this.copy.set(key.join(), value as Instance);
  }

  #readAnew(): void {
    this.copy.clear();
    for (const record of this.#readAll()) this.copy.set([record.name, record.instance].join(), record);
  }
}

export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

/** How many of these objects somebody still holds. */
export async function heldOf(references: readonly WeakRef<object>[]): Promise<number> {
  // A WeakRef that was made or looked at holds its object until the turn ends.
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  return references.filter((reference) => reference.deref() !== undefined).length;
}
