import { constants } from 'node:os';
import type { ClientChannel } from 'ssh2';
import { type Clock, type Exit, type Logger, messageOf, type Timer } from '../../../core/index.js';
import type { RemoteHost } from './remote-host.js';
import { type RemoteName, watchScript } from './scripts.js';

const LOOK_MS = 250;
/** The exit file says almost every end. To look at 100 processes takes a shell 50 ms: that is done every so many times. */
const DEEP_EVERY = 20;
const ANSWER_MS = 15_000;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 30_000;
const LONGEST_LINE = 4_096;

interface Watched {
  readonly name: RemoteName;
  readonly tell: (exit: Exit) => void;
}

/**
 * Notices the end of programs on one host, over one channel on which a script looks for all of them when it is asked to.
 * A lost connection says nothing of the programs: it is made again, after ever longer pauses, and they are looked for.
 */
export class EndWatch {
  readonly #host: RemoteHost;
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #watched = new Map<string, Watched>();
  /** Called when the host has answered again. */
  readonly #onBack: () => void;
  #channel: ClientChannel | undefined;
  #timer: Timer | undefined;
  #isOpening = false;
  readonly #closing = new AbortController();
  #isDown = false;
  #failures = 0;
  #looks = 0;

  constructor(parts: {
    readonly host: RemoteHost;
    readonly folder: string;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly onBack: () => void;
  }) {
    this.#host = parts.host;
    this.#folder = parts.folder;
    this.#clock = parts.clock;
    this.#logger = parts.logger;
    this.#onBack = parts.onBack;
  }

  /** Resolves once the program has ended. Two may watch the same one: an adopted and a found one are told together. */
  ended(name: RemoteName): Promise<Exit> {
    return new Promise((resolve) => {
      const others = this.#watched.get(name.id)?.tell;
      const tell = (exit: Exit) => {
        others?.(exit);
        resolve(exit);
      };
      this.#watched.set(name.id, { name, tell });
      if (others !== undefined) return;
      if (this.#channel === undefined) this.#open();
      else {
        this.#add(this.#channel, name);
        if (this.#timer === undefined) this.#pause(this.#channel);
      }
    });
  }

  /** Whether a program of this id is watched. */
  knows(id: string): boolean {
    return this.#watched.has(id);
  }

  close(): void {
    this.#closing.abort();
    this.#timer?.cancel();
    this.#channel?.close();
  }

  async #open(): Promise<void> {
    if (
      this.#closing.signal.aborted ||
      this.#isOpening ||
      this.#channel !== undefined ||
      this.#timer !== undefined
    )
      return;
    this.#isOpening = true;
    const nonce = this.#host.nonce();
    this.#await();
    try {
      const channel = await this.#host.open(watchScript(nonce, this.#folder), this.#closing.signal);
      // The shell reads ahead: it may get no more before it says that it has read its script.
      this.#listen(channel, nonce);
    } catch (error) {
      this.#isOpening = false;
      this.#again(error);
    }
  }

  #listen(channel: ClientChannel, nonce: string): void {
    let rest = '';
    channel.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString('latin1')).split('\n');
      rest = (lines.pop() ?? '').slice(-LONGEST_LINE);
      for (const line of lines) {
        const [first, verb, id = '', code = ''] = line.split(' ');
        if (first !== nonce) continue;
        if (verb === 'ready') this.#ready(channel);
        else if (verb === 'ended') this.#tell(channel, id, code);
        else if (verb === 'looked') this.#pause(channel);
      }
    });
    channel.stderr.resume();
    channel.on('error', () => {});
    channel.once('close', () => {
      this.#isOpening = false;
      this.#channel = undefined;
      this.#again(new Error('the connection was closed'));
    });
  }

  #ready(channel: ClientChannel): void {
    this.#isOpening = false;
    this.#channel = channel;
    this.#failures = 0;
    // Whatever ended while nobody looked is found out at once.
    this.#looks = DEEP_EVERY - 1;
    for (const { name } of this.#watched.values()) this.#add(channel, name);
    if (this.#isDown) {
      this.#logger.info({ host: this.#host.name }, `Host "${this.#host.name}" answers again.`);
      this.#isDown = false;
    }
    this.#onBack();
    this.#look(channel);
  }

  #add(channel: ClientChannel, { id, pid, startTime, bootId }: RemoteName): void {
    channel.write(`add ${id} ${pid} ${startTime} ${bootId}\n`);
  }

  #look(channel: ClientChannel): void {
    this.#timer = undefined;
    if (this.#channel !== channel) return;
    this.#looks += 1;
    channel.write(this.#looks % DEEP_EVERY === 0 ? 'deep\n' : 'look\n');
    this.#await();
  }

  #pause(channel: ClientChannel): void {
    this.#timer?.cancel();
    this.#timer =
      this.#watched.size === 0 ? undefined : this.#clock.setTimer(LOOK_MS, () => this.#look(channel));
  }

  /** Keepalives tell of a dead connection, but not of a script that hangs. */
  #await(): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(ANSWER_MS, () => this.#host.drop());
  }

  #tell(channel: ClientChannel, id: string, code: string): void {
    const watched = this.#watched.get(id);
    if (watched === undefined) return;
    this.#watched.delete(id);
    channel.write(`drop ${id}\n`);
    watched.tell(exitOf(code));
  }

  #again(error: unknown): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#closing.signal.aborted || this.#watched.size === 0) return;
    const { name } = this.#host;
    if (!this.#isDown) {
      const text = `Host "${name}" is not reached: ${messageOf(error).replace(/\.$/, '')}. What runs there is taken to run on.`;
      this.#logger.warn({ host: name }, text);
      this.#isDown = true;
    }
    const longest = Math.min(FIRST_RETRY_MS * 2 ** this.#failures, LAST_RETRY_MS);
    this.#failures = Math.min(this.#failures + 1, 16);
    const delayMs = longest / 2 + (this.#clock.random() * longest) / 2;
    this.#timer = this.#clock.setTimer(delayMs, () => {
      this.#timer = undefined;
      this.#open();
    });
  }
}

/** A shell tells a signal as 128 and its number (POSIX, 2.8.2 leaves it at "more than 128"). */
export function exitOf(code: string): Exit {
  if (!/^\d{1,3}$/.test(code)) return { code: null, signal: null };
  const status = Number(code);
  const signal = Object.entries(constants.signals).find(([, number]) => number === status - 128)?.[0];
  return signal === undefined ? { code: status, signal: null } : { code: null, signal };
}
