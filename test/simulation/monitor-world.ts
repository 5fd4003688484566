import type { CheckSpec, RegisterRequest, StoredEntry } from '../../core/index.js';
import { instanceKey, type Status } from '../../core/servicedb/record.js';
import { toRegistration } from '../../core/servicedb/registration.js';
import type { Chance } from '../support/chance.js';
import { Actor, Host, type Process } from './monitor-actor.js';
import { KINDS } from './monitor-network.js';
import type { Scenario } from './monitor-scenario.js';
import type { AwakeTime } from './monitor-time.js';

/** Who asks for nothing else heartbeats so often that two of three may get lost. */
const BEATS_A_TTL = 3;

/** All instances there are, and the machines they run on. What is done to them here happens in truth, whatever the registry knows of it. */
export class World {
  readonly hosts: readonly Host[];
  readonly actors: Actor[] = [];
  readonly #byKey = new Map<string, Map<string, Actor>>();
  readonly #scenario: Scenario;
  readonly #chance: Chance;
  readonly #time: AwakeTime;
  #nextPort = 1_000;

  constructor(scenario: Scenario, chance: Chance, time: AwakeTime) {
    this.#scenario = scenario;
    this.#chance = chance;
    this.#time = time;
    this.hosts = Array.from({ length: scenario.hosts }, (_, index) => new Host(index));
    for (let at = 0; at < scenario.instances; at += 1) this.make();
  }

  readonly actorOf = (name: string, instance: string): Actor | undefined =>
    this.#byKey.get(name)?.get(instance);

  /** One more instance, which nobody has registered yet. */
  make(): Actor {
    const name = `service-${this.#chance.below(this.#scenario.names)}`;
    const actor = new Actor(name, `i${this.actors.length}`, this.#chance.pick(this.hosts), this.#nextPort++);
    this.actors.push(actor);
    this.#look(actor);
    let ofName = this.#byKey.get(name);
    if (ofName === undefined) {
      ofName = new Map();
      this.#byKey.set(name, ofName);
    }
    ofName.set(actor.instance, actor);
    if (this.#chance.below(10) < this.#scenario.leased) this.lease(actor);
    if (this.#chance.below(10) < this.#scenario.ownChecks) this.ask(actor);
    return actor;
  }

  lease(actor: Actor): void {
    actor.ttlMs = this.#scenario.defaults.intervalMs * this.#chance.pick([1, 2, 3]);
  }

  /** How long until it speaks again. */
  beatMs(actor: Actor): number {
    return ((actor.ttlMs ?? 0) / BEATS_A_TTL) * (0.8 + this.#chance.next() * 0.2);
  }

  /** It asks for one or two checks of its own. */
  ask(actor: Actor): void {
    const { defaults } = this.#scenario;
    const kinds = this.#chance.is(0.2) ? KINDS : [this.#chance.pick(KINDS)];
    actor.specs = Object.freeze(
      kinds.map((kind): CheckSpec => {
        const interval = defaults.intervalMs * this.#chance.pick([1, 1, 2, 4]);
        return Object.freeze({
          kind,
          interval,
          timeout: this.#chance.is(0.3)
            ? Math.min(interval / 5, defaults.timeoutMs * 1.5)
            : defaults.timeoutMs,
          failures: this.#chance.is(0.3) ? this.#chance.between(1, 4) : defaults.failures,
          successes: this.#chance.is(0.3) ? this.#chance.between(1, 3) : defaults.successes,
          ...(this.#chance.is(0.3) && { retry: interval / 10, maxInterval: interval * 2 }),
        });
      }),
    );
  }

  become(actor: Actor, process: Process): void {
    actor.process = process;
    this.#look(actor);
  }

  cut(host: Host, what: { isDeaf?: boolean; isMute?: boolean }): void {
    host.isDeaf = what.isDeaf ?? host.isDeaf;
    host.isMute = what.isMute ?? host.isMute;
    for (const actor of host.actors) this.#look(actor);
  }

  /** It goes where it can say so: else its record would have an address where nobody is. */
  move(actor: Actor): void {
    const host = this.#chance.pick(this.hosts);
    actor.moveTo(host.isMute ? actor.host : host, this.#nextPort++);
    this.#look(actor);
  }

  /** All is well everywhere, but for who is gone for good. */
  heal(): void {
    for (const host of this.hosts) this.cut(host, { isDeaf: false, isMute: false });
  }

  /** What a store holds in which all of these have registered. */
  stored(): StoredEntry[] {
    return this.actors.map((actor, at) => {
      const { name, instance } = actor;
      const value = toRegistration(actor.request as RegisterRequest, instance, {
        id: at + 1,
        owner: 'simulation',
        home: 'here',
        registeredAt: 0,
        updatedAt: 0,
      });
      const entry = { collection: 'instances', key: instanceKey(name, instance), revision: 0 };
      return { ...entry, value: value as unknown as NonNullable<StoredEntry['value']> };
    });
  }

  /** What an instance may say of itself. */
  anyStatus(): Status {
    return this.#chance.pick([
      'running',
      'running',
      'degraded',
      'starting',
      'draining',
      'stopped',
      'error',
    ] as const);
  }

  #look(actor: Actor): void {
    const health = actor.hasHealth;
    if (health === actor.health) return;
    // Refused or unanswered, it is dead all the same.
    const wasDead = actor.health === 'error' || actor.health === 'silent';
    const isDead = health === 'error' || health === 'silent';
    actor.health = health;
    if (!(wasDead && isDead)) actor.healthSince = this.#time.now;
  }
}
