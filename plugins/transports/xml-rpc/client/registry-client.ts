/// <reference lib="esnext.disposable" preserve="true" />
import { RegistryError } from '../../../../core/errors.js';
import type { AnswerOf, MethodName, ParamsOf } from '../methods/types.js';
import type { XmlRpcValue } from '../values.js';
import { Chooser, type Strategy } from './chooser.js';
import { safely } from './events.js';
import { Hold } from './hold.js';
import { type Instance, instanceFrom } from './instance.js';
import { Links } from './links.js';
import type { NameChange } from './name-cache.js';
import type { NameFeed } from './name-feed.js';
import { NameWatch } from './name-watch.js';
import { Names } from './names.js';
import {
  type ClientOptions,
  type ClientSettings,
  clientSettings,
  known,
  number,
  type RegisterOptions,
  registrationRequest,
} from './options.js';
import { Registration } from './registration.js';
import { untilAborted } from './until-aborted.js';
import { DEFAULT_WAIT_MS, LONGEST_WAIT_MS } from './waits.js';

/** What the registry knows of a name, and how long ago it said so. */
export interface Lookup {
  /** Those that may be called: the running ones; where none runs, the degraded ones; and last those that are stale. */
  readonly instances: readonly Instance[];
  /** Milliseconds since the registry last told of this name. */
  readonly ageMs: number;
  /** Whether changes are being followed. False while no registry answers: then this is how it was. */
  readonly isLive: boolean;
}

export interface LookupOptions {
  /** Asks the registry, whatever the cache has. */
  readonly fresh?: boolean;
  /** Gives up waiting. */
  readonly signal?: AbortSignal;
}

export interface ChooseOptions {
  /** `round-robin` unless it is given. */
  readonly by?: Strategy;
  /** Those that are to be considered. */
  readonly where?: (instance: Instance) => boolean;
  readonly signal?: AbortSignal;
}

export interface ResolveOptions extends ChooseOptions {
  /** How long an instance that has to be started is waited for, in milliseconds: 30,000 unless given, 300,000 at most. */
  readonly waitMs?: number;
}

export interface CallOptions {
  /** Instead of the client's and what the method itself waits. */
  readonly timeoutMs?: number;
  /** Never makes the call a second time, where it is not known what became of the first. `false` unless given. */
  readonly once?: boolean;
  readonly signal?: AbortSignal;
}

/** A name that is none of the door's own: those are held to their types. */
type OfPlugin<Name extends string> = Name extends MethodName ? never : Name;

const DEFAULT_URL = 'http://127.0.0.1:8800';

/**
 * A registry, as a program uses it: to register itself, and to find others. docs/client.md is its guide.
 *
 * Errors have a `code` of docs/errors.md: RegistryFault what the registry answered, RegistryError `UNREACHABLE` where none
 * did, `INVALID_ARGUMENT` what can't be asked.
 */
export class RegistryClient {
  readonly #settings: ClientSettings;
  readonly #links: Links;
  readonly #hold = new Hold();
  readonly #names: Names | undefined;
  readonly #chooser: Chooser;
  readonly #registrations = new Set<Registration>();
  /** Aborts what is under way when the client is closed. */
  readonly #end = new AbortController();
  #closing: Promise<void> | undefined;

