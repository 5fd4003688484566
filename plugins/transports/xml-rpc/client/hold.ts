/** Far off, and never looked at. */
const EVERY_MS = 2 ** 30;

/**
 * Keeps the process alive while a program awaits something. Timers and waiting connections of the client do not, so that
 * a program ends when its own work is done; but what it awaits must still come.
 */
export class Hold {
  #count = 0;
  #handle: NodeJS.Timeout | undefined;

  /** Holds until the function it answers is called. */
  take(): () => void {
    this.#count += 1;
    this.#handle ??= setInterval(() => {}, EVERY_MS);
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      this.#count -= 1;
      if (this.#count > 0) return;
      clearInterval(this.#handle);
      this.#handle = undefined;
    };
  }

  /** Holds until the promise is settled. */
  async during<T>(run: () => Promise<T>): Promise<T> {
    const release = this.take();
    try {
      return await run();
    } finally {
      release();
    }
  }
}
