import type { Clock } from '../../../../core/clock.js';
import { messageOf, RegistryError } from '../../../../core/errors.js';
import { XmlRpcFault } from '../faults.js';
import { readMethodAnswer } from '../reader.js';
import type { XmlRpcValue } from '../values.js';
import { writeCall } from '../writer.js';
import { parseAddress } from './address.js';
import { isAway, RegistryFault, unreachable } from './failures.js';
import { type ClientTls, Link, type PostOptions } from './link.js';
import { waitOf } from './waits.js';

/** Who answered a call: the same mark is the same process, as far as can be known. */
export interface Mark {
  readonly link: object;
  readonly session: number | undefined;
}

/** The answer to a call. */
export interface Answer {
  readonly value: XmlRpcValue;
  readonly from: Mark;
}

/** What one call may have otherwise than others. */
export type CallSettings = Partial<Omit<PostOptions, 'isWait'>>;

/** What calls a registry, and knows which one. */
export interface Calls {
  call(method: string, params: readonly XmlRpcValue[], options?: CallSettings): Promise<Answer>;
  /** The address of this machine that the registry is reached from, where it has been reached. */
  readonly localAddress: string | undefined;
  /** Whether a call made now would reach the one that answered then. */
  isSame(mark: Mark): boolean;
  /** The last call of a process that is about to end: nothing is waited for. Answers whether it was sent. */
  callAtExit(mark: Mark, method: string, params: readonly XmlRpcValue[]): boolean;
}

export interface LinksOptions {
  readonly clock: Clock;
  /** For a whole call, at each address; what the method itself waits comes on top. */
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly tls?: ClientTls | undefined;
  /** No registry answers, or one does again. */
  readonly onTurn?: (lost: RegistryError | undefined, url: string) => void;
}

/** An answer may hold many instances; its bytes are bounded already. */
const ANSWER_LIMITS = { values: 10_000_000 };

/** Calls one registry of several: the one that answered last, or else the next that does. */
export class Links implements Calls {
  readonly #links: readonly Link[];
  readonly #options: LinksOptions;
  #current = 0;
  #isLost = false;

  /** @throws RegistryError INVALID_ARGUMENT for what is no address, and for none. */
  constructor(urls: readonly string[], options: LinksOptions) {
    if (urls.length === 0) throw new RegistryError('INVALID_ARGUMENT', 'No address of a registry was given.');
    this.#options = options;
    this.#links = urls.map((url) => new Link(parseAddress(url), options));
  }

  /**
   * Calls a method. Rejects with RegistryFault, with UNREACHABLE where none of the addresses answers, with what else was
   * refused, and with the reason of a signal that aborts.
   */
  async call(method: string, params: readonly XmlRpcValue[], options: CallSettings = {}): Promise<Answer> {
    const body = written(method, params);
    const waitMs = waitOf(method, params);
    const timeoutMs = options.timeoutMs ?? this.#options.timeoutMs + waitMs;
    const errors: Error[] = [];
    const first = this.#current;
    for (let tried = 0; tried < this.#links.length; tried++) {
      const at = (first + tried) % this.#links.length;
      const link = this.#links[at] as Link;
      try {
        const value = answerIn(await link.post(body, { ...options, timeoutMs, isWait: waitMs > 0 }), link);
        // A wait may end long after others found that the registry it waits at does not answer them.
        if (this.#current === first) this.#current = at;
        this.#turn(undefined, link);
        return { value, from: { link, session: link.session } };
      } catch (error) {
        if (!isAway(error) || options.isOnce) throw error;
        errors.push(error as Error);
      }
    }
    const lost = noneOf(errors, this.#links);
    this.#turn(lost, this.#links[first] as Link);
    throw errors.length === 1 ? errors[0] : lost;
  }

  get localAddress(): string | undefined {
    return this.#links[this.#current]?.localAddress;
  }

  isSame({ link, session }: Mark): boolean {
    const current = this.#links[this.#current];
    return link === current && session !== undefined && current?.session === session;
  }

  callAtExit(mark: Mark, method: string, params: readonly XmlRpcValue[]): boolean {
    return this.isSame(mark) && this.#links[this.#current]?.postAtExit(written(method, params)) === true;
  }

  close(): void {
    for (const link of this.#links) link.close();
  }

  #turn(lost: RegistryError | undefined, { address }: Link): void {
    const isLost = lost !== undefined;
    if (isLost === this.#isLost) return;
    this.#isLost = isLost;
    this.#options.onTurn?.(lost, address.url);
  }
}

/** A call that can't be written is the caller's mistake. */
function written(method: string, params: readonly XmlRpcValue[]): string {
  try {
    return writeCall(method, params);
  } catch (error) {
    throw new RegistryError('INVALID_ARGUMENT', `${method} can't be called so: ${messageOf(error)}.`, {
      cause: error,
    });
  }
}

function answerIn(body: Buffer, { address }: Link): XmlRpcValue {
  let answer: ReturnType<typeof readMethodAnswer>;
  try {
    answer = readMethodAnswer(body, ANSWER_LIMITS);
  } catch (error) {
    if (error instanceof XmlRpcFault)
      throw unreachable(address.url, `it answered no XML-RPC: ${error.message}`);
    throw error;
  }
  if (answer.fault !== undefined) throw new RegistryFault(answer.fault);
  return answer.value as XmlRpcValue;
}

/** One error for what all addresses said. */
function noneOf(errors: readonly Error[], links: readonly Link[]): RegistryError {
  const [first] = errors;
  const urls = links.map(({ address }) => address.url).join(', ');
  if (errors.length > 1) {
    const text = `No registry answered, of ${urls}. ${errors.map(messageOf).join(' ')}`;
    return new RegistryError('UNREACHABLE', text, { cause: new AggregateError(errors) });
  }
  return first instanceof RegistryError ? first : unreachable(urls, 'it is stopping');
}
