import { z } from 'zod';
import { duration } from '../../core/index.js';
import { dependencyFaults } from './dependencies.js';

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGKILL'] as const;
const MOST_INSTANCES = 1_000;
const MOST_SERVICES = 10_000;

/** It becomes part of file names and instance names, which have limits of their own. */
const supervisedName = z
  .string()
  .regex(/^[\w][\w.-]{0,99}$/, 'expected a service name of at most 100 letters, digits, "_", "." and "-"');

const count = (min: number) =>
  z
    .int({ error: `expected a number of instances from ${min} to ${MOST_INSTANCES}` })
    .min(min)
    .max(MOST_INSTANCES);

const instances = z
  .union([count(1), z.strictObject({ min: count(0), max: count(1) })], {
    error: `expected a number of instances from 1 to ${MOST_INSTANCES}, or { min, max }, where min may be 0`,
  })
  .transform((given) => (typeof given === 'number' ? { min: given, max: given } : given))
  .refine(({ min, max }) => min <= max, { error: 'expected `min` to be at most `max`' });

const port = z.int({ error: 'expected a port from 1 to 65535' }).min(1).max(65_535);

const ports = z
  .string()
  .regex(/^\d{1,5}-\d{1,5}$/, "expected a range of ports, such as '9000-9099'")
  .transform((range) => range.split('-').map(Number) as [from: number, to: number])
  .refine(([from, to]) => from >= 1 && to <= 65_535 && from <= to, {
    error: 'expected a range of ports from 1 to 65535, the lower one first',
  });

const text = (max: number) =>
  z
    .string()
    .max(max)
    .regex(/^[^\u0000]*$/, 'expected text without U+0000');

const shape = {
  /** Which spawner starts it. Its own options stand beside these. */
  spawner: z.string().default('process'),
  instances: instances.prefault(1),
  host: z.string().min(1).max(253).default('127.0.0.1'),
  port: port.optional(),
  ports: ports.optional(),
  env: z
    .record(z.string().regex(/^[^=\u0000]{1,256}$/, 'expected a variable name'), text(32_768))
    .default({}),
  ready: z
    .strictObject({
      check: z.string().default('tcp'),
      options: z.record(z.string(), z.unknown()).default({}),
      interval: duration({ min: 10, max: 60_000 }).prefault('100ms'),
      timeout: duration({ min: 10, max: 3_600_000 }).prefault('30s'),
    })
    .prefault({}),
  stop: z
    .strictObject({
      signal: z.enum(SIGNALS).default('SIGTERM'),
      grace: duration({ max: 3_600_000 }).prefault('10s'),
    })
    .prefault({}),
  restart: z
    .strictObject({
      delay: duration({ min: 1 }).prefault('100ms'),
      max: duration({ min: 1 }).prefault('30s'),
      attempts: z.int().min(1).max(1_000).default(5),
      window: duration({ min: 1 }).prefault('60s'),
      stable: duration({ min: 1 }).prefault('10s'),
    })
    .prefault({}),
  drain: duration({ max: 3_600_000 }).prefault(0),
  /** Services of this configuration that have to run before one of this is started. */
  dependsOn: z.array(supervisedName).max(100).default([]),
};

/** One service's spec. What it does not know is for the spawner, and checked against that one's schema at `start`. */
export const serviceSchema = z
  .looseObject(shape)
  .refine(({ port, instances }) => port === undefined || instances.max === 1, {
    path: ['port'],
    error: 'expected a range in `ports` instead, since a fixed port serves no more than one instance',
  })
  .refine(({ port, ports }) => port === undefined || ports === undefined, {
    path: ['ports'],
    error: 'expected either `port` or `ports`, not both',
  })
  .refine(({ ports, instances }) => ports === undefined || ports[1] - ports[0] + 1 >= instances.max, {
    path: ['ports'],
    error: 'expected at least as many ports as `instances` at most',
  });

export type ServiceOptions = z.output<typeof serviceSchema>;

/** The supervisor's own part of a spec. */
export const OWN_SHAPE = shape;

/** The part of a spec that the supervisor leaves to the spawner. */
export function spawnerPart(options: ServiceOptions): { [option: string]: unknown } {
  return Object.fromEntries(Object.entries(options).filter(([key]) => !(key in OWN_SHAPE)));
}

export const supervisorOptions = z.strictObject({
  services: z
    .record(supervisedName, serviceSchema)
    .refine((services) => Object.keys(services).length <= MOST_SERVICES, {
      error: `expected at most ${MOST_SERVICES} services`,
    })
    .superRefine((services, context) => {
      for (const { service, message } of dependencyFaults(services)) {
        context.addIssue({ code: 'custom', path: [service, 'dependsOn'], message });
      }
    })
    .default({}),
  /** What becomes of running programs when the registry stops. */
  onExit: z.enum(['stop', 'leave']).default('stop'),
  /** How many programs may be started in a minute, over all services. */
  startsPerMinute: z.int().min(1).max(100_000).default(600),
  /** The folder of the programs' output. */
  logs: z.string().min(1).max(4_096).default('./data/logs'),
});

export type SupervisorOptions = z.output<typeof supervisorOptions>;
