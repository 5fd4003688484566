import { type Clock, type Logger, messageOf, pause } from '../../../core/index.js';
import type { Engine } from './engine.js';

export interface RemovalsParts {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly closing: AbortSignal;
}

/** At first after 200 ms, then every 30 s: for about 20 minutes. */
const TRIES = 45;
const LONGEST_PAUSE_MS = 30_000;

/** Removes containers, in the end, however often that fails at first. */
export class Removals {
  readonly #parts: RemovalsParts;
  readonly #pending = new Map<string, Promise<void>>();

  constructor(parts: RemovalsParts) {
    this.#parts = parts;
  }

  /** Removes a container, and what still runs in it, once `first` has come. Never rejects. */
  remove(id: string, first: Promise<unknown> = Promise.resolve()): Promise<void> {
    const known = this.#pending.get(id);
    if (known !== undefined) return known;
    const removed = first
      .catch(() => {})
      .then(() => this.#remove(id))
      .finally(() => this.#pending.delete(id));
    this.#pending.set(id, removed);
    return removed;
  }

  /** Resolves when those that are under way have ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending.values());
  }

  async #remove(id: string): Promise<void> {
    const { engine, clock, logger, closing } = this.#parts;
    let wait = 200;
    for (let tries = 1; tries <= TRIES; tries++) {
      try {
        await engine.remove(id);
        return;
      } catch (error) {
        const fields = { container: id, err: error };
        const text = `Container ${id.slice(0, 12)} could not be removed: ${messageOf(error)}.`;
        if (closing.aborted || tries === TRIES) {
          logger.error(fields, `${text} Remove it by hand.`);
          return;
        }
        logger.debug(fields, text);
      }
      await pause(clock, wait, closing);
      wait = Math.min(wait * 2, LONGEST_PAUSE_MS);
    }
  }
}
