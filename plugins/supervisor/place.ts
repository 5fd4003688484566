import type { SpawnedInstance, Spawner, Timer } from '../../core/index.js';
import { Instance, type InstanceEnd } from './instance.js';
import type { ServiceOptions } from './options.js';
import type { ProcessDocument, SupervisorContext } from './process-document.js';
import {
  NOT_STARTED,
  nextRestart,
  type RestartEvent,
  type RestartPolicy,
  type RestartState,
} from './restart-policy.js';

/** What `ps` says of one place. */
export type ProcessLine = Pick<ProcessDocument, 'service' | 'state' | 'pid' | 'restarts' | 'reason'> & {
  readonly instance: string | null;
  readonly port: number | null;
  readonly startedAt: number | null;
};

/** The service that a place belongs to. */
export interface PlaceOwner {
  readonly name: string;
  readonly options: ServiceOptions;
  readonly spawner: Spawner;
  /** Which services one has to wait for before it is started; none: it may be started. */
  readonly waitsFor: readonly string[];
  /** The place is in another state. */
  changed(): void;
  /** What was in the place has died, or could not be started. */
  failed(why: string): void;
}

/**
 * Room for one instance of a service: at most one is in it at any time, since one is started only from EXITED. When that
 * ends, the restart policy says when the next one is started.
 */
export class Place {
  readonly index: number;
  readonly #owner: PlaceOwner;
  readonly #context: SupervisorContext;
  readonly #policy: RestartPolicy;
  #state: RestartState = NOT_STARTED;
  #instance: Instance | undefined;
  #isWanted = false;
  #starts = 0;
  #timer: Timer | undefined;
  /** There while a start waits for the budget. */
  #turnTimer: Timer | undefined;

  constructor(index: number, owner: PlaceOwner, context: SupervisorContext) {
    this.index = index;
    this.#owner = owner;
    this.#context = context;
    const { delay, max, attempts, window, stable } = owner.options.restart;
    this.#policy = { delayMs: delay, maxMs: max, attempts, windowMs: window, stableMs: stable };
  }

  get state(): RestartState {
    return this.#state;
  }

  get isWanted(): boolean {
    return this.#isWanted;
  }

  /** Whether one is to be started here as soon as those run that it depends on. */
  get isHeldUp(): boolean {
    return this.#isWanted && this.#state.process === 'EXITED' && this.#owner.waitsFor.length > 0;
  }

  get isEmpty(): boolean {
    return this.#state.process === 'EXITED' && !this.#isWanted;
  }

  /** Whether this very instance is here, and not on its way out. */
  isRunning(instance: string): boolean {
    const { process } = this.#state;
    return (
      (process === 'STARTING' || process === 'RUNNING') && this.#instance?.document.instance === instance
    );
  }

