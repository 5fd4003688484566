import { createRegistry, type Logger, type Registry } from '../../core/index.js';
import monitor from '../../plugins/monitor/index.js';
import { Chance } from '../support/chance.js';
import { FakeClock, onOwnTurn } from '../support/fake-clock.js';
import { type Pending, TimerHeap } from '../support/timer-heap.js';
import type { Actor } from './monitor-actor.js';
import { Judge } from './monitor-judge.js';
import { KeptStore } from './monitor-kept-store.js';
import { Network } from './monitor-network.js';
import type { Scenario } from './monitor-scenario.js';
import { AwakeTime } from './monitor-time.js';
import { blackout, WEATHER, type Weather } from './monitor-weather.js';
import { World } from './monitor-world.js';

const AUDIT_MS = 5_000;
const GLANCE_MS = 1_000;

/** What came of one seed. */
export interface Outcome {
  /** The first invariant that did not hold, if any. */
  readonly broken: string | undefined;
  /** What happened, for who replays it. */
  readonly story: readonly string[];
  readonly simulatedMs: number;
  readonly checks: number;
  readonly counts: Judge['counts'] & { restarts: number; stalls: number; mostUnderWay: number };
}

/** One seed: a real registry with the real monitor, in a pretended world whose weather is bad. */
export class MonitorSimulation {
  readonly scenario: Scenario;
  readonly chance: Chance;
  readonly world: World;
  readonly clock: FakeClock;
  readonly #time: AwakeTime;
  readonly #judge: Judge;
  readonly #network: Network;
  readonly #store: KeptStore;
  readonly #weather: readonly Weather[];
  readonly #agenda = new TimerHeap();
  readonly #story: string[] = [];
  #order = 0;
  #registry: Registry | undefined;
  #isStalled = false;
  #isRestartDue = false;
  #restarts = 0;
  #stalls = 0;

