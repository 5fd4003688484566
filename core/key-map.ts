/**
 * A map by collection and key: two lookups, where one long key would have to be put together, and hashed, each time.
 */
export class KeyMap<T> {
  readonly #collections = new Map<string, Map<string, T>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(collection: string, key: string): T | undefined {
    return this.#collections.get(collection)?.get(key);
  }

  set(collection: string, key: string, value: T): void {
    let keys = this.#collections.get(collection);
    if (keys === undefined) {
      keys = new Map();
      this.#collections.set(collection, keys);
    }
    const before = keys.size;
    keys.set(key, value);
    this.#size += keys.size - before;
  }

  *entries(): Iterable<readonly [collection: string, key: string, value: T]> {
    for (const [collection, keys] of this.#collections) {
      for (const [key, value] of keys) yield [collection, key, value];
    }
  }

  delete(collection: string, key: string): void {
    if (this.#collections.get(collection)?.delete(key)) this.#size -= 1;
  }

  /** The keys of one collection. */
  keys(collection: string): Iterable<string> {
    return this.#collections.get(collection)?.keys() ?? [];
  }
}
