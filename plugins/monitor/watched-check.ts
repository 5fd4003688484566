import { type CheckReport, type CheckTarget, type Clock, messageOf, type Verdict } from '../../core/index.js';
import { Cadence } from './cadence.js';
import type { Plan } from './plan.js';
import type { Round, Schedule, Scheduled } from './schedule.js';
import { type Belief, believe, count } from './thresholds.js';

/** Whose check it is. */
export interface CheckOwner {
  readonly target: CheckTarget;
  /** It came to a verdict. Whether that counts is the owner's to say, by `count`. */
  heard(check: WatchedCheck, verdict: Verdict): void;
  /** It came to none, for another reason than before. */
  failed(check: WatchedCheck): void;
}

/** Longer outputs are cut: they end up in records, logs and terminals. */
const OUTPUT_LENGTH = 256;
/** How many times as many failures as it takes to be believed dead make sure that it stays so. */
const LASTING = 2;

/** One check of one instance: runs when it is due, keeps its last verdict and what the verdicts make believed. */
export class WatchedCheck implements Round {
  readonly plan: Plan;
  readonly #schedule: Schedule;
  readonly #clock: Clock;
  readonly #owner: CheckOwner;
  #belief: Belief;
  #last: { readonly verdict: Verdict; readonly at: number } | undefined;
  #problem: string | undefined;
  #cadence: Cadence | undefined;
  #scheduled: Scheduled | undefined;
  #startedAt = Number.NEGATIVE_INFINITY;
  /** Since when it has been believed dead, on the monotonic clock. */
  #deadSince: number | undefined;

  /** It begins with what was last known. */
  constructor(
    plan: Plan,
    { level, reason }: Pick<Belief, 'level' | 'reason'>,
    schedule: Schedule,
    clock: Clock,
    owner: CheckOwner,
  ) {
    this.plan = plan;
    this.#schedule = schedule;
    this.#clock = clock;
    this.#owner = owner;
    this.#belief = believe(level, reason);
  }

  get kind(): string {
    return this.plan.kind;
  }

  get host(): string {
    return this.#owner.target.host;
  }

  get intervalMs(): number {
    return this.plan.pace.intervalMs;
  }

  get belief(): Belief {
    return this.#belief;
  }

  /** Whether it has come to a verdict since it began. */
  get isHeard(): boolean {
    return this.#last !== undefined;
  }

  /** Why the checker last gave no verdict; undefined since it gave one. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Whether the target is believed dead, and has been found so as often again as it took to believe it. */
  get isLasting(): boolean {
    const { level, errors } = this.#belief;
    return level === 'error' && errors >= this.plan.thresholds.failures * LASTING;
  }

  /** Begins: at once, or at its point of the interval where that comes within `spreadMs`. */
  start(spreadMs: number): void {
    const now = this.#clock.monotonic();
    const chance = this.#clock.random();
    this.#cadence = new Cadence(this.plan.pace, now, chance);
    if (this.#belief.level === 'error') this.#deadSince = now;
    const firstAt = Math.min(this.#cadence.pointAt, now + chance * spreadMs);
    this.#scheduled = this.#schedule.add(this, firstAt);
  }

  end(): void {
    this.#scheduled?.cancel();
  }

  /** Takes the target for one that has just died, and looks soon: at once, unless it was looked at a moment ago. */
  renew(): void {
    if (this.#belief.level === 'running') return;
    const now = this.#clock.monotonic();
    if (this.#deadSince !== undefined) this.#deadSince = now;
    this.#scheduled?.hasten(Math.max(now, this.#startedAt + this.plan.pace.retryMs));
  }

  /** Counts a verdict towards what is believed; `subject` names the target in its reason. */
  count(verdict: Verdict, subject: string): void {
    this.#belief = count(this.#belief, verdict, this.plan.thresholds, subject);
    if (this.#belief.level !== 'error') this.#deadSince = undefined;
    else this.#deadSince ??= this.#clock.monotonic();
  }

  report(): CheckReport {
    const { kind, spec } = this.plan;
    const { faults } = this.#belief;
    return {
      kind,
      spec,
      ...(this.#last !== undefined && { ...this.#last, failures: Math.max(faults, 0) }),
      ...(this.#problem !== undefined && { problem: this.#problem }),
    };
  }

  /** @internal For the schedule. */
  async run(signal: AbortSignal): Promise<number> {
    this.#startedAt = this.#clock.monotonic();
    await this.#look(signal);
    const now = this.#clock.monotonic();
    return this.#cadence?.next(this.#startedAt, now, this.#belief, this.#deadSince) ?? now;
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { check, timeoutMs } = this.plan;
    let verdict: Verdict;
    try {
      verdict = tidy(await check(this.#owner.target, { timeoutMs, signal }));
    } catch (error) {
      if (!signal.aborted) this.#noVerdict(messageOf(error));
      return;
    }
    if (signal.aborted) return;
    this.#last = { verdict, at: this.#clock.now() };
    this.#problem = undefined;
    this.#owner.heard(this, verdict);
  }

  #noVerdict(problem: string): void {
    if (this.#problem === problem) return;
    this.#problem = problem;
    this.#owner.failed(this);
  }
}

/** A verdict fit to be kept: one short line of output, without control characters. Throws at a time that is none. */
function tidy({ status, output, latencyMs }: Verdict): Verdict {
  if (!(latencyMs >= 0))
    throw new TypeError(`expected a verdict with latencyMs of 0 or more, not ${latencyMs}`);
  const line = String(output)
    .slice(0, OUTPUT_LENGTH)
    .replace(/[\u0000-\u001f\u007f]+/g, ' ');
  // Who listens to hook `verdict` is given the very one that is counted.
  return Object.freeze({ status, output: line, latencyMs });
}
