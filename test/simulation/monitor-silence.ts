/** When an instance fell silent, and by which commit. */
interface Fall {
  readonly at: number;
  readonly revision: number;
}

/**
 * Mass silence once more, as the issue words it and as plainly as can be: it begins when more than a share of all, and at
 * least five, fell silent within a window, and ends when fewer than half of those it came to are silent still, or after a
 * time. Times are awake ones.
 */
export class SilenceRule {
  readonly #share: number;
  readonly #windowMs: number;
  readonly #maxMs: number;
  #fell = new Map<string, Fall>();
  #members: Set<string> | undefined;
  #most = 0;
  #beganAt = 0;
  /** The commit by which the first of those fell silent for whom it is mass silence. */
  since = 0;

  constructor({ share, windowMs, maxMs }: { share: number; windowMs: number; maxMs: number }) {
    this.#share = share;
    this.#windowMs = windowMs;
    this.#maxMs = maxMs;
  }

  get isOn(): boolean {
    return this.#members !== undefined;
  }

  get members(): ReadonlySet<string> {
    return this.#members ?? new Set();
  }

  /** Time has come to this. */
  pass(now: number): void {
    if (this.#members !== undefined && now >= this.#beganAt + this.#maxMs) this.#members = undefined;
  }

  fell(key: string, revision: number, now: number, total: number): void {
    if (this.#members !== undefined) {
      this.#members.add(key);
      this.#most = Math.max(this.#most, this.#members.size);
      return;
    }
    this.#fell.delete(key);
    this.#fell.set(key, { at: now, revision });
    for (const [other, { at }] of this.#fell) {
      if (now - at <= this.#windowMs) break;
      this.#fell.delete(other);
    }
    if (this.#fell.size < 5 || this.#fell.size <= total * this.#share) return;
    const [first] = this.#fell.values();
    this.begin(this.#fell.keys(), first?.revision ?? revision, now);
  }

  rose(key: string): void {
    this.#fell.delete(key);
    if (this.#members?.delete(key) && this.#members.size < this.#most / 2) this.#members = undefined;
  }

  /** It is on for these: also where it was on before a restart. */
  begin(keys: Iterable<string>, since: number, now: number): void {
    this.#members = new Set(keys);
    this.#most = this.#members.size;
    this.since = since;
    this.#beganAt = now;
    this.#fell = new Map();
  }

  /** Who fell silent within the window that ends now, as far as that may matter. */
  get falling(): ReadonlyMap<string, Fall> {
    return this.#fell;
  }

  end(): void {
    this.#members = undefined;
  }
}
