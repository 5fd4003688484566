import type { Clock, Timer } from '../../../../core/clock.js';
import type { AnswerOf, MethodName, ParamsOf } from '../methods/types.js';
import type { XmlRpcValue } from '../values.js';
import { backoffMs, pause } from './backoff.js';
import type { OnEvent } from './events.js';
import { isAway } from './failures.js';
import { type Instance, instanceFrom } from './instance.js';
import type { Calls } from './links.js';
import { NameCache, type NameChange } from './name-cache.js';
import type { CacheOptions } from './options.js';

export interface FeedParts {
  readonly calls: Calls;
  readonly clock: Clock;
  readonly settings: Required<CacheOptions>;
  readonly onEvent: OnEvent;
}

/** Instances that are read in one call. */
const PAGE = 1_000;
/** Between attempts while no registry answers. */
const LONGEST_PAUSE_MS = 5_000;

/**
 * Keeps a NameCache as the registry has it: reads all instances of a name, then waits for changes (`wait_for_change`).
 * While no registry answers the cache stays as it was.
 */
export class NameFeed {
  readonly name: string;
  readonly cache = new NameCache();
  readonly #parts: FeedParts;
  readonly #end = new AbortController();
  /** On the monotonic clock: when the registry last told of this name. Undefined where it never did. */
  #toldAt: number | undefined;
  #usedAt: number;
  #isLive = false;
  /** Cursors that were refused, one right after another. */
  #resets = 0;
  #beginning: Promise<void> | undefined;
  #asking: Promise<void> | undefined;
  #askLater: Timer | undefined;
  #forget: Timer | undefined;

  /** Told when its first reading is over, done or failed. */
  readonly #onBegun: () => void;

  constructor(name: string, parts: FeedParts, onBegun: () => void = () => {}) {
    this.name = name;
    this.#parts = parts;
    this.#onBegun = onBegun;
    this.#usedAt = parts.clock.monotonic();
  }

  /** Whether changes are being told, as far as is known: a connection that broke in silence shows when a wait ends. */
  get isLive(): boolean {
    return this.#isLive;
  }

  /** Milliseconds since the registry last told of this name. */
  get ageMs(): number {
    return this.#toldAt === undefined
      ? Number.POSITIVE_INFINITY
      : this.#parts.clock.monotonic() - this.#toldAt;
  }

  get isClosed(): boolean {
    return this.#end.signal.aborted;
  }

  /** Somebody waits for its first reading. */
  get isBeginning(): boolean {
    return this.#beginning !== undefined;
  }

  /** Whether there is something to answer from at once. */
  get isSettled(): boolean {
    return this.#toldAt !== undefined && (this.#asking === undefined || this.cache.callable().length > 0);
  }

  /** It was used now. */
  touch(): void {
    this.#usedAt = this.#parts.clock.monotonic();
  }

  /**
   * Resolves when there is something to answer from: at once but for the first time. Rejects where the first reading fails;
   * the next call tries again.
   */
  async ready(): Promise<void> {
    this.touch();
    if (this.#toldAt === undefined) {
      this.#beginning ??= this.#begin();
      await this.#beginning;
    }
    // None may be called, but some are in error: the registry may know better.
    if (this.#asking !== undefined && this.cache.callable().length === 0) await this.#asking;
  }

  close(): void {
    if (this.isClosed) return;
    this.#isLive = false;
    this.#askLater?.cancel();
    this.#forget?.cancel();
    this.#end.abort(new DOMException('This name is not followed any more', 'AbortError'));
  }

  async #begin(): Promise<void> {
    let cursor: string;
    try {
      cursor = await this.#readAll('');
    } finally {
      this.#beginning = undefined;
      this.#onBegun();
    }
    void this.#follow(cursor);
  }

  async #follow(first: string): Promise<void> {
    const { clock, settings, onEvent } = this.#parts;
    let cursor = first;
    for (let failures = 0; !this.isClosed; ) {
      try {
        cursor = await this.#next(cursor);
        failures = 0;
        if (!this.cache.isWatched && clock.monotonic() - this.#usedAt > settings.idleMs) this.close();
      } catch (error) {
        this.#isLive = false;
        if (this.isClosed) return;
        failures += 1;
        // Links tells when no registry answers.
        if (!isAway(error)) onEvent({ type: 'problem', what: `"${this.name}" could not be followed`, error });
        await this.#breathe(failures).catch(() => {});
      }
    }
  }

