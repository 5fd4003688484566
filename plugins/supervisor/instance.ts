import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type Exit,
  messageOf,
  type Opinion,
  parseArgument,
  pause,
  RegistryError,
  type SpawnedInstance,
  type Spawner,
} from '../../core/index.js';
import { orGiveUp } from './give-up.js';
import { lastLines, sizeOf } from './last-lines.js';
import { type ServiceOptions, spawnerPart } from './options.js';
import { OwnFault, Papers } from './papers.js';
import type { ProcessDocument, SupervisorContext } from './process-document.js';
import { untilReady } from './readiness.js';
import type { ProcessState } from './restart-policy.js';

/** How an instance ended, or why it could not be started. */
export interface InstanceEnd {
  readonly reason: string;
  /** The registry's own fault, such as a full disk. */
  readonly isBlameless: boolean;
}

/** Who is told what becomes of an instance. */
export interface InstanceListener {
  /** It can be called. */
  ready(): void;
  /** Nothing of it runs any more. Told once; answers what becomes of its place, and why. */
  ended(end: InstanceEnd): { readonly process: ProcessState; readonly reason: string };
}

/** What SIGKILL does not end in this time hangs in the kernel, and is reported. */
const KILL_MS = 5_000;

const STARTING: Opinion = Object.freeze({ status: 'starting', reason: 'is being started' });

/**
 * One instance, from the decision to start or adopt it to its end: its process, record and journal entry. Every start
 * is journalled before and after, so that the next registry knows of it whenever this one dies.
 */
export class Instance {
  readonly #context: SupervisorContext;
  readonly #options: ServiceOptions;
  readonly #spawner: Spawner;
  readonly #listener: InstanceListener;
  readonly #papers: Papers;
  #handle: SpawnedInstance | undefined;
  /** Aborts when it is to be started no further. */
  readonly #halt = new AbortController();
  /** Aborts when it has ended. */
  readonly #end = new AbortController();
  #started: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | undefined;
  #failure: InstanceEnd | undefined;
  /** How long the log file was when it was started. */
  #logFrom = 0;
  #isReady = false;
  #isLeft = false;

  constructor(
    context: SupervisorContext,
    parts: {
      readonly document: ProcessDocument;
      readonly options: ServiceOptions;
      readonly spawner: Spawner;
      readonly listener: InstanceListener;
    },
  ) {
    this.#context = context;
    this.#options = parts.options;
    this.#spawner = parts.spawner;
    this.#listener = parts.listener;
    this.#papers = new Papers(context, parts.document);
  }

  get document(): ProcessDocument {
    return this.#papers.document;
  }

  /** What it has printed last, in a line; '' where that is nothing. */
  lastLines(): Promise<string> {
    return lastLines(this.#logFile, this.#logFrom);
  }

  /** What it prints. Those before it in its place have written to it, too. */
  get #logFile(): string {
    const { service, place } = this.document;
    return join(this.#context.logs, service, `${place + 1}.log`);
  }

  /** Starts it. What becomes of that the listener is told. */
  start(): void {
    this.#started = this.#orFail(() => this.#start());
  }

  /** Takes up a process that an earlier registry started: its end is noticed from now on. */
  adopt(handle: SpawnedInstance): void {
    this.#context.ports.hold(handle.port);
    this.#watch(handle);
  }

  /** Goes on where the earlier registry was with an adopted one. */
  resume(): void {
    this.#started = this.#orFail(() => this.#resume());
  }

  /** Takes it out of lookups, drains it and ends it: by SIGKILL when that takes too long. Resolves when nothing is left of it. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Lets it run on without this registry. A start under way ends first, so that the journal is right. */
  async leave(): Promise<void> {
    this.#isLeft = true;
    this.#halt.abort(new RegistryError('STOPPING', 'the registry stops'));
    await this.#started;
    await this.#papers.settled();
  }

  /** Another one has its place. */
  forget(): void {
    this.#papers.forget();
  }

  async #start(): Promise<void> {
    await this.#prepare();
    const handle = await this.#spawn();
    this.#watch(handle);
    const { service, instance, host, port } = this.document;
    const { pid } = handle;
    this.#context.api.fire.spawned.call({ service, instance, ...(pid !== undefined && { pid }) });
    const written = this.#note(handle);
    const isElsewhere = handle.host !== host || handle.port !== port;
    const moved = isElsewhere ? this.#papers.register(STARTING) : undefined;
    // Readiness need not wait for the disk, but is not told before the journal knows of the process.
    await Promise.all([written, moved, this.#untilReady()]);
    await this.#run();
  }

  /** Journals what the next registry finds it by. */
  #note({ ref, pid, host, port }: SpawnedInstance): Promise<void> {
    return this.#papers.write({ ref, pid: pid ?? null, host, port });
  }

  async #resume(): Promise<void> {
    const isStarting = this.document.state === 'STARTING';
    // It was found by its name: the registry that started it died before it could note what it is found by.
    if (this.document.ref === null && this.#handle !== undefined) await this.#note(this.#handle);
    if (!this.#papers.isRegistered) await this.#papers.register(isStarting ? STARTING : undefined);
    if (isStarting) await this.#untilReady();
    await this.#run();
  }

  /** Everything that comes before the process: port, folder, journal, record. */
  async #prepare(): Promise<void> {
    const port = await this.#context.ports.take(this.#options);
    const written = this.#papers.write({ port });
    await Promise.all([
      written,
      this.#papers.register(STARTING),
      mkdir(dirname(this.#logFile), { recursive: true }),
    ]);
    this.#logFrom = await sizeOf(this.#logFile);
  }

  async #spawn(): Promise<SpawnedInstance> {
    const { api } = this.#context;
    const { service, instance, spawner, host, port } = this.document;
    const [door] = api.doors;
    const asked = {
      service,
      instance,
      spawner,
      spec: spawnerPart(this.#options),
      env: {
        ...this.#options.env,
        PORT: String(port),
        HOST: host,
        SERVICE_NAME: service,
        INSTANCE_ID: instance,
        ...(door !== undefined && { ROLLCALL_URL: door.url }),
      },
    };
    const { beforeSpawn } = api.fire;
    const { spec: given, env } = beforeSpawn.isTapped ? await beforeSpawn.promise(asked) : asked;
    const spec = parseArgument(this.#spawner.spec, given);
    const { signal } = this.#halt;
    signal.throwIfAborted();
    const starting = this.#spawner.spawn({
      service,
      instance,
      spec,
      port,
      env,
      logFile: this.#logFile,
      signal,
    });
    return orGiveUp(starting, api.clock, this.#options.ready.timeout, signal, (handle) =>
      this.#signal(handle, 'SIGKILL'),
    );
  }

  /** From here on its end is noticed, whatever else is going on. */
  #watch(handle: SpawnedInstance): void {
    this.#handle = handle;
    handle.exited.then(
      (exit) => this.#exited(exit),
      () => this.#exited({ code: null, signal: null }),
    );
  }

  #untilReady(): Promise<void> {
    const { host, port } = this.#handle ?? this.document;
    return untilReady(this.#context.api, { host, port }, this.#options.ready, this.#halt.signal);
  }

  async #run(): Promise<void> {
    const { signal } = this.#halt;
    // A program that works is not ended because the disk is full: it stays `starting` until that is over.
    const isStored = await this.#papers.clearToRun(signal);
    signal.throwIfAborted();
    if (!isStored) throw new OwnFault('that it is ready could not be stored');
    this.#isReady = true;
    this.#listener.ready();
    if (this.document.state !== 'RUNNING') await this.#papers.note('RUNNING', signal);
  }

