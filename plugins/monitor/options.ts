import { z } from 'zod';
import { duration } from '../../core/index.js';

const DAY_MS = 86_400_000;

/** How long a check may take. */
const timeout = duration({ min: 10, max: 60_000 });
/** How soon one is checked again that goes against what is believed. */
const retry = duration({ min: 10, max: DAY_MS });
/** How often what is long dead is checked at least. */
const maxInterval = duration({ min: 1_000, max: DAY_MS });
/** How many verdicts in a row. */
const rowLength = z.int().min(1).max(100);

/** How long a check may take where nobody says: this, or its interval where that is shorter. */
export const TIMEOUT_MS = 2_000;
/** After which part of its interval one is checked again where nobody says. */
export const RETRY_PART = 0.2;

type Duration = z.ZodType<number, number | string>;

/** What a check says beside what its checker takes. */
function checkSchema(interval: Duration, retry: Duration) {
  return z.looseObject(
    {
      kind: z.string(),
      interval: interval.optional(),
      timeout: timeout.optional(),
      retry: retry.optional(),
      maxInterval: maxInterval.optional(),
      failures: rowLength.optional(),
      successes: rowLength.optional(),
    },
    { error: "expected a check, such as { kind: 'tcp' }" },
  );
}

/** A check as it is written: in the configuration it may be made more often than a registration may ask for. */
export const checkSchemas = {
  config: checkSchema(duration({ min: 100, max: DAY_MS }), retry),
  // What swings within its thresholds is in doubt for ever: `retry` is then its interval.
  registration: checkSchema(duration({ min: 1_000, max: DAY_MS }), duration({ min: 100, max: DAY_MS })),
};

const someCheck = z.looseObject({ kind: z.string() }, { error: "expected a check, such as { kind: 'tcp' }" });
const checks = z.union([z.literal(false), someCheck, z.array(someCheck).max(16)], {
  error: "expected a check, such as { kind: 'tcp' }, a list of checks, or false",
});

export const monitorOptions = z.strictObject({
  interval: duration({ min: 100, max: DAY_MS }).prefault('10s'),
  timeout: timeout.optional(),
  retry: retry.optional(),
  maxInterval: maxInterval.prefault('1m'),
  failures: rowLength.default(3),
  successes: rowLength.default(1),
  check: checks.default({ kind: 'tcp' }),
  services: z.record(z.string().min(1).max(256), checks).default({}),
  flaps: z.int().min(0).max(100).default(3),
  flapWindow: duration({ min: 1_000, max: DAY_MS }).prefault('5m'),
  inFlight: z.int().min(1).max(10_000).default(2_048),
  perHost: z.int().min(1).max(10_000).default(256),
  rate: z.int().min(1).max(100_000).default(2_000),
  allowCommands: z.boolean().default(false),
  allowChanges: z.boolean().default(false),
});

export type MonitorOptions = z.output<typeof monitorOptions>;
/** What is checked of some services: several checks, one, or none. */
export type Checks = z.output<typeof checks>;
