import { z } from 'zod';
import type { Collection, JsonObject, PluginApi } from '../../core/index.js';
import type { Ports } from './ports.js';
import { PROCESS_STATES } from './restart-policy.js';
import type { StartBudget } from './start-budget.js';

/** What is journalled of one instance, before it is started and after: what the next registry finds it by. */
export const processDocument = z.object({
  /** The server that runs it; a store may be shared. */
  home: z.string(),
  service: z.string(),
  instance: z.string(),
  spawner: z.string(),
  /** Which of the service's places it has, from 0. */
  place: z.int(),
  state: z.enum(PROCESS_STATES),
  /** What its spawner finds it by; null until it was started, and when it has ended. */
  ref: z.record(z.string(), z.json()).nullable() as z.ZodType<JsonObject | null>,
  host: z.string(),
  port: z.int(),
  pid: z.int().nullable(),
  /** Wall time in milliseconds. */
  startedAt: z.number(),
  /** How many instances this place has had before. */
  restarts: z.int(),
  reason: z.string(),
});

export type ProcessDocument = z.output<typeof processDocument>;

/** What all parts of the supervisor share. */
export interface SupervisorContext {
  readonly api: PluginApi;
  readonly journal: Collection<ProcessDocument>;
  readonly ports: Ports;
  readonly budget: StartBudget;
  /** The folder of the programs' output, absolute. */
  readonly logs: string;
  /** Aborts when the registry stops: nothing is started or tried again from then on. */
  readonly closing: AbortSignal;
  /** Aborts when the registry can't wait for what is being stopped any longer. */
  readonly hurry: AbortSignal;
  /** Whether doors are open, so that programs may be started. */
  readonly isOpen: () => boolean;
}
