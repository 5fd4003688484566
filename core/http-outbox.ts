import type { ServerResponse } from 'node:http';

/** So many answers wait for each other at the most: the first must not wait for a thousand requests that came with it. */
const AT_ONCE = 32;

/**
 * Holds answers back until every request that arrived together has been worked on, and then writes them one right after
 * the other. Each write that finds its reader asleep has the kernel wake it, which costs more than all our own work
 * on a small request; of writes that follow at once only the first one does (docs/benchmarks.md).
 */
export class Outbox {
  #responses: ServerResponse[] = [];
  #bodies: (string | Buffer)[] = [];
  #isDue = false;
  readonly #flush = (): void => {
    this.#isDue = false;
    const responses = this.#responses;
    const bodies = this.#bodies;
    this.#responses = [];
    this.#bodies = [];
    for (let index = 0; index < responses.length; index++) {
      const response = responses[index];
      // To end one whose peer has gone meanwhile would be an error that nobody listens to.
      if (response?.destroyed === false) response.end(bodies[index]);
    }
  };

  /** Ends a response whose head is set, at the end of this turn of the event loop. */
  send(response: ServerResponse, body: string | Buffer): void {
    this.#responses.push(response);
    this.#bodies.push(body);
    if (this.#responses.length >= AT_ONCE) {
      this.#flush();
    } else if (!this.#isDue) {
      this.#isDue = true;
      setImmediate(this.#flush);
    }
  }
}