  /** A start that failed, or was given up: what it left running is ended. */
  async #orFail(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const handle = this.#handle;
      if (this.#end.signal.aborted || (this.#isLeft && handle !== undefined)) return;
      this.#failure ??= { reason: messageOf(error), isBlameless: error instanceof OwnFault };
      this.#halt.abort(error);
      if (handle === undefined) this.#ended(this.#failure.reason);
      else if (this.#stopping === undefined) await this.#terminate(handle);
    }
  }

  async #stop(): Promise<void> {
    this.#failure ??= { reason: 'was told to stop', isBlameless: true };
    this.#halt.abort(new RegistryError('STOPPING', 'was told to stop'));
    await this.#started;
    const handle = this.#handle;
    if (handle !== undefined && !this.#end.signal.aborted) {
      const noted = this.#papers.attempt('state STOPPING', () => this.#papers.write({ state: 'STOPPING' }));
      if (this.#isReady && this.#options.drain > 0) {
        await this.#papers.draining();
        await pause(this.#context.api.clock, this.#options.drain, this.#context.hurry);
      }
      // Before the signal, so that nobody is sent to a program that ends.
      await this.#papers.unregister();
      await noted;
      await this.#terminate(handle);
    }
    await this.#papers.settled();
  }

  async #terminate(handle: SpawnedInstance): Promise<void> {
    const { clock, logger } = this.#context.api;
    const { signal, grace } = this.#options.stop;
    const ended = this.#end.signal;
    if (ended.aborted) return;
    await this.#signal(handle, signal);
    await pause(clock, grace, AbortSignal.any([ended, this.#context.hurry]));
    if (ended.aborted) return;
    await this.#signal(handle, 'SIGKILL');
    await pause(clock, KILL_MS, ended);
    if (ended.aborted) return;
    const { instance, pid } = this.document;
    logger.error(
      { instance, pid },
      `${instance} has not ended ${KILL_MS} ms after SIGKILL; see what it hangs in.`,
    );
  }

  #exited(exit: Exit): void {
    if (this.#isLeft || this.#end.signal.aborted) return;
    const how = describeExit(exit);
    this.#papers.exited(how);
    const { service, instance, pid } = this.document;
    this.#ended(how);
    this.#context.api.fire.exited.call({
      service,
      instance,
      ...(pid !== null && { pid }),
      code: exit.code,
      signal: exit.signal,
      isExpected: this.#stopping !== undefined,
    });
  }

  #ended(how: string): void {
    this.#end.abort();
    this.#halt.abort(new RegistryError('SPAWN_FAILED', how));
    this.#context.ports.release(this.document.port);
    this.#papers.clear(this.#listener.ended(this.#failure ?? { reason: how, isBlameless: false }));
  }

  #signal(handle: SpawnedInstance, signal: NodeJS.Signals): Promise<void> {
    return this.#papers.attempt(signal, () => handle.stop(signal));
  }
}

function describeExit({ code, signal }: Exit): string {
  if (signal !== null) return `was ended by ${signal}`;
  return code === null
    ? 'has ended; it was adopted, so its exit code is not known'
    : `exited with code ${code}`;
}
