import { STATUS_CODES, validateHeaderName, validateHeaderValue } from 'node:http';

/** Fields that say how an answer is carried, which is the listener's to say, and a door's never. */
const OWN_FIELDS: ReadonlySet<string> = new Set([
  ...['connection', 'content-length', 'date', 'keep-alive', 'transfer-encoding', 'trailer', 'upgrade'],
]);

/**
 * The header fields of a door's answer, without those that are the listener's. A string is a content type. Throws where
 * HTTP has no such status or field.
 */
export function answerFields(
  status: number,
  headers: Readonly<Record<string, string>> | string,
): Record<string, string> {
  // An answer below 200 would be no final one (RFC 9110 §15.2).
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new RangeError(`A door replied the status ${status}; expected an integer from 200 to 599`);
  }
  const given = typeof headers === 'string' ? { 'Content-Type': headers } : headers;
  const fields: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    if (!OWN_FIELDS.has(name.toLowerCase())) fields[name] = value;
  }
  return fields;
}

/** Writes the heads of answers as text. Much in them is the same from one to the next, so it is kept. */
export class AnswerHeads {
  readonly #keepAlive: string;
  #status = 0;
  #type = '';
  /** Of an answer with that status and type, to where its length follows. */
  #start = '';
  #date = '';

  constructor(keepAliveTimeoutMs: number) {
    const seconds = Math.floor(keepAliveTimeoutMs / 1000);
    this.#keepAlive = `Connection: keep-alive\r\nKeep-Alive: timeout=${seconds}\r\n\r\n`;
    this.tick(0);
  }

  /** Sets the time that answers carry, in milliseconds since 1970. */
  tick(now: number): void {
    this.#date = `Date: ${new Date(now).toUTCString()}\r\n`;
  }

  /** The head of an answer whose body has so many bytes. Throws as {@link answerFields} does. */
  head(
    status: number,
    headers: Readonly<Record<string, string>> | string,
    length: number,
    isLast: boolean,
  ): string {
    const end = isLast ? 'Connection: close\r\n\r\n' : this.#keepAlive;
    const start = typeof headers === 'string' ? this.#startOf(status, headers) : startOf(status, headers);
    // 204 and 304 end with their head (RFC 9110 §8.6).
    if (status === 204 || status === 304) return `${start}${this.#date}${end}`;
    return `${start}Content-Length: ${length}\r\n${this.#date}${end}`;
  }

  #startOf(status: number, type: string): string {
    if (status !== this.#status || type !== this.#type) {
      this.#start = startOf(status, type);
      this.#status = status;
      this.#type = type;
    }
    return this.#start;
  }
}

function startOf(status: number, headers: Readonly<Record<string, string>> | string): string {
  const lines = Object.entries(answerFields(status, headers)).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n${lines.join('')}`;
}
