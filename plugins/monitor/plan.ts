import { z } from 'zod';
import { type Checker, duration, nearest, parseArgument, RegistryError } from '../../core/index.js';
import type { Thresholds } from './thresholds.js';

/** What a check does where it does not say so itself. Times in milliseconds. */
export interface CheckDefaults extends Thresholds {
  readonly interval: number;
  readonly timeout: number;
}

/** One check that can be run. */
export interface Plan {
  readonly kind: string;
  /** What is left for the checker itself, within its schema. */
  readonly options: { readonly [option: string]: unknown };
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly thresholds: Thresholds;
}

const DAY_MS = 86_400_000;

/** How often a check may run: what the config says may be faster than what a registration asks for. */
export const intervals = {
  config: duration({ min: 100, max: DAY_MS }),
  registration: duration({ min: 1_000, max: DAY_MS }),
};

/** How long a check may take. */
export const timeouts = duration({ min: 10, max: 60_000 });

/** How many verdicts in a row. */
export const rowLength = z.int().min(1).max(100);

const specSchemas = {
  config: specSchema(intervals.config),
  registration: specSchema(intervals.registration),
};

function specSchema(interval: typeof intervals.config) {
  return z.looseObject({
    kind: z.string(),
    interval: interval.optional(),
    timeout: timeouts.optional(),
    failures: rowLength.optional(),
    successes: rowLength.optional(),
  });
}

/**
 * Makes a plan of a check as the config or a registration writes it. INVALID_ARGUMENT says what is wrong with it: a
 * kind that no plugin offers, a time out of bounds, an option that its checker does not take.
 */
export function planCheck(
  spec: unknown,
  from: keyof typeof specSchemas,
  defaults: CheckDefaults,
  checkers: ReadonlyMap<string, Checker>,
): Plan {
  const { kind, interval, timeout, failures, successes, ...options } = parseArgument(specSchemas[from], spec);
  const checker = checkers.get(kind);
  if (checker === undefined)
    throw new RegistryError('INVALID_ARGUMENT', unknownKind(kind, [...checkers.keys()]));
  parseArgument(checker.options, options);
  return {
    kind,
    options,
    intervalMs: interval ?? defaults.interval,
    timeoutMs: timeout ?? defaults.timeout,
    thresholds: { failures: failures ?? defaults.failures, successes: successes ?? defaults.successes },
  };
}

function unknownKind(kind: string, known: readonly string[]): string {
  if (known.length === 0) return `no plugin offers the checker "${kind}"; load one, such as 'tcp-checker'`;
  const guess = nearest(kind, known);
  const hint = guess === undefined ? `Those offered are: ${known.join(', ')}.` : `Did you mean "${guess}"?`;
  return `no plugin offers the checker "${kind}". ${hint}`;
}
