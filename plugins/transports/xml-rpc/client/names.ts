import { RegistryError } from '../../../../core/errors.js';
import { type FeedParts, NameFeed } from './name-feed.js';

/**
 * The names that a program uses, each with its feed: so many and no more, the longest unused one makes room. Of many that
 * are asked for at once each is read, and then no more than so many are followed.
 */
export class Names {
  readonly #parts: FeedParts;
  /** The one that was used longest ago is the first. */
  readonly #feeds = new Map<string, NameFeed>();

  constructor(parts: FeedParts) {
    this.#parts = parts;
  }

  /** The feed of a name. LIMIT_REACHED where as many are watched as there may be. */
  use(name: string): NameFeed {
    let feed = this.#feeds.get(name);
    this.#feeds.delete(name);
    if (feed === undefined || feed.isClosed) {
      const { maxNames } = this.#parts.settings;
      if (!this.#shrinkTo(maxNames - 1)) {
        const text = `${maxNames} names are watched, which is the limit; raise cache.maxNames, or end some watches.`;
        throw new RegistryError('LIMIT_REACHED', text);
      }
      feed = new NameFeed(name, this.#parts, () => this.#shrinkTo(maxNames));
    }
    this.#feeds.set(name, feed);
    return feed;
  }

  close(): void {
    for (const feed of this.#feeds.values()) feed.close();
    this.#feeds.clear();
  }

  /** Lets go of those that nobody needs, until so many are left. Answers whether they are, or will be when those that begin have begun. */
  #shrinkTo(most: number): boolean {
    let isSoonLess = false;
    for (const [name, feed] of this.#feeds) {
      if (!feed.isClosed) {
        if (this.#feeds.size <= most) return true;
        // Who has just asked for a name is answered, also where many ask for many names at once.
        isSoonLess ||= feed.isBeginning;
        if (feed.isBeginning || feed.cache.isWatched) continue;
        feed.close();
      }
      this.#feeds.delete(name);
    }
    return this.#feeds.size <= most || isSoonLess;
  }
}
