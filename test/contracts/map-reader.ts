import {
  type Change,
  type Commit,
  deepFreeze,
  type FeedCommit,
  type JsonObject,
  type StoredEntry,
  type StoreReader,
} from '../../core/index.js';

/** How long the suite waits for the feed. */
const FEED_TIMEOUT_MS = 10_000;

/** A store's reader that keeps everything in a Map, and remembers what it was told. */
export class MapReader implements StoreReader {
  /** By collection and key, with a blank between. */
  readonly values = new Map<string, StoredEntry>();
  readonly feed: FeedCommit[] = [];
  readonly #waiting = new Set<() => void>();

  load({ collection, key, value, revision }: Parameters<StoreReader['load']>[0]): void {
    this.#set(collection, key, value, revision);
  }

  apply(commit: FeedCommit): void {
    this.feed.push(commit);
    for (const { collection, key, value } of commit.changes)
      this.#set(collection, key, value, commit.revision);
    for (const look of this.#waiting) look();
  }

  revisionOf(collection: string, key: string): number | undefined {
    return this.values.get(`${collection} ${key}`)?.revision;
  }

  entries(): Iterable<StoredEntry> {
    return this.values.values();
  }

  valueOf(collection: string, key: string): JsonObject | undefined {
    return this.values.get(`${collection} ${key}`)?.value;
  }

  /** Everything as it stands, in an order that does not depend on how it came about. */
  state(): StoredEntry[] {
    const order = [...this.values].sort(([a], [b]) => (a < b ? -1 : 1));
    return order.map(([, entry]) => entry);
  }

  /** Resolves once the feed has passed a revision. */
  async passed(revision: number): Promise<void> {
    const isPast = () => (this.feed.at(-1)?.revision ?? 0) >= revision;
    if (isPast()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new Error(`The feed did not deliver revision ${revision} within ${FEED_TIMEOUT_MS} ms.`));
      }, FEED_TIMEOUT_MS);
      const look = () => {
        if (!isPast()) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
    });
  }

  #set(collection: string, key: string, value: JsonObject | null, revision: number): void {
    if (value === null) this.values.delete(`${collection} ${key}`);
    else this.values.set(`${collection} ${key}`, { collection, key, value, revision });
  }
}

/** A commit of changes to the collection `things`. */
export function commitOf(
  changes: readonly (Omit<Change, 'collection'> & { readonly collection?: string })[],
  durability: Commit['durability'] = 'durable',
): Commit {
  return {
    changes: changes.map((change) => ({ collection: 'things', ...change, value: deepFreeze(change.value) })),
    by: { who: 'suite', door: 'internal' },
    durability,
  };
}
