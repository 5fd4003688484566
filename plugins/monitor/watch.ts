import { isDeepStrictEqual } from 'node:util';
import type {
  CheckReport,
  CheckSpec,
  CheckTarget,
  Opinion,
  PluginApi,
  ServiceRecord,
  Verdict,
} from '../../core/index.js';
import { Flapping, type FlapRule, levelOf } from './flapping.js';
import type { Plan } from './plan.js';
import type { Schedule } from './schedule.js';
import { type CheckOwner, WatchedCheck } from './watched-check.js';

/** A check that was asked for and can't be run, and why. */
export interface Problem {
  readonly spec: CheckSpec;
  readonly message: string;
}

/** What is to be watched of one instance. */
export interface WatchPlan {
  readonly plans: readonly Plan[];
  readonly problems: readonly Problem[];
}

/** What all watches stand in. */
export interface WatchContext {
  readonly api: PluginApi;
  readonly schedule: Schedule;
  readonly flapRule: FlapRule;
  /** Both log what may come in masses, and so is held back beyond measure. */
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
}

/**
 * One instance under watch: has its checks run, and speaks up in ServiceDB when what they make believed of the instance
 * changes. It begins with what was last known, so nothing is dead because it was not yet checked.
 */
export class Watch implements CheckOwner {
  readonly #context: WatchContext;
  readonly #checks: readonly WatchedCheck[];
  readonly #problems: readonly Problem[];
  /** There from the first time on that it was not `running`. */
  #flapping: Flapping | undefined;
  #record: ServiceRecord;
  /** Why it was last not `running`. */
  #lastReason: string;

  constructor(context: WatchContext, record: ServiceRecord, { plans, problems }: WatchPlan) {
    this.#context = context;
    this.#record = record;
    this.#problems = problems;
    const opinion = record.voices?.check;
    const level = levelOf(opinion);
    this.#lastReason = opinion?.reason ?? '';
    if (level !== 'running') this.#flapping = new Flapping(context.flapRule, level);
    const { schedule } = context;
    const { clock } = context.api;
    const known = { level, reason: this.#lastReason };
    this.#checks = plans.map((plan) => new WatchedCheck(plan, known, schedule, clock, this));
  }

  get target(): CheckTarget {
    const { host, port } = this.#record;
    return { host, port, record: this.#record };
  }

  /** Begins: with the first checks at once, or within `spreadMs`. */
  start(spreadMs: number): void {
    const { service, instance } = fieldsOf(this.#record);
    for (const { spec, message } of this.#problems) {
      this.#context.warn(
        { service, instance, kind: spec.kind },
        `A check of "${service}" (${instance}) is not run: ${message}`,
      );
    }
    for (const check of this.#checks) check.start(spreadMs);
    // An opinion of checks that are no longer run would stand for ever.
    if (this.#checks.length === 0) this.#tell(undefined);
  }

  end(): void {
    for (const check of this.#checks) check.end();
  }

  /** Takes up the record as a commit left it; false where something else must be checked now, and a new watch begin. */
  follow(record: ServiceRecord): boolean {
    const { host, port, home, checks } = this.#record;
    const isSamePlace = record.host === host && record.port === port && record.home === home;
    if (!isSamePlace || !isDeepStrictEqual(record.checks, checks)) return false;
    this.#record = record;
    return true;
  }

  /** The instance says that it is well, against what its checks say: they look at once. */
  renew(): void {
    for (const check of this.#checks) check.renew();
  }

  /** How each check fares. */
  report(): CheckReport[] {
    const problems = this.#problems.map(({ spec, message }) => ({ kind: spec.kind, spec, problem: message }));
    return [...this.#checks.map((check) => check.report()), ...problems];
  }

  /** @internal For the checks. */
  heard(check: WatchedCheck, verdict: Verdict): void {
    const { kind } = check.plan;
    const record = this.#record;
    const { fire } = this.#context.api;
    if (fire.verdict.isTapped) fire.verdict.call({ record, kind, verdict });
    // A program that is being started is not ill because it does not answer yet (DESIGN §4).
    if (record.status === 'starting' && verdict.status !== 'running') return;
    check.count(verdict, `${kind} ${address(record)}`);
    this.#judge();
  }

  #judge(): void {
    const believed = this.#worst();
    if (believed !== undefined) {
      this.#lastReason = believed.reason;
      this.#flapping ??= new Flapping(this.#context.flapRule, 'running');
    }
    // Nothing was ever wrong with most of them.
    if (this.#flapping === undefined) return;
    const isLasting = this.#checks.some((check) => check.isLasting);
    const now = this.#context.api.clock.monotonic();
    this.#tell(this.#flapping.judge(believed, now, isLasting, this.#lastReason));
  }

  /** @internal For the checks. */
  failed(check: WatchedCheck): void {
    if (this.#checks.some(({ isHeard }) => isHeard)) this.#judge();
    const fields = { ...fieldsOf(this.#record), kind: check.plan.kind };
    const { service, instance, kind } = fields;
    this.#context.warn(
      fields,
      `Check ${kind} of "${service}" (${instance}) gave no verdict: ${check.problem}`,
    );
  }

  /**
   * The worst that any check makes believe; the first of several. What was known when the watch began is every check's,
   * since it is not known whose it was: one that gives no verdict would hold it against the instance for ever.
   */
  #worst(): Opinion | undefined {
    let worst: Opinion | undefined;
    for (const { belief, isHeard, problem } of this.#checks) {
      if (!isHeard && problem !== undefined) continue;
      const isWorse = belief.level === 'error' ? worst?.status !== 'error' : worst === undefined;
      if (belief.level !== 'running' && isWorse) worst = { status: belief.level, reason: belief.reason };
    }
    return worst;
  }

  /** Tells ServiceDB, unless that is what its record says. What it did not take up is told again with the next verdict. */
  #tell(opinion: Opinion | undefined): void {
    const said = this.#record.voices?.check;
    if (opinion?.status === said?.status && opinion?.reason === said?.reason) return;
    const fields = fieldsOf(this.#record);
    const { service, instance } = fields;
    if (!this.#context.api.services.observe(service, instance, opinion)) return;
    const text = opinion === undefined ? `no longer ${said?.status}` : `${opinion.status}: ${opinion.reason}`;
    this.#context.info(fields, `"${service}" (${instance}): ${text}`);
  }
}

function fieldsOf({ name, instance }: ServiceRecord) {
  return { service: name, instance };
}

function address({ host, port }: ServiceRecord): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
