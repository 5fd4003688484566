import { openFilesReserved, type ServiceRecord } from '../../core/index.js';
import { Chance } from '../support/chance.js';
import type { CheckRule, Limits } from './monitor-bounds.js';

/** `wide`: 10,000 instances for minutes. `long`: 300 for an hour, or a day. */
export type Form = 'wide' | 'long';

/** All that a seed decides before anything happens. Times in milliseconds. */
export interface Scenario {
  readonly seed: number;
  readonly form: Form;
  readonly isShort: boolean;
  readonly instances: number;
  readonly hosts: number;
  readonly names: number;
  /** What a check has where its instance asks for nothing else. */
  readonly defaults: CheckRule;
  readonly limits: Limits;
  /** So many returns within the window make one swing; 0: none does. */
  readonly flaps: number;
  readonly flapWindowMs: number;
  /** Whether instances that ask for no check get one. */
  readonly isDefaultChecked: boolean;
  /** How many of ten instances heartbeat, and how many of ten ask for checks of their own. */
  readonly leased: number;
  readonly ownChecks: number;
  /** The longest that an answer takes that comes at all. */
  readonly slowestMs: number;
  /** How many of the answers take their time, up to that. */
  readonly slowShare: number;
  readonly forgetAfterMs: number;
  readonly massSilence: { readonly share: number; readonly windowMs: number; readonly maxMs: number };
  /** Whether the first instances are there at boot, or all register at once. */
  readonly isStored: boolean;
  /** Whether everybody is cut off early on. */
  readonly isDark: boolean;
  readonly phases: number;
  readonly phaseMs: number;
}

/** The monitor takes no more files than this process may open. */
const MOST_IN_FLIGHT = Math.min(10_000, Math.floor(openFilesReserved() / 2));

/** What the seed makes of it. `short` is what `npm test` has the time for: fewer phases, the same number of instances. */
export function scenarioOf(seed: number, form: Form, isShort: boolean): Scenario {
  const chance = new Chance(seed * 2 + (form === 'wide' ? 0 : 1));
  const isLong = form === 'long';
  const isDay = isLong && chance.is(0.3);
  // Checks are what takes the time.
  const isDefaultChecked = chance.is(isShort ? 0.15 : 0.6);
  const intervalMs = chance.pick(
    isDay
      ? [30_000, 60_000]
      : !isShort
        ? [5_000, 10_000, 20_000]
        : isDefaultChecked
          ? [30_000]
          : [10_000, 20_000],
  );
  const timeoutMs = Math.min(intervalMs / 5, chance.pick([500, 1_000, 2_000, 4_000]));
  const failures = chance.pick([1, 2, 3, 3, 3, 4]);
  const instances = isLong ? 300 : 10_000;
  const isTight = chance.is(0.25);
  return {
    seed,
    form,
    isShort,
    instances,
    hosts: chance.pick(isLong ? [10, 30, 100] : isTight ? [20, 50] : [50, 200, 1_000]),
    names: Math.ceil(instances / chance.pick([1, 3, 10])),
    defaults: {
      kind: 'web',
      intervalMs,
      timeoutMs,
      retryMs: chance.pick([intervalMs / 5, intervalMs / 5, intervalMs / 2, 1_000]),
      maxIntervalMs: chance.pick([intervalMs, 60_000]),
      failures,
      successes: chance.pick([1, 1, 2, 3]),
    },
    limits: isTight
      ? {
          inFlight: Math.min(chance.between(Math.ceil(instances / 100), instances / 10), MOST_IN_FLIGHT),
          perHost: chance.pick([1, 2, 4, 16]),
          rate: chance.between(Math.ceil(instances / 10), instances),
        }
      : { inFlight: MOST_IN_FLIGHT, perHost: 10_000, rate: 100_000 },
    flaps: chance.pick([0, 2, 3, 3]),
    flapWindowMs: isLong ? 300_000 : chance.pick([20_000, 40_000, 60_000]),
    isDefaultChecked,
    leased: chance.between(3, 8),
    ownChecks: chance.between(1, isShort ? 2 : 5),
    slowestMs: timeoutMs * chance.pick([0.1, 0.5, 0.9]),
    slowShare: chance.pick([0.03, 0.03, 0.3]),
    forgetAfterMs: isLong ? chance.pick([600_000, 3_600_000]) : chance.pick([10_000, 20_000, 40_000]),
    massSilence: {
      share: chance.pick([0.1, 0.2, 0.3, 0.5, 0.5, 0.8]),
      windowMs: chance.pick([15_000, 30_000, 30_000, 60_000]),
      maxMs: chance.pick(isLong ? [1_200_000, 3_600_000] : [30_000, 60_000, 3_600_000]),
    },
    isStored: chance.is(0.7),
    isDark: chance.is(0.4),
    phases: isShort ? 3 : chance.between(4, 7),
    phaseMs: isDay ? 10_800_000 : isLong ? 720_000 : chance.between(2, isShort ? 3 : 5) * 10_000,
  };
}

/** What is to be checked of an instance. */
export function rulesOf({ checks }: ServiceRecord, scenario: Scenario): CheckRule[] {
  const { defaults } = scenario;
  if (checks.length === 0) return scenario.isDefaultChecked ? [defaults] : [];
  return checks.map(({ kind, interval, timeout, retry, maxInterval, failures, successes }) => ({
    kind,
    intervalMs: Number(interval),
    timeoutMs: Number(timeout),
    retryMs: Math.min(Number(retry ?? defaults.retryMs), Number(interval)),
    maxIntervalMs: Number(maxInterval ?? defaults.maxIntervalMs),
    failures: Number(failures),
    successes: Number(successes),
  }));
}
