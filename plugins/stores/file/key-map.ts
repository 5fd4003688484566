/** A map by collection and key: two lookups, where one long key would have to be put together each time. */
export class KeyMap<T> {
  readonly #collections = new Map<string, Map<string, T>>();

  get(collection: string, key: string): T | undefined {
    return this.#collections.get(collection)?.get(key);
  }

  set(collection: string, key: string, value: T): void {
    const keys = this.#collections.get(collection);
    if (keys === undefined) this.#collections.set(collection, new Map([[key, value]]));
    else keys.set(key, value);
  }

  delete(collection: string, key: string): void {
    this.#collections.get(collection)?.delete(key);
  }
}
