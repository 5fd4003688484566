import type { Client, ClientChannel, ConnectConfig } from 'ssh2';
import { type Clock, messageOf, RegistryError, shown, type Timer } from '../../../core/index.js';
import { algorithmsFor, fingerprintOf, type HostKey, isHostKey, typeOf } from './host-key.js';
import type { Ssh2 } from './load-ssh2.js';

const CONNECT_MS = 8_000;
const KEEPALIVE_MS = 5_000;
const MOST_SILENT_KEEPALIVES = 3;
/** Debian's sshd allows ten sessions a connection: four, and the watch. */
const MOST_RUNS = 4;
const MOST_WAITING = 2_000;
const MOST_BYTES = 64 * 1_024;
const MOST_SCRIPT_BYTES = 1024 * 1_024;

/** Where a host is, and who is to be met there. */
export interface RemoteHostOptions {
  /** Its name in the configuration. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly privateKey: Buffer;
  readonly hostKey: HostKey;
}

export interface RunOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** A script that may have run, though its answer never came. */
export class AnswerLost extends Error {}

/** The connection has no room for a session, or is none any more. */
class NoSession extends Error {}

/** One other machine, and the one connection to it, which is kept and made anew when it is needed again. */
export class RemoteHost {
  readonly name: string;
  readonly #ssh2: Ssh2;
  readonly #clock: Clock;
  readonly #options: RemoteHostOptions;
  #connection: Promise<Client> | undefined;
  #client: Client | undefined;
  #isClosed = false;
  #runs = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(ssh2: Ssh2, clock: Clock, options: RemoteHostOptions) {
    this.name = options.name;
    this.#ssh2 = ssh2;
    this.#clock = clock;
    this.#options = options;
  }

  /** A word that no line of a login shell's own begins with. */
  nonce(): string {
    return `rollcall-${this.#clock.uuid()}`;
  }

  /**
   * Runs a script by /bin/sh, and answers what follows the nonce on the first line that begins with it. Rejects with
   * what is in the way; with AnswerLost where it is not known whether the script ran.
   */
  async run(nonce: string, script: string, { timeoutMs, signal }: RunOptions): Promise<string[]> {
    if (Buffer.byteLength(script) > MOST_SCRIPT_BYTES) {
      throw new Error('command and environment are longer than 1 MiB together. Shorten them');
    }
    await this.#turn(timeoutMs, signal);
    try {
      return await this.#run(nonce, script, { timeoutMs, ...(signal && { signal }) });
    } finally {
      this.#runs -= 1;
      this.#waiting.shift()?.();
    }
  }

  /** Starts a script that stays. Its channel's end says nothing of the host. */
  async open(script: string, signal: AbortSignal): Promise<ClientChannel> {
    const channel = await this.#exec(signal);
    channel.write(script);
    return channel;
  }

  /** Lets go of a connection that does not answer. */
  drop(): void {
    this.#client?.destroy();
  }

