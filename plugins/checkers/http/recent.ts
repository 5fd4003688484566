/** What was made for keys that were used lately, so that the many checks that have the same share it. */
export class Recent<K, V> {
  readonly #made = new Map<K, V>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  /** What was made for the key, or else what `make` makes now; what it throws is thrown. */
  get(key: K, make: () => V): V {
    const value = this.#made.has(key) ? (this.#made.get(key) as V) : make();
    // A Map keeps its order: the key that was used longest ago is the first, and makes room.
    this.#made.delete(key);
    this.#made.set(key, value);
    if (this.#made.size > this.#most) this.#made.delete(this.#made.keys().next().value as K);
    return value;
  }
}
