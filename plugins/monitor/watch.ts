import { isDeepStrictEqual } from 'node:util';
import {
  type Json,
  messageOf,
  type Opinion,
  type PluginApi,
  type ServiceRecord,
  type Verdict,
} from '../../core/index.js';
import type { Plan } from './plan.js';
import type { Schedule, Scheduled } from './schedule.js';
import { type Belief, believe, count } from './thresholds.js';

/** A check that was asked for and can't be run, and why. */
export interface Problem {
  readonly kind: string;
  readonly message: string;
}

/** What is to be watched of one instance. */
export interface WatchPlan {
  readonly plans: readonly Plan[];
  readonly problems: readonly Problem[];
}

interface WatchedCheck {
  readonly plan: Plan;
  belief: Belief;
  last: { verdict: Verdict; at: number } | undefined;
  /** Why the checker last gave no verdict; undefined since it gave one. */
  problem: string | undefined;
  scheduled: Scheduled | undefined;
}

/** Longer outputs are cut: they end up in records, logs and terminals. */
const OUTPUT_LENGTH = 256;

/**
 * One instance under watch: runs its checks, counts their verdicts, and speaks up in ServiceDB when what is believed
 * of the instance changes. It begins with what was last known, so nothing is dead because it was not yet checked.
 */
export class Watch {
  readonly #api: PluginApi;
  readonly #checks: WatchedCheck[];
  readonly #problems: readonly Problem[];
  #record: ServiceRecord;
  /** What ServiceDB was last told. */
  #opinion: Opinion | undefined;

  constructor(api: PluginApi, record: ServiceRecord, { plans, problems }: WatchPlan) {
    this.#api = api;
    this.#record = record;
    this.#problems = problems;
    this.#opinion = record.voices?.check;
    const belief = believe(levelOf(this.#opinion), this.#opinion?.reason ?? '');
    this.#checks = plans.map((plan) => ({
      plan,
      belief,
      last: undefined,
      problem: undefined,
      scheduled: undefined,
    }));
  }

  /** Begins, with the first run of each check after what `firstMs` answers for its interval. */
  start(schedule: Schedule, firstMs: (intervalMs: number) => number): void {
    const { service, instance } = fieldsOf(this.#record);
    for (const { kind, message } of this.#problems) {
      this.#api.logger.warn(
        { service, instance, kind },
        `A check of "${service}" (${instance}) is not run: ${message}`,
      );
    }
    for (const check of this.#checks) {
      const { intervalMs } = check.plan;
      check.scheduled = schedule.add({
        intervalMs,
        firstMs: firstMs(intervalMs),
        run: (signal) => this.#run(check, signal),
      });
    }
    // An opinion of checks that are no longer run would stand for ever.
    if (this.#checks.length === 0) this.#tell(undefined);
  }

  end(): void {
    for (const { scheduled } of this.#checks) scheduled?.cancel();
  }

  /** Takes up the record as a commit left it; false where something else must be checked now, and a new watch begin. */
  follow(record: ServiceRecord): boolean {
    const { host, port, home, checks } = this.#record;
    const isSamePlace = record.host === host && record.port === port && record.home === home;
    if (!isSamePlace || !isDeepStrictEqual(record.checks, checks)) return false;
    this.#record = record;
    return true;
  }

  /** What each check last came to, for operation `checks`. */
  describe(): Json[] {
    const { instance } = this.#record;
    const checks = this.#checks.map(({ plan, last, problem }) => ({
      instance,
      kind: plan.kind,
      ...(last !== undefined && { ...last.verdict, at: last.at }),
      ...(problem !== undefined && { problem }),
    }));
    return [...checks, ...this.#problems.map(({ kind, message }) => ({ instance, kind, problem: message }))];
  }

  async #run(check: WatchedCheck, signal: AbortSignal): Promise<void> {
    const { kind, options, timeoutMs } = check.plan;
    const { host, port } = this.#record;
    const target = { host, port, record: this.#record };
    let verdict: Verdict;
    try {
      verdict = tidy(await this.#api.check(kind, target, { options, timeoutMs, signal }));
    } catch (error) {
      if (!signal.aborted) this.#noVerdict(check, messageOf(error));
      return;
    }
    if (!signal.aborted) this.#hear(check, verdict);
  }

  #hear(check: WatchedCheck, verdict: Verdict): void {
    const { kind, thresholds } = check.plan;
    const record = this.#record;
    check.last = { verdict, at: this.#api.clock.now() };
    check.problem = undefined;
    if (this.#api.fire.verdict.isTapped) this.#api.fire.verdict.call({ record, kind, verdict });
    // A program that is being started is not ill because it does not answer yet (DESIGN §4).
    if (record.status === 'starting' && verdict.status !== 'running') return;
    check.belief = count(check.belief, verdict, thresholds, `${kind} ${address(record)}`);
    this.#tell(this.#worst());
  }

  #noVerdict(check: WatchedCheck, problem: string): void {
    if (check.problem === problem) return;
    check.problem = problem;
    const fields = { ...fieldsOf(this.#record), kind: check.plan.kind };
    const { service, instance } = fields;
    this.#api.logger.warn(
      fields,
      `Check ${fields.kind} of "${service}" (${instance}) gave no verdict: ${problem}`,
    );
  }

  /** The worst that any check makes believe; the first of several. */
  #worst(): Opinion | undefined {
    const believed = (level: Verdict['status']) =>
      this.#checks.find(({ belief }) => belief.level === level)?.belief;
    const worst = believed('error') ?? believed('degraded');
    return worst && { status: worst.level, reason: worst.reason };
  }

  #tell(opinion: Opinion | undefined): void {
    if (opinion?.status === this.#opinion?.status && opinion?.reason === this.#opinion?.reason) return;
    const text =
      opinion === undefined ? `no longer ${this.#opinion?.status}` : `${opinion.status}: ${opinion.reason}`;
    this.#opinion = opinion;
    const fields = fieldsOf(this.#record);
    const { service, instance } = fields;
    this.#api.logger.info(fields, `"${service}" (${instance}): ${text}`);
    this.#api.services.observe(service, instance, opinion);
  }
}

function levelOf(opinion: Opinion | undefined): Verdict['status'] {
  if (opinion === undefined) return 'running';
  return opinion.status === 'degraded' ? 'degraded' : 'error';
}

function fieldsOf({ name, instance }: ServiceRecord) {
  return { service: name, instance };
}

function address({ host, port }: ServiceRecord): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A verdict fit to be kept: one short line of output, without control characters. Throws at a time that is none. */
function tidy({ status, output, latencyMs }: Verdict): Verdict {
  if (!(latencyMs >= 0))
    throw new TypeError(`expected a verdict with latencyMs of 0 or more, not ${latencyMs}`);
  const line = String(output)
    .slice(0, OUTPUT_LENGTH)
    .replace(/[\u0000-\u001f\u007f]+/g, ' ');
  return { status, output: line, latencyMs };
}