  close(): void {
    this.#isClosed = true;
    this.drop();
    for (const go of this.#waiting.splice(0)) go();
  }

  /** Waits until less than four commands run, but no longer than one may take. */
  #turn(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      if (this.#waiting.length >= MOST_WAITING) {
        return reject(new Error(`${MOST_WAITING} commands wait for host "${this.name}" already`));
      }
      const end = () => {
        timer.cancel();
        signal?.removeEventListener('abort', giveUp);
      };
      const go = () => {
        end();
        this.#runs += 1;
        resolve();
      };
      const giveUp = () => {
        end();
        this.#waiting.splice(this.#waiting.indexOf(go), 1);
        reject(signal?.reason ?? new Error(`host "${this.name}" was busy for ${timeoutMs} ms`));
      };
      const timer = this.#clock.setTimer(timeoutMs, giveUp);
      signal?.addEventListener('abort', giveUp);
      if (this.#runs < MOST_RUNS) go();
      else this.#waiting.push(go);
    });
  }

  #run(nonce: string, script: string, { timeoutMs, signal }: RunOptions): Promise<string[]> {
    return new Promise((resolve, reject) => {
      let channel: ClientChannel | undefined;
      const over = new AbortController();
      let isOver = false;
      let text = '';
      let errors = '';
      const end = (settle: () => void) => {
        if (isOver) return;
        isOver = true;
        over.abort();
        timer.cancel();
        signal?.removeEventListener('abort', abort);
        channel?.close();
        settle();
      };
      const lost = (why: string) =>
        end(() => reject(channel === undefined ? new Error(why) : new AnswerLost(why)));
      const timer = this.#clock.setTimer(timeoutMs, () =>
        lost(`host "${this.name}" did not answer within ${timeoutMs} ms`),
      );
      const abort = () => lost('the start was given up');
      signal?.addEventListener('abort', abort);
      const begin = async () => {
        const opened = await this.#exec(over.signal);
        if (isOver) return void opened.close();
        channel = opened;
        opened.on('data', (chunk: Buffer) => {
          text += chunk.toString('latin1');
          const line = lineOf(text, nonce);
          if (line !== undefined) end(() => resolve(line));
          else if (text.length > MOST_BYTES)
            lost(`host "${this.name}" answered with more than ${MOST_BYTES} bytes`);
        });
        opened.stderr.on('data', (chunk: Buffer) => {
          if (errors.length < 1_024) errors += chunk.toString('utf8');
        });
        opened.on('error', (error: Error) => lost(messageOf(error)));
        opened.once('close', (code?: unknown) => lost(whyNoAnswer(this.name, text, errors, code)));
        opened.end(script);
      };
      begin().catch((error) => end(() => reject(error)));
    });
  }

  /** A session on the connection; on a new one where the one that was kept turns out to be lost. */
  async #exec(signal: AbortSignal): Promise<ClientChannel> {
    const kept = this.#client;
    const client = await this.#connected();
    try {
      return await startShell(client, this.name, this.nonce(), signal);
    } catch (error) {
      // Where the host refuses one, such as one too many, the connection is a good one.
      if (!(error instanceof NoSession) || client !== kept || /open failure/i.test(error.message))
        throw error;
      this.#lose(client);
      return startShell(await this.#connected(), this.name, this.nonce(), signal);
    }
  }

  #lose(client: Client): void {
    if (this.#client === client) this.#connection = undefined;
    client.destroy();
  }

  #connected(): Promise<Client> {
    if (this.#isClosed) return Promise.reject(new Error('the registry stops'));
    this.#connection ??= this.#connect();
    return this.#connection;
  }

  #connect(): Promise<Client> {
    const { privateKey, hostKey, host, port, user } = this.#options;
    const algorithms = algorithmsFor(hostKey);
    const client = new this.#ssh2.Client();
    this.#client = client;
    let offered: Buffer | undefined;
    const config: ConnectConfig = {
      host,
      port,
      username: user,
      privateKey,
      authHandler: ['publickey'],
      hostVerifier: (key: Buffer) => {
        offered = key;
        return isHostKey(hostKey, key);
      },
      ...(algorithms && { algorithms: { serverHostKey: algorithms as never } }),
      readyTimeout: CONNECT_MS,
      keepaliveInterval: KEEPALIVE_MS,
      keepaliveCountMax: MOST_SILENT_KEEPALIVES,
    };
    return new Promise((resolve, reject) => {
      let timer: Timer | undefined;
      const fail = (error: Error) => {
        timer?.cancel();
        this.#lose(client);
        reject(explained(this.#options, error, offered));
      };
      // Stays on: without a listener, an error that comes late would end the registry.
      client.on('error', fail);
      client.once('ready', () => {
        timer?.cancel();
        resolve(client);
      });
      client.once('close', () => fail(new Error('it closed the connection')));
      // ssh2's own time-out begins only once there is a socket.
      timer = this.#clock.setTimer(CONNECT_MS, () =>
        fail(new Error(`no connection within ${CONNECT_MS} ms`)),
      );
      try {
        client.connect(config);
      } catch (error) {
        fail(error as Error);
      }
    });
  }
}