  /** `without`: weather that does not come, by its name. */
  constructor(scenario: Scenario, without: ReadonlySet<string> = new Set()) {
    this.#weather = WEATHER.filter(({ name }) => !without.has(name));
    this.scenario = scenario;
    this.chance = new Chance(scenario.seed);
    this.clock = new FakeClock({ seed: scenario.seed });
    this.#time = new AwakeTime(this.clock);
    this.world = new World(scenario, this.chance, this.#time);
    this.#judge = new Judge(scenario, this.#time, this.world.actorOf);
    this.#network = new Network({
      clock: this.clock,
      time: this.#time,
      chance: new Chance(this.chance.seed()),
      limits: scenario.limits,
      slowestMs: scenario.slowestMs,
      slowShare: scenario.slowShare,
      actorOf: this.world.actorOf,
      fail: (what) => this.#judge.fail(what),
    });
    this.#judge.deadlines.fullAt = () => this.#network.fullAt;
    this.#store = new KeptStore(scenario.isStored ? this.world.stored() : [], scenario.instances + 1);
  }

  /** The command that does all of this once more. */
  get replay(): string {
    const { seed, form, isShort } = this.scenario;
    return `npm run test:simulation -- --seed ${seed} --form ${form}${isShort ? ' --short' : ''}`;
  }

  async run(): Promise<Outcome> {
    try {
      await this.#play();
    } catch (error) {
      this.#judge.fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    await this.#registry?.stop();
    return {
      broken: this.#judge.broken,
      story: this.#story,
      simulatedMs: this.clock.monotonic(),
      checks: this.#network.checks,
      counts: {
        ...this.#judge.counts,
        restarts: this.#restarts,
        stalls: this.#stalls,
        mostUnderWay: this.#network.most,
      },
    };
  }

  // What the weather does.

  /** Does this after so long, whatever the registry does meanwhile. */
  after(ms: number, run: () => void): void {
    this.#at(this.clock.monotonic() + ms, run);
  }

  note(what: string): void {
    this.#story.push(`${Math.round(this.clock.monotonic())} ms: ${what}`);
  }

  /** Whoever is registered, or wants to be. */
  some(share: number): Actor[] {
    return this.world.actors.filter(({ isMember }) => isMember && this.chance.is(share));
  }

  /** The registry stands still for so long. */
  stall(ms: number): void {
    if (this.#isStalled) return;
    this.note(`the registry stalls for ${Math.round(ms)} ms`);
    this.#isStalled = true;
    this.#stalls += 1;
    this.#time.begin();
    const end = this.clock.monotonic() + ms;
    for (let next = this.#due(end); next !== undefined; next = this.#due(end)) {
      this.#time.stall(Math.max(next.due - this.clock.monotonic(), 0));
      this.#agenda.remove(next);
      next.run();
    }
    this.#time.stall(Math.max(end - this.clock.monotonic(), 0));
    this.#isStalled = false;
  }

  restart(): void {
    this.#isRestartDue = true;
  }

  /** It registers, or says again what it is registered as. */
  register(actor: Actor): void {
    actor.isMember = true;
    this.#startBeating(actor);
    this.#call(actor, () => this.#register(actor));
  }

  unregister(actor: Actor): void {
    actor.isMember = false;
    this.#call(actor, (registry) => {
      if (actor.record === undefined) return;
      actor.isLeaving = true;
      this.#wait(registry.services.unregister(actor.name, { instance: actor.instance }));
    });
  }

  /** Whoever started it saw it end: that is no silence, and it is gone at once. */
  exit(actor: Actor): void {
    this.world.become(actor, 'gone');
    const registry = this.#registry;
    if (this.#isStalled || registry === undefined || actor.record === undefined) return;
    const { name, instance } = actor;
    registry.services.exited(name, instance, 'it exited');
    if (actor.record.status !== 'stopped') this.#judge.fail('it has exited, and is served', actor);
    actor.isLeaving = true;
    this.#wait(registry.services.unregister(name, { instance }));
  }

  /** It says how it is. */
  say(actor: Actor, status: Actor['reported']): void {
    this.#call(actor, (registry) => {
      actor.reported = status;
      if (actor.record === undefined) return;
      this.#heard(actor);
      this.#wait(registry.services.updateStatus(actor.name, status, { instance: actor.instance }));
    });
  }

  // Within.

  async #play(): Promise<void> {
    const { phases, phaseMs, isStored, isDark, massSilence } = this.scenario;
    for (const actor of this.world.actors) {
      actor.isMember = true;
      this.#startBeating(actor);
    }
    this.note(isStored ? 'boots with all of them in its store' : 'boots, and all of them register');
    await this.#boot();
    if (!isStored) await onOwnTurn(() => this.#registerAll());
    this.#audit();
    this.#glance();
    await this.#runFor(this.scenario.defaults.intervalMs);
    if (isDark) blackout(this, phaseMs);
    for (let phase = 0; phase < phases && this.#judge.broken === undefined; phase += 1) {
      const weathers = this.chance.between(1, 3);
      for (let at = 0; at < weathers; at += 1) this.chance.pick(this.#weather).begin(this, phaseMs);
      await this.#runFor(phaseMs);
      this.#judge.audit(this.world.actors);
      this.#judge.compareReplay(this.world.actors);
    }
    if (this.#judge.broken !== undefined) return;
    this.note('all hosts are reached again');
    this.world.heal();
    // Who was not forgotten in mass silence is so within a window after it.
    await this.#runFor(phaseMs + (isDark ? massSilence.windowMs : 0));
    this.#judge.audit(this.world.actors);
    this.#judge.compareReplay(this.world.actors);
  }

  #registerAll(): void {
    for (const actor of this.world.actors) this.#register(actor);
  }

  async #boot(): Promise<void> {
    const { defaults, limits, isDefaultChecked, massSilence, forgetAfterMs, flaps, flapWindowMs } =
      this.scenario;
    const { kind, intervalMs, timeoutMs, retryMs, maxIntervalMs, failures, successes } = defaults;
    const options = {
      interval: intervalMs,
      timeout: timeoutMs,
      failures,
      successes,
      retry: retryMs,
      maxInterval: maxIntervalMs,
      flaps,
      flapWindow: flapWindowMs,
      ...limits,
      check: isDefaultChecked && { kind },
    };
    this.#registry = await createRegistry({
      config: {
        store: this.#store.plugin,
        plugins: [[monitor, options], this.#network.plugin, this.#judge.plugin()],
        services: {
          forgetAfter: forgetAfterMs,
          massSilence: massSilence.share,
          massSilenceWindow: massSilence.windowMs,
          massSilenceMax: massSilence.maxMs,
        },
      },
      clock: this.clock,
      logger: this.#logger(),
    });
    this.#judge.restarted(this.world.actors, this.#restarts === 0);
    await this.#registry.start();
  }

  async #runFor(ms: number): Promise<void> {
    const end = this.clock.monotonic() + ms;
    while (this.clock.monotonic() < end && this.#judge.broken === undefined) {
      await onOwnTurn(() => this.#runUntil(end));
      if (!this.#isRestartDue) continue;
      this.#isRestartDue = false;
      this.#restarts += 1;
      this.note('the registry is restarted');
      await this.#registry?.stop();
      await this.#boot();
    }
  }

  #runUntil(end: number): void {
    for (let next = this.#due(end); next !== undefined; next = this.#due(end)) {
      this.clock.advanceSettled(Math.max(next.due - this.clock.monotonic(), 0));
      this.#judge.settled();
      this.#agenda.remove(next);
      next.run();
      if (this.#isRestartDue || this.#judge.broken !== undefined) return;
    }
    this.clock.advanceSettled(Math.max(end - this.clock.monotonic(), 0));
    this.#judge.settled();
  }

  #due(end: number): Pending | undefined {
    const { first } = this.#agenda;
    return first !== undefined && first.due <= end ? first : undefined;
  }

  #at(due: number, run: () => void): void {
    this.#agenda.add({ due, order: this.#order++, run, at: -1 });
  }

  #glance(): void {
    this.after(GLANCE_MS, () => this.#glance());
    if (!this.#isStalled) this.#judge.glance();
  }

  #audit(): void {
    this.after(AUDIT_MS, () => this.#audit());
    if (!this.#isStalled) this.#judge.audit(this.world.actors);
  }

  /** A call of an instance: what the network or the instance swallows is lost, what finds the registry stalled waits in its socket. */
  #call(actor: Actor, run: (registry: Registry) => void): void {
    if (!actor.speaks) return;
    const arrive = () => {
      if (this.#registry !== undefined) run(this.#registry);
    };
    if (this.#isStalled) this.clock.setArrival(0, arrive);
    else arrive();
  }

  /** It speaks as often as its lease asks for, as long as it lives. */
  #beat(actor: Actor): void {
    if (actor.ttlMs === undefined || !actor.isMember) {
      actor.isBeating = false;
      return;
    }
    this.after(this.world.beatMs(actor), () => this.#beat(actor));
    this.#call(actor, (registry) => {
      if (!actor.isMember) return;
      const count = registry.services.heartbeat(actor.name, { instance: actor.instance });
      if (count > 0) this.#heard(actor);
      // It learns that it was forgotten, or never known.
      else this.#register(actor);
    });
  }

  #startBeating(actor: Actor): void {
    if (actor.isBeating || actor.ttlMs === undefined) return;
    actor.isBeating = true;
    this.after(this.chance.next() * this.world.beatMs(actor), () => this.#beat(actor));
  }

  #register(actor: Actor): void {
    if (!actor.isMember || this.#registry === undefined) return;
    this.#heard(actor);
    actor.renewedAt = this.#time.now;
    this.#wait(this.#registry.services.registerParsed(actor.request));
  }

  #heard(actor: Actor): void {
    actor.heardAt = this.#time.now;
  }

  #wait(answer: unknown): void {
    if (!(answer instanceof Promise)) return;
    answer.catch((error) => this.#judge.fail(`a call was refused: ${error}`));
  }

  #logger(): Logger {
    const quiet = () => {};
    const loud = (_fields: object, message: string) => {
      if (!/^Mass silence|^Checks are behind/.test(message)) this.#judge.fail(`the log says: ${message}`);
    };
    const logger: Logger = { debug: quiet, info: quiet, warn: loud, error: loud, child: () => logger };
    return logger;
  }
}