  /**
   * Several addresses are tried in turn; one that answers is kept. Without any it is `ROLLCALL_URL`, which programs find in
   * their environment that Rollcall started, or `http://127.0.0.1:8800`. Nothing is connected to yet.
   */
  constructor(
    url: string | readonly string[] = process.env.ROLLCALL_URL || DEFAULT_URL,
    options?: ClientOptions,
  ) {
    this.#settings = clientSettings(options);
    const { clock, cache } = this.#settings;
    const onEvent = safely(this.#settings.onEvent);
    this.#links = new Links(typeof url === 'string' ? [url] : url, {
      ...this.#settings,
      onTurn: (lost, url) =>
        onEvent(lost === undefined ? { type: 'recovered', url } : { type: 'lost', error: lost }),
    });
    this.#chooser = new Chooser(clock);
    if (cache !== undefined) {
      this.#names = new Names({ calls: this.#links, clock, settings: cache, onEvent });
    }
  }

  /**
   * Registers an instance, and keeps it registered until what this answers is closed: with `close()`, at the end of an
   * `await using`, or when the process ends.
   */
  async register(name: string, options: RegisterOptions): Promise<Registration> {
    const request = registrationRequest(name, options);
    const parts = {
      calls: this.#links,
      clock: this.#settings.clock,
      hold: this.#hold,
      onEvent: safely(this.#settings.onEvent),
      kept: this.#registrations,
    };
    return this.#run((signal) => Registration.begin(request, parts, signal), options.signal);
  }

  /**
   * The instances of a name that may be called. The first time they are read from the registry; from then on they are
   * followed, and this asks nobody. UNREACHABLE only where there is nothing to answer from.
   */
  async lookup(name: string, options: LookupOptions = {}): Promise<Lookup> {
    known('lookup', options, ['fresh', 'signal']);
    if (options.fresh === true || this.#names === undefined) {
      const structs = await this.callWith(options, 'lookup', name);
      return { instances: structs.map(toInstance), ageMs: 0, isLive: true };
    }
    const feed = await this.#feed(name, options.signal);
    return { instances: feed.cache.callable(), ageMs: feed.ageMs, isLive: feed.isLive };
  }

  /** One of the instances that `lookup` answers. NO_INSTANCE where there is none. */
  async choose(name: string, options: ChooseOptions = {}): Promise<Instance> {
    known('choose', options, ['by', 'where', 'signal']);
    const chosen = await this.#choose(name, options);
    if (chosen === undefined) throw noInstance(name, options);
    return chosen;
  }

  /** As `choose`; where there is none, the registry is asked to start one, and it is waited for. NO_INSTANCE after that. */
  async resolve(name: string, options: ResolveOptions = {}): Promise<Instance> {
    known('resolve', options, ['by', 'where', 'waitMs', 'signal']);
    const waitMs = number('waitMs', options.waitMs, DEFAULT_WAIT_MS, [0, LONGEST_WAIT_MS]);
    const chosen = await this.#choose(name, options);
    if (chosen !== undefined) return chosen;
    const call = options.signal === undefined ? {} : { signal: options.signal };
    const resolved = toInstance(await this.callWith(call, 'resolve', name, waitMs / 1_000));
    if (options.where?.(resolved) === false) throw noInstance(name, options);
    return resolved;
  }

  /** A call to an instance failed: `choose` by `least-recently-failed` then takes others first. */
  failed(instance: Instance): void {
    this.#chooser.failed(instance);
  }

  /**
   * The changes of a name, for `for await`: first, as `registered`, the instances that there are, whatever their status. A
   * restart of the registry is not seen, only what has changed by it. Ends with the loop, with the signal, and with the client.
   */
  watch(name: string, options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<NameChange> {
    known('watch', options, ['signal']);
    if (this.#names === undefined) {
      throw new RegistryError(
        'INVALID_ARGUMENT',
        'watch needs the cache, which this client was told to do without.',
      );
    }
    return new NameWatch({
      signals: [this.#end.signal, options.signal],
      begin: () => {
        const feed = this.#openNames().use(name);
        return { cache: feed.cache, ready: () => feed.ready(), end: this.#hold.take() };
      },
    });
  }

  /** Instances of any name and status, by a query: docs/xml-rpc.md, `find`. Asks the registry. */
  async find(...params: ParamsOf<'find'>): Promise<readonly Instance[]> {
    return (await this.call('find', ...params)).map(toInstance);
  }

  /** Calls a method of the registry: docs/xml-rpc.md has them. Those of plugins answer `unknown`. */
  call<Name extends MethodName>(method: Name, ...params: ParamsOf<Name>): Promise<AnswerOf<Name>>;
  call<Name extends string>(method: OfPlugin<Name>, ...params: XmlRpcValue[]): Promise<unknown>;
  call(method: string, ...params: XmlRpcValue[]): Promise<unknown> {
    return this.callWith<string>({}, method, ...params);
  }

  /** As `call`, with options of the call. */
  callWith<Name extends MethodName>(
    options: CallOptions,
    method: Name,
    ...params: ParamsOf<Name>
  ): Promise<AnswerOf<Name>>;
  callWith<Name extends string>(
    options: CallOptions,
    method: OfPlugin<Name>,
    ...params: XmlRpcValue[]
  ): Promise<unknown>;
  callWith(options: CallOptions, method: string, ...params: XmlRpcValue[]): Promise<unknown> {
    return this.#run(async (signal) => {
      const { timeoutMs, once: isOnce } = options;
      const own = timeoutMs === undefined ? { signal, isOnce } : { signal, isOnce, timeoutMs };
      return (await this.#links.call(method, params, own)).value;
    }, options.signal);
  }

  /** Unregisters what this client registered, ends its watches and cuts its connections. Never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#end.abort(new RegistryError('STOPPING', 'This client is closed.'));
    await Promise.all([...this.#registrations].map((registration) => registration.close()));
    this.#names?.close();
    this.#links.close();
  }

  async #choose(name: string, { by, where, signal }: ChooseOptions): Promise<Instance | undefined> {
    const { instances } = await this.lookup(name, signal === undefined ? {} : { signal });
    return this.#chooser.choose(where === undefined ? instances : instances.filter(where), by);
  }

  async #feed(name: string, signal: AbortSignal | undefined): Promise<NameFeed> {
    const feed = this.#openNames().use(name);
    if (feed.isSettled) feed.touch();
    else await this.#run(() => feed.ready(), signal);
    return feed;
  }

  #openNames(): Names {
    this.#end.signal.throwIfAborted();
    return this.#names as Names;
  }

  /** Awaited by the program: keeps the process alive, and ends with the signal and with the client. */
  #run<T>(run: (signal: AbortSignal) => Promise<T>, given: AbortSignal | undefined): Promise<T> {
    return this.#hold.during(() => untilAborted(run, [this.#end.signal, given]));
  }
}

function noInstance(name: string, { where }: ChooseOptions): RegistryError {
  const text = `No instance of "${name}" that may be called${where === undefined ? '' : ' is as wanted'}.`;
  return new RegistryError('NO_INSTANCE', `${text} Start one; resolve() asks the registry to.`);
}

function toInstance(struct: object): Instance {
  return instanceFrom(struct as { readonly [member: string]: XmlRpcValue });
}
