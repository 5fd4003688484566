/** One check, as its instance or the configuration asks for it. Times in milliseconds. */
export interface CheckRule {
  readonly kind: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly retryMs: number;
  readonly maxIntervalMs: number;
  /** Verdicts in a row. */
  readonly failures: number;
  readonly successes: number;
}

/** How many checks may be under way at once, and how many may begin in a second. */
export interface Limits {
  readonly inFlight: number;
  readonly perHost: number;
  readonly rate: number;
}

/** What is added up in floating point, and a point of the interval that is passed over because a check had just ended. */
export const SLACK_MS = 20;
/** By how much one stall may go unseen, or be taken for shorter than it was. */
export const STALL_SLACK_MS = 200;
/** What has been dead is checked after this part of that time. */
const PART_OF_DEATH = 0.1;
/** So many times as many failures make one that swings be in error all the same. */
const LASTING = 2;

/** What holds up checks beside their own rule. */
export interface Holdup {
  /** How long a check may wait for its turn. */
  readonly queueMs: number;
  /** How many stalls of the registry there were meanwhile: each may cost a round. */
  readonly stalls: number;
}

/**
 * How long an instance may be taken for running after it last answered. The first check comes within the interval, the
 * others sooner after it; that is never more than the issue allows, interval x failures + timeout.
 */
export function deadLimit(rule: CheckRule, holdup: Holdup): number {
  const { intervalMs, timeoutMs, retryMs, failures } = rule;
  const againMs = Math.min(retryMs + timeoutMs, intervalMs);
  return intervalMs + (failures - 1) * againMs + timeoutMs + lost(rule, failures, holdup);
}

/** How long until it must be in `error`: one that swings is held `degraded` until twice as many checks have failed. */
export function goneLimit(rule: CheckRule, holdup: Holdup, isHeld: boolean): number {
  const more = isHeld ? (LASTING - 1) * rule.failures : 0;
  return deadLimit(rule, holdup) + more * (rule.intervalMs + holdup.queueMs);
}

/** How long an instance may be taken for dead after it began to answer again, having been so for `deadMs`. */
export function liveLimit(rule: CheckRule, holdup: Holdup, deadMs: number): number {
  const { intervalMs, timeoutMs, retryMs, maxIntervalMs, successes } = rule;
  const gapMs = Math.max(intervalMs, Math.min(deadMs * PART_OF_DEATH, maxIntervalMs));
  const againMs = Math.min(retryMs + timeoutMs, intervalMs);
  // The check under way when it came back is lost on it.
  return timeoutMs + gapMs + (successes - 1) * againMs + timeoutMs + lost(rule, successes + 1, holdup);
}

function lost({ intervalMs, timeoutMs }: CheckRule, rounds: number, { queueMs, stalls }: Holdup): number {
  return SLACK_MS + rounds * queueMs + stalls * (intervalMs + 2 * timeoutMs);
}

/**
 * How long a check may wait for its turn, where all others are before it and none of them is answered; and as long again,
 * since those of another kind that come later may be let in first.
 */
export function queueMs(limits: Limits, checks: number, checksAtHost: number, timeoutMs: number): number {
  const all = Math.ceil(checks / limits.inFlight) + checks / limits.rate;
  return 2 * (all + 1) * Math.ceil(checksAtHost / limits.perHost) * timeoutMs;
}
