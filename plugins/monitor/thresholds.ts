import type { Verdict } from '../../core/index.js';

/** How many verdicts in a row it takes: to be believed ill, and to be believed well again. */
export interface Thresholds {
  readonly failures: number;
  readonly successes: number;
}

/** What is believed of one check's target, and how far the verdicts have gone towards another belief. */
export interface Belief {
  readonly level: Verdict['status'];
  /** Why it is not `running`. */
  readonly reason: string;
  /** Above 0: how many verdicts in a row were `error`. Below: how many were not. */
  readonly errors: number;
  /** Above 0: how many verdicts in a row were not `running`. Below: how many were. */
  readonly faults: number;
  /** The last verdict went against what is believed: more of them are wanted, soon. */
  readonly isInDoubt: boolean;
}

/** Where a check begins: at what was last known, with nothing counted yet. */
export function believe(level: Verdict['status'], reason: string): Belief {
  return { level, reason, errors: 0, faults: 0, isInDoubt: false };
}

/**
 * Counts one verdict. `error` and `degraded` each set in after `failures` verdicts in a row that are at least as bad,
 * and are lifted after `successes` in a row that are better; so one that swings between the two is `degraded`.
 * The reason names `subject` and is renewed when a row of failures is complete, not with every verdict after it.
 */
export function count(belief: Belief, verdict: Verdict, thresholds: Thresholds, subject: string): Belief {
  const { failures, successes } = thresholds;
  const errors = streak(belief.errors, verdict.status === 'error');
  const faults = streak(belief.faults, verdict.status !== 'running');
  const isError = errors >= failures || (belief.level === 'error' && -errors < successes);
  const isFaulty = faults >= failures || (belief.level !== 'running' && -faults < successes);
  const level: Verdict['status'] = isError ? 'error' : isFaulty ? 'degraded' : 'running';
  const counted = { level, errors, faults, isInDoubt: verdict.status !== level };

  if (level === 'running') return { ...counted, reason: '' };
  const inRow = level === 'error' ? errors : faults;
  const isLifted = belief.level === 'error' && level === 'degraded';
  if (!isLifted && inRow !== failures) return { ...counted, reason: belief.reason };
  return {
    ...counted,
    reason: `${subject}: ${verdict.output} (${isLifted ? 'was error' : times(level, failures)})`,
  };
}

/** A warning is no failure to who reads it. */
function times(level: 'degraded' | 'error', count: number): string {
  if (level === 'degraded') return count === 1 ? 'once' : `${count} in a row`;
  return `${count} ${count === 1 ? 'failure' : 'failures'}`;
}

function streak(before: number, isCounted: boolean): number {
  if (isCounted) return Math.max(before, 0) + 1;
  return Math.min(before, 0) - 1;
}
