import type { Opinion, Verdict } from '../../core/index.js';

/** What counts as swinging: so many returns within so many milliseconds. No returns: nothing does. */
export interface FlapRule {
  readonly returns: number;
  readonly windowMs: number;
}

/** How an instance is taken, by its checks alone. */
type Level = Verdict['status'];
/** From good to bad. */
const LEVELS: readonly Level[] = ['running', 'degraded', 'error'];

/**
 * Tells an instance that swings from one that had one bad moment. While it swings it is `degraded` and stays so, instead of
 * waking every watcher with each swing: callers get it where there is nothing better. It is let go once it has been
 * well for long enough that too few returns lie within the window; and once it stays dead, that is said.
 */
export class Flapping {
  readonly #rule: FlapRule;
  /** When it came back, which is when it got better after it had got worse. The oldest first; no more than the rule asks for. */
  readonly #returnedAt: number[] = [];
  #level: Level;
  /** Whether it last got worse. */
  #isDown: boolean;
  /** What is said as long as it swings. */
  #held: Opinion | undefined;

  constructor(rule: FlapRule, level: Level) {
    this.#rule = rule;
    this.#level = level;
    this.#isDown = level !== 'running';
  }

  /**
   * Takes what the checks make believed at `now`, and answers what is to be said. `isLasting`: what is believed has been
   * confirmed as often again as it took to believe it. `lastReason` says what was wrong when last something was.
   */
  judge(
    believed: Opinion | undefined,
    now: number,
    isLasting: boolean,
    lastReason: string,
  ): Opinion | undefined {
    const { returns, windowMs } = this.#rule;
    if (returns === 0) return believed;
    const level = levelOf(believed);
    const better = LEVELS.indexOf(this.#level) - LEVELS.indexOf(level);
    this.#level = level;
    if (better > 0 && this.#isDown) {
      this.#returnedAt.push(now);
      if (this.#returnedAt.length > returns) this.#returnedAt.shift();
    }
    if (better !== 0) this.#isDown = better < 0;
    const [first = 0] = this.#returnedAt;
    const isSwinging = this.#returnedAt.length === returns && now - first < windowMs;
    if (!isSwinging) this.#held = undefined;
    if (!isSwinging || (level === 'error' && isLasting)) return believed;
    this.#held ??= {
      status: 'degraded',
      reason: `flapping: came back ${returns} times within ${Math.round(windowMs / 1_000)} s; last it was ${lastReason}`,
    };
    return this.#held;
  }
}

/** The level of what the checks say, or said before a restart. */
export function levelOf(opinion: Opinion | undefined): Level {
  if (opinion === undefined) return 'running';
  return opinion.status === 'degraded' ? 'degraded' : 'error';
}
