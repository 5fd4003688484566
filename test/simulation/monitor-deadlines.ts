import type { ServiceRecord } from '../../core/index.js';
import type { Actor } from './monitor-actor.js';
import {
  type CheckRule,
  deadLimit,
  goneLimit,
  type Holdup,
  liveLimit,
  queueMs,
  SLACK_MS,
  STALL_SLACK_MS,
} from './monitor-bounds.js';
import { KINDS } from './monitor-network.js';
import type { Scenario } from './monitor-scenario.js';
import type { AwakeTime } from './monitor-time.js';
import { isHeld } from './monitor-voices.js';

/** By when what is true of an instance must be known, and until when what is not known may not be said. In awake time. */
export class Deadlines {
  readonly #scenario: Scenario;
  readonly #time: AwakeTime;
  readonly #fail: (what: string, actor: Actor) => void;
  /** When mass silence last was on. */
  #silentAt = Number.NEGATIVE_INFINITY;
  #isMassSilent = false;
  /** How many checks there are, of all. */
  checks = 0;
  /** When some check may last have had to wait for others. */
  fullAt: () => number = () => Number.NEGATIVE_INFINITY;

  constructor(scenario: Scenario, time: AwakeTime, fail: (what: string, actor: Actor) => void) {
    this.#scenario = scenario;
    this.#time = time;
    this.#fail = fail;
  }

  /** Whether it is mass silence now: to be told whenever that may have changed. */
  silence(isOn: boolean): void {
    if (isOn || this.#isMassSilent) this.#silentAt = this.#time.now;
    this.#isMassSilent = isOn;
  }

  /** The record has been as it is until now: was it right? */
  examine(actor: Actor, record: ServiceRecord): void {
    if (record.status !== 'starting') this.#examineChecks(actor, record);
    if (record.ttlMs !== undefined) this.#examineLease(actor, record, record.ttlMs);
  }

  #examineChecks(actor: Actor, record: ServiceRecord): void {
    const { tallies, health } = actor;
    if (tallies.length === 0) return;
    const since = Math.max(actor.healthSince, actor.freshAt);
    const passedMs = this.#time.now - since;
    const said = record.voices?.check?.status;
    if (health === 'running' || health === 'degraded') {
      if (said === undefined) {
        if (health === 'degraded') this.#examineUnsaid(actor, since, passedMs);
      } else if (said === 'error' || health === 'running') {
        this.#examineWell(actor, record, since, passedMs);
      }
    } else if (said === undefined) {
      this.#examineUnsaid(actor, since, passedMs);
    } else if (said !== 'error') {
      const limit = this.#least(actor, since, (rule, holdup) => goneLimit(rule, holdup, isHeld(record)));
      if (passedMs > limit)
        this.#fail(`it has been dead for ${passedMs} ms, more than ${limit}, and is only ${said}`, actor);
    }
  }

  /** It is not well, and its checks say nothing. */
  #examineUnsaid(actor: Actor, since: number, passedMs: number): void {
    const limit = this.#least(actor, since, deadLimit);
    if (passedMs <= limit) return;
    this.#fail(
      `it has been ${actor.health} for ${passedMs} ms, more than ${limit}, and its checks say nothing`,
      actor,
    );
  }

  /** It is better than its checks say. */
  #examineWell(actor: Actor, record: ServiceRecord, since: number, passedMs: number): void {
    const { now } = this.#time;
    const deadMs = now - Math.max(actor.errorSince ?? since, Math.min(actor.renewedAt, now));
    const limitOf = (rule: CheckRule) => {
      const limit = liveLimit(rule, this.#holdup(rule, actor, since), deadMs);
      // Stalls of long ago excuse nothing.
      return liveLimit(rule, this.#holdup(rule, actor, Math.max(since, now - limit)), deadMs);
    };
    const heldMs = isHeld(record) ? this.#scenario.flapWindowMs : 0;
    const limit = heldMs + Math.max(...actor.tallies.map(({ rule }) => limitOf(rule)));
    if (passedMs <= limit) return;
    const said = record.voices?.check?.status;
    this.#fail(`it has been ${actor.health} for ${passedMs} ms, more than ${limit}, and is ${said}`, actor);
  }

  #least(actor: Actor, since: number, limit: (rule: CheckRule, holdup: Holdup) => number): number {
    return Math.min(...actor.tallies.map(({ rule }) => limit(rule, this.#holdup(rule, actor, since))));
  }

  #holdup({ timeoutMs, intervalMs }: CheckRule, actor: Actor, since: number): Holdup {
    const before = since - timeoutMs - intervalMs;
    const isHeldUp = this.fullAt() >= before;
    const atHost = actor.host.actors.size * KINDS.length;
    return {
      queueMs: isHeldUp ? queueMs(this.#scenario.limits, this.checks, atHost, timeoutMs * 2) : 0,
      stalls: this.#time.stallsSince(before),
    };
  }

  #examineLease(actor: Actor, record: ServiceRecord, ttlMs: number): void {
    const { now } = this.#time;
    const endsAt = actor.heardAt + ttlMs;
    if (record.voices?.lease === undefined && now > endsAt + SLACK_MS) {
      this.#fail(`its lease ended ${now - endsAt} ms ago, and nothing is said of that`, actor);
    }
    if (this.#isMassSilent) return;
    const goneAt = endsAt + this.#scenario.forgetAfterMs;
    const lookedAt = this.#silentAt + this.#scenario.massSilence.windowMs;
    if (now > Math.max(goneAt, lookedAt) + SLACK_MS) {
      this.#fail(`it was to be forgotten ${now - Math.max(goneAt, lookedAt)} ms ago`, actor);
    }
  }

  /** Its lease has been said to have ended. */
  missed(actor: Actor): void {
    const leftMs = actor.heardAt + (actor.ttlMs ?? 0) - this.#time.now;
    if (leftMs > this.#stallSlackMs(actor)) this.#fail(`its lease has ended ${leftMs} ms too early`, actor);
  }

  /** It was removed, and nobody had asked for that. `isMassSilent`: what the registry says, which after a stall may differ. */
  forgotten(actor: Actor, { ttlMs }: ServiceRecord, isMassSilent: boolean): void {
    if (this.#isMassSilent && isMassSilent) this.#fail('it was removed in mass silence', actor);
    if (ttlMs === undefined) {
      this.#fail('it was removed, and has no ttl', actor);
      return;
    }
    const leftMs = actor.heardAt + ttlMs + this.#scenario.forgetAfterMs - this.#time.now;
    if (leftMs > this.#stallSlackMs(actor)) this.#fail(`it was removed ${leftMs} ms too early`, actor);
  }

  #stallSlackMs({ heardAt }: Actor): number {
    return SLACK_MS + this.#time.stallsSince(heardAt) * STALL_SLACK_MS;
  }
}