/**
 * Starts /bin/sh, which reads its script from stdin: so the login shell, whichever it is, reads a few plain words only. The
 * script is sent when that shell has answered, since what a login shell's own files start might read it.
 */
function startShell(
  client: Client,
  name: string,
  nonce: string,
  signal: AbortSignal,
): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    const begun = (error: Error | undefined, channel: ClientChannel) => {
      if (error) return reject(new NoSession(error.message));
      let text = '';
      let errors = '';
      const fail = (why: string) => {
        channel.close();
        reject(new Error(why));
      };
      const abort = () => fail('it was given up');
      const read = (chunk: Buffer) => {
        text += chunk.toString('latin1');
        if (!text.includes(`${nonce}\n`)) {
          if (text.length > MOST_BYTES) fail(`host "${name}" answers with more than ${MOST_BYTES} bytes`);
          return;
        }
        channel.off('data', read);
        channel.off('close', closed);
        signal.removeEventListener('abort', abort);
        resolve(channel);
      };
      const closed = (code?: unknown) => fail(whyNoAnswer(name, text, errors, code));
      channel.on('data', read);
      channel.on('error', () => {});
      channel.on('close', closed);
      channel.stderr.on('data', (chunk: Buffer) => {
        if (errors.length < 1_024) errors += chunk.toString('utf8');
      });
      signal.addEventListener('abort', abort);
      if (signal.aborted) abort();
    };
    try {
      client.exec(`exec /bin/sh -c 'echo ${nonce}; exec /bin/sh -s'`, begun);
    } catch (error) {
      reject(new NoSession(messageOf(error)));
    }
  });
}

function lineOf(text: string, nonce: string): string[] | undefined {
  const at = text.indexOf(`${nonce} `);
  const end = at < 0 ? -1 : text.indexOf('\n', at);
  if (end < 0) return undefined;
  return Buffer.from(text.slice(at + nonce.length + 1, end), 'latin1')
    .toString('utf8')
    .split(' ');
}

function whyNoAnswer(name: string, text: string, errors: string, code: unknown): string {
  const said = shown((errors || text).trim(), 256);
  const how = typeof code === 'number' ? ` (code ${code})` : '';
  return `host "${name}" ended the command without an answer${how}${said && `: ${said}`}`;
}

function explained(options: RemoteHostOptions, error: Error, offered: Buffer | undefined): RegistryError {
  const { name, host, port, user, hostKey } = options;
  const where = `Host "${name}" (${user}@${host}:${port})`;
  const { level, code } = error as { level?: string; code?: string };
  const refused = (text: string) => new RegistryError('SPAWN_FAILED', `${where} ${text}.`, { cause: error });
  if (offered !== undefined && !isHostKey(hostKey, offered)) {
    return refused(
      `showed another key than \`hostKey\` says: ${shown(typeOf(offered), 64)} ${fingerprintOf(offered)}. Either another machine answers there, or its key is new. Compare with \`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\` on the host itself, and only where they are the same set it`,
    );
  }
  if (level === 'client-authentication') {
    return refused(
      `does not let the user "${user}" in with this \`privateKey\`. Add its public key to ~${user}/.ssh/authorized_keys there, or set \`user\``,
    );
  }
  if (/no matching host key/i.test(error.message)) {
    return refused(
      'has no key of the type that `hostKey` says. Take the line from one of its /etc/ssh/ssh_host_*_key.pub',
    );
  }
  switch (code) {
    case 'ECONNREFUSED':
      return refused('refuses connections: nothing listens there. Start sshd on it, or set `port`');
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return refused(`has a name that can't be resolved (${code}). Mend \`host\`, or the name server`);
    default:
      return refused(
        `can't be reached: ${shown(messageOf(error), 256)}. See whether it runs, and whether \`ssh -p ${port} ${user}@${host}\` works from here`,
      );
  }
}
