import type { By, Change, Commit, StoreReader } from '../../../core/index.js';
import { encodeVolatile } from './format.js';

/** More keys than this waiting, and they are given up. The catalogue itself holds them; only a crash would lose them. */
const KEY_LIMIT = 100_000;

interface VolatileChange {
  readonly change: Pick<Change, 'collection' | 'key' | 'value'>;
  readonly by: By;
  readonly revision: number;
}

/** A value that is longer than this, in characters of JSON, is not written either. */
const LONGEST = 8_000_000;

/** Volatile changes that the feed has passed and no journal holds yet: the last one of each key. */
export class VolatileChanges {
  readonly #waiting = new Map<string, VolatileChange>();

  get size(): number {
    return this.#waiting.size;
  }

  /** Answers false where so many wait that all of them had to be given up. */
  put({ changes, by }: Commit, revision: number): boolean {
    for (const change of changes) {
      this.#waiting.set(`${change.collection}\u0001${change.key}`, { change, by, revision });
    }
    if (this.#waiting.size <= KEY_LIMIT) return true;
    this.#waiting.clear();
    return false;
  }

  /**
   * Encodes what waits, up to so many characters; what a later commit has superseded is dropped. `isLossy` where
   * something else had to be.
   */
  take(reader: StoreReader, chars: number): { texts: string[]; isLossy: boolean; written: () => void } {
    const texts: string[] = [];
    let isLossy = false;
    const taken: (readonly [string, VolatileChange])[] = [];
    let left = chars;
    for (const [at, waiting] of this.#waiting) {
      const { change, by, revision } = waiting;
      const present = reader.revisionOf(change.collection, change.key);
      if (change.value === null ? present !== undefined : present !== revision) {
        this.#waiting.delete(at);
        continue;
      }
      const text = encodeVolatile(revision, by, change);
      if (text.length > LONGEST) {
        this.#waiting.delete(at);
        isLossy = true;
        continue;
      }
      texts.push(text);
      taken.push([at, waiting]);
      left -= text.length;
      if (left <= 0) break;
    }
    const written = () => {
      for (const [at, waiting] of taken) if (this.#waiting.get(at) === waiting) this.#waiting.delete(at);
    };
    return { texts, isLossy, written };
  }
}
