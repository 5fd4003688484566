import { KeyMap, type StoredEntry, type StoreReader } from '../../../../core/index.js';

/** All that a folder holds, in memory. */
export class FolderState implements Pick<StoreReader, 'load' | 'revisionOf' | 'entries'> {
  readonly #keys = new KeyMap<StoredEntry>();

  get size(): number {
    return this.#keys.size;
  }

  load({ collection, key, value, revision }: Parameters<StoreReader['load']>[0]): void {
    if (value === null) this.#keys.delete(collection, key);
    else this.#keys.set(collection, key, { collection, key, value, revision });
  }

  revisionOf(collection: string, key: string): number | undefined {
    return this.#keys.get(collection, key)?.revision;
  }

  *entries(): Iterable<StoredEntry> {
    for (const [, , entry] of this.#keys.entries()) yield entry;
  }
}
