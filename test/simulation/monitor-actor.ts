import type { CheckSpec, RegisterRequest, ServiceRecord, Status, Verdict } from '../../core/index.js';
import type { CheckRule } from './monitor-bounds.js';

/** A machine that instances run on, and what the network lets through. */
export class Host {
  readonly name: string;
  readonly actors = new Set<Actor>();
  /** What the registry sends does not arrive. */
  isDeaf = false;
  /** What its instances send does not arrive. */
  isMute = false;

  constructor(index: number) {
    this.name = `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`;
  }
}

/** `up`, `ill`: it answers, the latter that it is degraded. `gone`: refused. `paused`: accepted and never answered. */
export type Process = 'up' | 'ill' | 'gone' | 'paused';

/** What a check of it comes to: the verdict, `undefined` where none will come. */
export type Health = Verdict['status'] | 'silent';

/** How the verdicts of one check have gone, and what they are to make believe. */
export interface Tally {
  readonly rule: CheckRule;
  errors: number;
  faults: number;
  isError: boolean;
  isFaulty: boolean;
}

/** One instance of the pretended world: what it is in truth, what it asked for, and what was last heard of its record. */
export class Actor {
  readonly name: string;
  readonly instance: string;
  host: Host;
  port: number;
  ttlMs: number | undefined;
  specs: readonly CheckSpec[] = [];
  process: Process = 'up';
  /** It wants to be registered. */
  isMember = false;
  /** It is being unregistered. */
  isLeaving = false;
  /** It heartbeats now and then. */
  isBeating = false;
  /** What it says of itself. */
  reported: Status = 'running';

  /** What its checks come to, and since when; in awake time, as all that follows. */
  health: Health = 'running';
  healthSince = 0;
  /** When its checks began anew: registered, moved, changed its checks, the registry restarted. */
  freshAt = 0;
  /** When the registry last heard it, or gave it a fresh lease. */
  heardAt = 0;
  /** Since when its checks say `error`. */
  errorSince: number | undefined;
  /** When it last said that it is well although its checks said otherwise. */
  renewedAt = 0;
  tallies: Tally[] = [];
  /** When its checks last came back to saying nothing, the oldest first. */
  returns: number[] = [];
  /** What its checks make believed. */
  level: Verdict['status'] = 'running';
  /** Whether it last got worse, and not better. */
  isDown = false;
  /** What they are to say. */
  expected: Status | undefined;
  /** As the changes that were told have left it. */
  record: ServiceRecord | undefined;

  constructor(name: string, instance: string, host: Host, port: number) {
    this.name = name;
    this.instance = instance;
    this.host = host;
    this.port = port;
    host.actors.add(this);
  }

  get speaks(): boolean {
    return (this.process === 'up' || this.process === 'ill') && !this.host.isMute;
  }

  get hasHealth(): Health {
    if (this.host.isDeaf || this.process === 'paused') return 'silent';
    if (this.process === 'gone') return 'error';
    return this.process === 'ill' ? 'degraded' : 'running';
  }

  moveTo(host: Host, port: number): void {
    this.host.actors.delete(this);
    host.actors.add(this);
    this.host = host;
    this.port = port;
  }

  /** Its checks begin anew, with what was believed last. */
  beginChecks(rules: readonly CheckRule[], now: number, level: Status | undefined): void {
    const isError = level === 'error';
    const isFaulty = level !== undefined;
    this.freshAt = now;
    this.returns = [];
    this.level = level === undefined ? 'running' : isError ? 'error' : 'degraded';
    this.isDown = isFaulty;
    this.expected = rules.length === 0 ? undefined : level;
    this.tallies = rules.map((rule) => ({ rule, errors: 0, faults: 0, isError, isFaulty }));
  }

  get request(): RegisterRequest {
    return {
      name: this.name,
      instance: this.instance,
      host: this.host.name,
      port: this.port,
      status: this.reported,
      tags: [],
      meta: {},
      weight: 1,
      checks: this.specs as CheckSpec[],
      ...(this.ttlMs !== undefined && { ttlMs: this.ttlMs }),
    };
  }

  toString(): string {
    const { name, instance, port, host, process, health, healthSince, heardAt, freshAt, ttlMs, reported } =
      this;
    const checks = this.tallies.map(
      ({ rule, errors, faults, isError, isFaulty }) =>
        `${JSON.stringify(rule)} errors ${errors}, faults ${faults}${isError ? ' error' : ''}${isFaulty ? ' faulty' : ''}`,
    );
    const { isDeaf, isMute } = host;
    const facts = {
      port,
      host: host.name,
      isDeaf,
      isMute,
      process,
      health,
      healthSince,
      heardAt,
      freshAt,
      ttlMs,
      reported,
    };
    const record = this.record && {
      status: this.record.status,
      reason: this.record.reason,
      voices: this.record.voices,
    };
    return `${name} (${instance}) ${JSON.stringify(facts)}\n  record ${JSON.stringify(record)}\n  ${checks.join('\n  ')}`;
  }
}

/** Counts a verdict as the monitor is to. */
export function count(tally: Tally, status: Verdict['status']): void {
  const { failures, successes } = tally.rule;
  tally.errors = streak(tally.errors, status === 'error');
  tally.faults = streak(tally.faults, status !== 'running');
  if (tally.errors >= failures) tally.isError = true;
  else if (-tally.errors >= successes) tally.isError = false;
  if (tally.faults >= failures) tally.isFaulty = true;
  else if (-tally.faults >= successes) tally.isFaulty = false;
}

const LEVELS = ['running', 'degraded', 'error'];

/** What an instance's checks are to say, now that one of their verdicts has been counted. */
export function judge(actor: Actor, now: number, flaps: number, windowMs: number): Status | undefined {
  const { tallies, returns } = actor;
  const isError = tallies.some((tally) => tally.isError);
  const level = isError ? 'error' : tallies.some(({ isFaulty }) => isFaulty) ? 'degraded' : 'running';
  const better = LEVELS.indexOf(actor.level) - LEVELS.indexOf(level);
  if (better > 0 && actor.isDown) returns.push(now);
  if (better !== 0) actor.isDown = better < 0;
  actor.level = level;
  const recent = returns.filter((at) => now - at < windowMs);
  // One that stays dead is in error, however it swung before.
  const isLasting = tallies.some((tally) => tally.isError && tally.errors >= 2 * tally.rule.failures);
  if (flaps > 0 && recent.length >= flaps && !isLasting) return 'degraded';
  return level === 'running' ? undefined : level;
}

function streak(before: number, isCounted: boolean): number {
  return isCounted ? Math.max(before, 0) + 1 : Math.min(before, 0) - 1;
}
