import { type Logger, messageOf } from '../../../core/index.js';
import { adviceFor } from './explain.js';

/** Says once that the engine is away, however many containers are asked for, and once that it is back. */
export class Outage {
  readonly #logger: Logger;
  readonly #socket: string;
  #isOn = false;

  constructor(logger: Logger, socket: string) {
    this.#logger = logger;
    this.#socket = socket;
  }

  begun(error: unknown): void {
    if (this.#isOn) return;
    this.#isOn = true;
    const why = adviceFor(error, this.#socket) ?? messageOf(error);
    const text = `The container engine at ${this.#socket} does not say how its containers are: ${why}`;
    this.#logger.warn({ socket: this.#socket, err: error }, `${text}. They are taken to run until it does.`);
  }

  over(): void {
    if (!this.#isOn) return;
    this.#isOn = false;
    this.#logger.info({ socket: this.#socket }, `The container engine at ${this.#socket} answers again.`);
  }
}
