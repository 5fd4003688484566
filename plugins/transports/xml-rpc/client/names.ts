import { RegistryError } from '../../../../core/errors.js';
import { type FeedParts, NameFeed } from './name-feed.js';

/** The names that a program uses, each with its feed: so many and no more, the longest unused one makes room. */
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
      this.#makeRoom();
      feed = new NameFeed(name, this.#parts);
    }
    this.#feeds.set(name, feed);
    return feed;
  }

  close(): void {
    for (const feed of this.#feeds.values()) feed.close();
    this.#feeds.clear();
  }

  #makeRoom(): void {
    const { maxNames } = this.#parts.settings;
    let isSoonLess = false;
    for (const [name, feed] of this.#feeds) {
      if (!feed.isClosed) {
        if (this.#feeds.size < maxNames) return;
        // Who has just asked for a name is answered, also where many ask for many names at once.
        isSoonLess ||= feed.isBeginning;
        if (feed.isBeginning || feed.cache.isWatched) continue;
        feed.close();
      }
      this.#feeds.delete(name);
    }
    if (this.#feeds.size < maxNames || isSoonLess) return;
    const text = `${maxNames} names are watched, which is the limit; raise cache.maxNames, or end some watches.`;
    throw new RegistryError('LIMIT_REACHED', text);
  }
}