  /** Waits for what comes after a cursor. Answers where to go on. */
  async #next(cursor: string): Promise<string> {
    const { clock, settings } = this.#parts;
    // After an absence the first answer comes at once, so that it is known that changes are being told again.
    const pollMs = this.#isLive ? settings.pollMs : 0;
    const began = clock.monotonic();
    const answer = await this.#call('wait_for_change', [cursor, pollMs / 1_000, this.name]);
    if (answer.reset) {
      // One is as it should be. Another right after it, and so on, comes of two registries behind one address, say.
      this.#resets += 1;
      if (this.#resets > 1) await this.#breathe(this.#resets - 1);
      return this.#readAll(answer.cursor);
    }
    this.#resets = 0;
    if (answer.changes.length > 0) {
      this.cache.apply(
        answer.changes.map(({ kind, instance }) => ({
          kind: kind as NameChange['kind'],
          instance: instanceFrom(instance as unknown as { [member: string]: XmlRpcValue }),
        })),
      );
    } else if (clock.monotonic() - began < pollMs / 2) {
      // A registry that does not wait, since it stops perhaps, is not asked in a tight loop.
      await this.#breathe(1);
    }
    this.#told();
    return answer.cursor;
  }

  #breathe(times: number): Promise<void> {
    const { clock } = this.#parts;
    return pause(backoffMs(times, LONGEST_PAUSE_MS, clock), clock, this.#end.signal);
  }

  /** Reads all instances, so that they are at least as new as the cursor it answers. */
  async #readAll(given: string): Promise<string> {
    const cursor = given === '' ? (await this.#call('wait_for_change', ['', 0, this.name])).cursor : given;
    const found: Instance[] = [];
    for (let last = 0; ; ) {
      // By ids, not by how many were read: one that goes between two pages would hide another, for good.
      const page = await this.#call('find', [{ name: this.name }, { after: last, limit: PAGE }]);
      for (const struct of page) {
        found.push(instanceFrom(struct as unknown as { [member: string]: XmlRpcValue }));
      }
      if (page.length < PAGE) break;
      last = found.at(-1)?.id ?? 0;
    }
    const { clock, settings } = this.#parts;
    const { rememberMs } = settings;
    this.cache.replace(found, rememberMs > 0 ? clock.monotonic() + rememberMs : undefined);
    this.#forgetMissing();
    this.#told();
    return cursor;
  }

  #forgetMissing(): void {
    const { clock } = this.#parts;
    const now = clock.monotonic();
    const next = this.cache.dropMissing(now);
    this.#forget?.cancel();
    this.#forget = next === undefined ? undefined : clock.setTimer(next - now, () => this.#forgetMissing());
  }

  #told(): void {
    this.#toldAt = this.#parts.clock.monotonic();
    this.#isLive = true;
    this.#heedSilence();
  }

  /**
   * In mass silence the registry answers those too that fell silent in it; no change tells that it began or ended, so it
   * has to be asked: at once where there is nobody else to be called, else once in a while.
   */
  #heedSilence(): void {
    const { clock, settings } = this.#parts;
    if (!this.cache.hasSilent) {
      this.cache.markStale(NOBODY);
    } else if (this.cache.callable().length === 0) {
      this.#asking ??= this.#askWhoIsStale();
    } else {
      this.#askLater ??= clock.setTimer(settings.pollMs * (0.5 + clock.random() / 2), () => {
        this.#askLater = undefined;
        this.#asking ??= this.#askWhoIsStale();
      });
    }
  }

  async #askWhoIsStale(): Promise<void> {
    try {
      const found = await this.#call('lookup', [this.name]);
      this.cache.markStale(
        new Set(found.flatMap(({ instance, stale }) => (stale === true ? [instance] : []))),
      );
    } catch {
      // Asked again when the next wait ends.
    } finally {
      this.#asking = undefined;
    }
  }

  async #call<Name extends MethodName>(method: Name, params: ParamsOf<Name>): Promise<AnswerOf<Name>> {
    const values = params as unknown as readonly XmlRpcValue[];
    const { value } = await this.#parts.calls.call(method, values, {
      signal: this.#end.signal,
      isBackground: true,
    });
    return value as AnswerOf<Name>;
  }
}

const NOBODY: ReadonlySet<string> = new Set();
