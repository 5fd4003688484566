import { createHash } from 'node:crypto';
import {
  type Clock,
  type Exit,
  type Logger,
  messageOf,
  RegistryError,
  type SpawnInput,
  shown,
} from '../../../core/index.js';
import { EndWatch } from './end-watch.js';
import type { SshSpec } from './options.js';
import { AnswerLost, type RemoteHost } from './remote-host.js';
import { findScript, lookScript, type RemoteName, signalScript, startScript } from './scripts.js';

const START_MS = 20_000;
/** The supervisor waits 10 s for an adoption. */
const LOOK_MS = 9_000;
const SIGNAL_MS = 9_000;
const MOST_DOUBTFUL = 1_000;
/** Now and then a shell ends without the answer that it was to give; what it began is ended, and it is begun again. */
const MOST_STARTS = 3;
/** A script that was sent may still be about to begin. */
const SECOND_LOOK_MS = 1_000;

/** How what this registry starts on a host is set up. */
export interface HostSettings {
  readonly address: string;
  readonly folder: string;
  readonly registryUrl: string | undefined;
}

/** The programs on one host. */
export class HostPrograms {
  readonly settings: HostSettings;
  readonly #host: RemoteHost;
  readonly #watch: EndWatch;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** Starts whose answer was lost: what they may have left running is ended when the host answers. */
  readonly #doubtful = new Set<string>();
  /** Signals that could not be sent, by the program's id: the last one is sent when the host answers. */
  readonly #owed = new Map<string, { readonly name: RemoteName; readonly signal: string }>();

  constructor(host: RemoteHost, settings: HostSettings, clock: Clock, logger: Logger) {
    this.#host = host;
    this.settings = settings;
    this.#clock = clock;
    this.#logger = logger;
    const { folder } = settings;
    this.#watch = new EndWatch({ host, folder, clock, logger, onBack: () => this.#settle() });
  }

  /** Starts a program; answers what names it for good. Rejects with SPAWN_FAILED, with nothing left running. */
  start(input: SpawnInput<SshSpec>): Promise<RemoteName> {
    return this.#start(input, MOST_STARTS);
  }

  /** Where the answer is lost, what may have been started is ended, and it is tried again. */
  async #start(input: SpawnInput<SshSpec>, tries: number): Promise<RemoteName> {
    const { service, instance, spec, signal, logFile } = input;
    const { folder } = this.settings;
    const id = idOf(instance);
    const nonce = this.#host.nonce();
    const script = startScript({
      nonce,
      folder,
      id,
      command: spec.command,
      cwd: spec.cwd ?? '.',
      log: spec.log ?? `${folder}/logs/${service}/${baseName(logFile)}`,
      env: { ...spec.env, ...this.#environment(input.env) },
    });
    let answer: string[];
    try {
      answer = await this.#host.run(nonce, script, { timeoutMs: START_MS, signal });
    } catch (error) {
      if (error instanceof AnswerLost) {
        await this.#undo(id);
        if (tries > 1 && !signal.aborted && !this.#doubtful.has(id)) return this.#start(input, tries - 1);
      }
      throw this.#failed(input, signal.aborted ? 'the start was given up' : messageOf(error), error);
    }
    const [verb = '', ...said] = answer;
    const name = verb === 'started' ? nameOf(id, said) : undefined;
    if (name === undefined) throw this.#failed(input, whyNot(verb, said, spec, this.settings), undefined);
    return name;
  }

  /** Whether that program still runs. Of one that does not, nothing is kept. */
  async isThere(name: RemoteName): Promise<boolean> {
    const { folder } = this.settings;
    const [verb] = await this.#ask((nonce) => lookScript(nonce, folder, name), LOOK_MS);
    return verb === 'same';
  }

  /** What runs by the name of that instance. */
  async find(instance: string): Promise<RemoteName | undefined> {
    return this.#find(idOf(instance));
  }

  ended(name: RemoteName): Promise<Exit> {
    return this.#watch.ended(name).finally(() => this.#owed.delete(name.id));
  }

  /** Sends a signal to the whole group. Rejects where the host can't be reached: then it is sent when it can. */
  async signal(name: RemoteName, signal: NodeJS.Signals): Promise<void> {
    this.#owed.delete(name.id);
    const { folder } = this.settings;
    const word = signal.replace(/^SIG/, '');
    try {
      const [verb] = await this.#ask((nonce) => signalScript(nonce, folder, name, word), SIGNAL_MS);
      if (verb === 'sent' || verb === 'gone') return;
    } catch (error) {
      this.#owed.set(name.id, { name, signal });
      throw error;
    }
    throw new Error(
      `the user on host "${this.#host.name}" may not send ${signal} to the group of process ${name.pid}`,
    );
  }

  close(): void {
    this.#watch.close();
    this.#host.close();
  }

  /** Runs what may be run twice: again where the answer was lost. */
  async #ask(script: (nonce: string) => string, timeoutMs: number): Promise<string[]> {
    const until = this.#clock.monotonic() + timeoutMs;
    const once = () => {
      const nonce = this.#host.nonce();
      return this.#host.run(nonce, script(nonce), { timeoutMs: until - this.#clock.monotonic() });
    };
    return once().catch((error) => {
      if (error instanceof AnswerLost && this.#clock.monotonic() < until) return once();
      throw error;
    });
  }

  async #find(id: string): Promise<RemoteName | undefined> {
    const { folder } = this.settings;
    const [verb, ...said] = await this.#ask((nonce) => findScript(nonce, folder, id), LOOK_MS);
    if (verb === 'none') return undefined;
    const name = verb === 'found' ? nameOf(id, said) : undefined;
    if (name === undefined) throw new Error(`host "${this.#host.name}" answered ${shown(String(verb), 64)}`);
    return name;
  }

