import {
  type CheckSpec,
  type PluginApi,
  type PreparedCheck,
  parseArgument,
  RegistryError,
} from '../../core/index.js';
import type { Pace } from './cadence.js';
import { checkSchemas, type MonitorOptions, RETRY_PART, TIMEOUT_MS } from './options.js';
import type { Thresholds } from './thresholds.js';

/** One check that can be run. */
export interface Plan {
  readonly kind: string;
  /** As it was registered; of the configuration's, which may hold what is not for everyone's eyes, the kind. */
  readonly spec: CheckSpec;
  readonly pace: Pace;
  readonly timeoutMs: number;
  readonly thresholds: Thresholds;
  readonly check: PreparedCheck;
}

/** What a plan is made with. */
export type PlanContext = Pick<PluginApi, 'checkers' | 'prepareCheck'> & {
  readonly options: MonitorOptions;
  /** Whether access to the doors is controlled. */
  hasAccessControl(): boolean;
};

/**
 * Makes a plan of a check as the config or a registration writes it. NOT_FOUND for a kind that no plugin offers,
 * INVALID_ARGUMENT for a time out of bounds or an option that its checker does not take, REFUSED for a program that a
 * registration may not have run.
 */
export function planCheck(spec: CheckSpec, from: keyof typeof checkSchemas, context: PlanContext): Plan {
  const { options: defaults } = context;
  const { kind, interval, timeout, retry, maxInterval, failures, successes, ...options } = parseArgument(
    checkSchemas[from],
    spec,
  );
  const check = context.prepareCheck(kind, options);
  if (from === 'registration') refuseBeyondLooking(kind, options, context);
  const intervalMs = interval ?? defaults.interval;
  return {
    kind,
    spec: from === 'config' ? { kind } : spec,
    pace: {
      intervalMs,
      retryMs: Math.min(retry ?? defaults.retry ?? intervalMs * RETRY_PART, intervalMs),
      maxIntervalMs: maxInterval ?? defaults.maxInterval,
    },
    timeoutMs: timeout ?? Math.min(defaults.timeout ?? TIMEOUT_MS, intervalMs),
    thresholds: { failures: failures ?? defaults.failures, successes: successes ?? defaults.successes },
    check,
  };
}

/** What does more than look comes from the configuration (DESIGN §8). */
function refuseBeyondLooking(kind: string, given: object, context: PlanContext): void {
  const { checkers, options, hasAccessControl } = context;
  const checker = checkers.get(kind);
  if (checker?.mayChange !== undefined && !options.allowChanges) {
    if (checker.mayChange(parseArgument(checker.options, given))) {
      throw new RegistryError(
        'REFUSED',
        `this check of kind "${kind}" may change something where it is made, so it is taken from the configuration: name the service in the monitor's option \`services\`. With \`allowChanges: true\` a registration may ask for it too.`,
      );
    }
  }
  if (checker?.runsCommands !== true || (options.allowCommands && hasAccessControl())) return;
  throw new RegistryError(
    'REFUSED',
    `checks of kind "${kind}" run programs, so they are taken from the configuration: name the service in the monitor's option \`services\`. With \`allowCommands: true\` and an access plugin a registration may ask for them too.`,
  );
}
