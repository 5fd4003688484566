import type { Clock, Timer } from './clock.js';

/** How long a span is. */
const SPAN_MS = 60_000;

type Log = (fields: object, message: string) => void;

/** Keeps what clients bring about in masses from filling the log: the first lines are written, the rest counted. */
export class LogBudget {
  readonly #clock: Clock;
  readonly #write: Log;
  readonly #most: number;
  readonly #said = new Set<string>();
  #lines = 0;
  #timer: Timer | undefined;

  /** No more than `most` lines are written in a minute. */
  constructor(clock: Clock, most: number, write: Log) {
    this.#clock = clock;
    this.#most = most;
    this.#write = write;
  }

  log(fields: object, message: string): void {
    this.#lines += 1;
    this.#begin();
    if (this.#lines <= this.#most) this.#write(fields, message);
  }

  /** Writes what is said under this name no more than once in a span, beside all else. */
  once(name: string, fields: object, message: string): void {
    if (this.#said.has(name)) return;
    this.#said.add(name);
    this.#begin();
    this.#write(fields, message);
  }

  close(): void {
    this.#timer?.cancel();
  }

  #begin(): void {
    this.#timer ??= this.#clock.setTimer(SPAN_MS, () => {
      const unsaid = this.#lines - this.#most;
      if (unsaid > 0) {
        this.#write(
          { unsaid },
          `${unsaid} more such lines in a minute; rollcall show NAME says what ails a service.`,
        );
      }
      this.#lines = 0;
      this.#said.clear();
      this.#timer = undefined;
    });
  }
}