  /** HOST and ROLLCALL_URL are said from where the registry stands: loopback there is not loopback here. */
  #environment(env: { readonly [name: string]: string }): { [name: string]: string } {
    const { address, registryUrl } = this.settings;
    const { ROLLCALL_URL, ...rest } = env;
    const url =
      registryUrl ?? (ROLLCALL_URL !== undefined && isLoopbackUrl(ROLLCALL_URL) ? undefined : ROLLCALL_URL);
    return {
      ...rest,
      ...(rest.HOST !== undefined && isLoopback(rest.HOST) && { HOST: address }),
      ...(url !== undefined && { ROLLCALL_URL: url }),
    };
  }

  /** Ends what a start may have left, now or when the host answers again. */
  async #undo(id: string): Promise<void> {
    // It ran before, so it is not what this start began.
    if (this.#watch.knows(id)) return;
    try {
      let name = await this.#find(id);
      if (name === undefined) {
        await new Promise<void>((resolve) => this.#clock.setTimer(SECOND_LOOK_MS, resolve));
        name = await this.#find(id);
      }
      if (name === undefined) return;
      await this.signal(name, 'SIGKILL');
      await this.ended(name);
    } catch (error) {
      if (this.#doubtful.size < MOST_DOUBTFUL) this.#doubtful.add(id);
      const { name } = this.#host;
      const text = `It is not known whether ${id} was started on host "${name}": ${messageOf(error)}`;
      this.#logger.warn({ host: name, err: error }, text);
    }
  }

  /** The host answers again. */
  #settle(): void {
    const doubtful = [...this.#doubtful];
    this.#doubtful.clear();
    for (const id of doubtful) this.#undo(id);
    for (const { name, signal } of [...this.#owed.values()]) {
      this.signal(name, signal as NodeJS.Signals).catch((error) => {
        this.#logger.warn({ err: error }, `${signal} could not be sent to ${name.id}: ${messageOf(error)}`);
      });
    }
  }

  #failed({ service, spec }: SpawnInput<SshSpec>, why: string, cause: unknown): RegistryError {
    const what = `Can't start ${shown(JSON.stringify(spec.command), 512)} of service "${service}" on "${spec.on}"`;
    return new RegistryError('SPAWN_FAILED', `${what}: ${why.replace(/\.$/, '')}.`, { cause });
  }
}

/** The name of an instance as the name of a folder: most are one. */
function idOf(instance: string): string {
  if (/^\w[\w.-]{0,199}$/.test(instance)) return instance;
  return `%${createHash('sha256').update(instance).digest('hex')}`;
}

function nameOf(id: string, said: readonly string[]): RemoteName | undefined {
  const [pid = '', startTime = '', bootId = ''] = said;
  const isName = /^\d{1,10}$/.test(pid) && /^\d{1,20}$/.test(startTime) && /^[\w-]{1,64}$/.test(bootId);
  return isName && Number(pid) > 1 ? { id, pid: Number(pid), startTime, bootId } : undefined;
}

function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
}

function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/.test(host);
}

function isLoopbackUrl(url: string): boolean {
  return !URL.canParse(url) || isLoopback(new URL(url).hostname);
}

/** What a start script said instead of `started`, and what to do. */
function whyNot(verb: string, said: readonly string[], spec: SshSpec, settings: HostSettings): string {
  const program = JSON.stringify(spec.command[0]);
  const rest = shown(said.join(' '), 256);
  switch (verb) {
    case 'unfit':
      return rest === '/proc'
        ? 'that host has no /proc, by which processes are told apart. It must be a Linux'
        : `that host has no ${rest}. Install it there (util-linux, coreutils or busybox have it)`;
    case 'unwritable':
      return `the folder ${rest} there can't be written. Set \`folder\` of the host to one that the user may write`;
    case 'taken':
      return 'an instance of that name has its folder there, and may run';
    case 'unlogged':
      return `its log file ${rest} there can't be written. Set \`log\` of the service`;
    case 'unplaced':
      return `there is no folder ${JSON.stringify(spec.cwd ?? '~')} there that the user may enter. Make it, or set \`cwd\``;
    case 'unfound':
      return rest === 'there'
        ? `${program} is not executable there for this user. Use chmod +x, or start it by its interpreter`
        : `there is no program ${program} there, or none on the PATH of commands by ssh. Install it, or give its full path`;
    case 'failed':
      return said[0] === '127'
        ? `${program} ended at once with code 127: the interpreter that its first line names is missing, or what it calls. See its log file there`
        : `${program} could not be executed there (code ${rest}): command and environment are too long, its disk is full, or it is no program for that machine. See its log file there`;
    case 'unstarted':
      return `it did not begin within 10 s. See whether that host has room for a process, and for files in ${settings.folder}`;
    default:
      return `that host answered ${JSON.stringify(shown([verb, ...said].join(' '), 256))}`;
  }
}