  /** Brings what is nearer to what is wanted, by one step that is possible now. The end of that step calls it again. */
  want(isWanted = this.#isWanted): void {
    this.#isWanted = isWanted;
    if (this.#context.closing.aborted) return;
    const { process } = this.#state;
    if (isWanted) {
      if (process === 'EXITED' && this.#mayStart) this.#startInTurn();
    } else if (process === 'STARTING' || process === 'RUNNING') {
      this.#stop();
    } else if (process === 'BACKOFF') {
      this.#again();
    }
  }

  /** Takes up what an earlier registry started here. */
  adopt(document: ProcessDocument, handle: SpawnedInstance): void {
    this.#isWanted = true;
    this.#starts = document.restarts + 1;
    this.#turn({ type: 'start' });
    this.#instance = this.#makeInstance(document);
    this.#instance.adopt(handle);
    this.#instance.resume();
  }

  /** Ends what runs here and starts it anew, also where it was given up. Resolves when the new start has begun. */
  async restart(): Promise<void> {
    const { process } = this.#state;
    if (process === 'BACKOFF' || process === 'FATAL') this.#again();
    else if (process !== 'EXITED') await this.#stop();
    this.want();
  }

  /** The registry stops: ends what runs here. */
  async shut(): Promise<void> {
    this.#turnTimer?.cancel();
    this.#timer?.cancel();
    await this.#stop();
  }

  /** The registry stops: leaves what runs here. */
  async leave(): Promise<void> {
    this.#turnTimer?.cancel();
    this.#timer?.cancel();
    await this.#instance?.leave();
  }

  line(): ProcessLine {
    const { process: state } = this.#state;
    const reason = this.isHeldUp ? `waits for ${this.#owner.waitsFor.join(', ')}` : this.#state.reason;
    const { instance, pid, port, startedAt } = this.#instance?.document ?? NOBODY;
    const restarts = Math.max(this.#starts - 1, 0);
    return {
      service: this.#owner.name,
      instance,
      state,
      pid,
      port: port === 0 ? null : port,
      startedAt,
      restarts,
      reason,
    };
  }

  /** At once, as long as the budget of all services is not used up. */
  #startInTurn(): void {
    if (this.#turnTimer !== undefined) return;
    const { budget, api, closing } = this.#context;
    const waitMs = budget.reserve();
    if (waitMs === 0) {
      this.#start();
      return;
    }
    this.#turnTimer = api.clock.setTimer(waitMs, () => {
      this.#turnTimer = undefined;
      const isStillDue = this.#isWanted && this.#state.process === 'EXITED' && !closing.aborted;
      if (isStillDue && this.#mayStart) this.#start();
    });
  }

  get #mayStart(): boolean {
    return this.#context.isOpen() && this.#owner.waitsFor.length === 0;
  }

  #start(): void {
    this.#instance?.forget();
    this.#turn({ type: 'start' });
    const { api, journal } = this.#context;
    const { name, options } = this.#owner;
    let id = '';
    do id = `${name}-${api.clock.uuid().slice(0, 8)}`;
    while (journal.get(id) !== undefined);
    this.#instance = this.#makeInstance({
      home: api.services.home,
      service: name,
      instance: id,
      spawner: options.spawner,
      place: this.index,
      state: 'STARTING',
      ref: null,
      host: options.host,
      port: 0,
      pid: null,
      startedAt: api.clock.now(),
      restarts: this.#starts,
      reason: '',
    });
    this.#starts += 1;
    this.#instance.start();
  }

  #makeInstance(document: ProcessDocument): Instance {
    const { options, spawner } = this.#owner;
    const listener = { ready: () => this.#ready(), ended: (end: InstanceEnd) => this.#ended(end) };
    return new Instance(this.#context, { document, options, spawner, listener });
  }

  async #stop(): Promise<void> {
    this.#turn({ type: 'stop' });
    await this.#instance?.stop();
  }

  #again(): void {
    this.#timer?.cancel();
    this.#turn({ type: 'again' });
  }

  #ready(): void {
    this.#turn({ type: 'ready' });
    const { instance, pid, port } = this.line();
    const text = `${instance} runs: port ${port}${pid === null ? '' : `, pid ${pid}`}.`;
    this.#context.api.logger.info({ service: this.#owner.name, instance, pid, port }, text);
  }

  #ended(end: InstanceEnd) {
    const delayMs = this.#turn({ type: 'ended', ...end });
    const { process, reason } = this.#state;
    const { api, closing } = this.#context;
    const { logger, clock } = api;
    if (closing.aborted) return { process, reason };
    const { instance } = this.line();
    if (process === 'BACKOFF' || process === 'FATAL') void this.#tellFailure(end.reason);
    const fields = { service: this.#owner.name, instance };
    if (process === 'BACKOFF') {
      logger.warn(fields, `${instance}: ${end.reason}. The next start is in ${Math.round(delayMs)} ms.`);
      this.#timer = clock.setTimer(delayMs, () => {
        this.#again();
        this.want();
      });
    } else if (process === 'FATAL') {
      const remedy = `It is not started again until \`rollcall restart ${this.#owner.name}\``;
      logger.error(fields, `Service "${this.#owner.name}" is given up: ${reason}. ${remedy}.`);
    } else {
      logger.info(fields, `${instance} was stopped.`);
      // Wanted again meanwhile: but first everybody hears of this end.
      queueMicrotask(() => this.want());
    }
    return { process, reason };
  }

  /** With what it last printed, which mostly says why. */
  async #tellFailure(reason: string): Promise<void> {
    const instance = this.#instance;
    const name = instance?.document.instance ?? this.#owner.name;
    const { closing } = this.#context;
    const lines = (await instance?.lastLines()) ?? '';
    const printed = lines === '' ? '' : `; it last printed ${JSON.stringify(lines)}`;
    if (!closing.aborted) this.#owner.failed(`${name}: ${reason}${printed}`);
  }

  #turn(event: RestartEvent): number {
    const { clock } = this.#context.api;
    const before = this.#state;
    const { state, delayMs } = nextRestart(before, event, clock.monotonic(), clock.random(), this.#policy);
    this.#state = state;
    if (state !== before) this.#owner.changed();
    return delayMs;
  }
}

const NOBODY = { instance: null, pid: null, port: null, startedAt: null };
