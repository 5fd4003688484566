import { isIP } from 'node:net';
import { isAbsolute } from 'node:path/posix';
import { z } from 'zod';
import { RegistryError, type SpawnName } from '../../../core/index.js';

const text = (max: number) =>
  z
    .string()
    .max(max)
    .regex(/^[^\u0000]*$/, 'expected text without U+0000');

const words = (what: string) => z.array(text(32_768), { error: `expected an array, ${what}` }).max(1_024);

/** Bytes; `'256m'` is 256 MiB, as `docker run --memory` reads it. */
const bytes = z
  .union(
    [
      z.int().min(1),
      z
        .string()
        .regex(/^\d{1,9}[kmg]$/)
        .transform((given) => Number(given.slice(0, -1)) * 1_024 ** ('kmg'.indexOf(given.slice(-1)) + 1)),
    ],
    { error: "expected a number of bytes, or one with a unit: '512k', '256m', '2g'" },
  )
  .refine((given) => given >= 6 * 1_024 ** 2, {
    error: "expected at least '6m', below which engines start nothing",
  });

const mount = z
  .string()
  .max(8_192)
  .regex(
    /^[^:\u0000]+:[^:\u0000]+(:ro)?$/,
    "expected '/on/the/host:/in/the/container', and ':ro' to only read",
  )
  .refine((given) => given.replace(/:ro$/, '').split(':').every(isAbsolute), {
    error: 'expected two absolute paths',
  })
  .transform((given) => {
    const [source = '', target = '', mode] = given.split(':');
    return { source, target, isReadOnly: mode === 'ro' };
  });

const limit = z
  .int()
  .min(-1)
  .max(2 ** 53 - 1);

/** What a service's spec says beside what the supervisor reads. */
export const containerSpec = z.strictObject({
  /** With its tag or digest: `nginx:1.27`. */
  image: z
    .string({ error: "expected the name of an image, such as 'nginx:1.27'" })
    .max(512)
    .regex(/^[a-zA-Z0-9][\w.:/@-]*$/, "expected the name of an image, such as 'nginx:1.27'"),
  /** Instead of the image's own command. */
  command: words("such as ['node', 'app.js']").min(1).optional(),
  /** Instead of the image's own entry point; [] is none. */
  entrypoint: words("such as ['/bin/sh', '-c']").optional(),
  env: z.record(z.string().regex(/^[^=\u0000]{1,256}$/, 'expected a variable name'), text(32_768)).optional(),
  network: z
    .string()
    .max(128)
    .regex(/^[a-zA-Z0-9][\w.-]*$/, "expected 'host', 'bridge', or the name of a network")
    .refine((given) => given !== 'none', { error: "expected a network: with 'none' nobody could call it" })
    .default('host'),
  mounts: z.array(mount).max(100).default([]),
  user: z
    .string()
    .max(256)
    .regex(/^[\w.-]+(:[\w.-]+)?$/, "expected a user, or 'user:group', by names or numbers")
    .optional(),
  workdir: text(4_096).refine(isAbsolute, { error: 'expected an absolute path in the container' }).optional(),
  memory: bytes.optional(),
  cpus: z.number().min(0.01).max(4_096).optional(),
  /** Soft and hard alike, by their names without RLIMIT_. -1 is none. */
  ulimits: z.record(z.string().regex(/^[a-z]{1,16}$/, "expected a limit such as 'nofile'"), limit).optional(),
  /** A small first process that passes signals on and reaps zombies, with the program as its child. */
  init: z.boolean().default(false),
  /** What to do where the image is not there. */
  pull: z.enum(['missing', 'never']).default('missing'),
});
export type ContainerSpec = z.output<typeof containerSpec>;

/** What a container of ours is found by, and what is to be known of it then. */
export const LABELS = {
  service: 'rollcall.service',
  instance: 'rollcall.instance',
  host: 'rollcall.host',
  port: 'rollcall.port',
  log: 'rollcall.log',
} as const;

/** What is started, in the spawner's terms. */
export interface ContainerPlan extends SpawnName {
  readonly spec: ContainerSpec;
  readonly env: { readonly [name: string]: string };
  readonly host: string;
  readonly logFile: string;
}

/** The instance's name, in the letters that engines allow. */
export function containerName(instance: string): string {
  return instance.replace(/[^\w.-]/g, '-').replace(/^[^a-zA-Z0-9]/, 'x$&');
}

/** The body of POST /containers/create. Throws SPAWN_FAILED where the host can't be published on. */
export function createBody(plan: ContainerPlan): object {
  const { spec, service, instance, host, port, logFile } = plan;
  const isPublished = spec.network !== 'host';
  const tcp = `${port}/tcp`;
  // In a network of its own, what listens on loopback is reached by nobody.
  const env = { ...spec.env, ...plan.env, ...(isPublished && { HOST: '0.0.0.0' }) };
  return {
    Image: spec.image,
    ...(spec.command && { Cmd: spec.command }),
    ...(spec.entrypoint && { Entrypoint: spec.entrypoint }),
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    ...(spec.user && { User: spec.user }),
    ...(spec.workdir && { WorkingDir: spec.workdir }),
    Labels: {
      [LABELS.service]: service,
      [LABELS.instance]: instance,
      [LABELS.host]: host,
      [LABELS.port]: String(port),
      [LABELS.log]: logFile,
    },
    ...(isPublished && { ExposedPorts: { [tcp]: {} } }),
    HostConfig: {
      NetworkMode: spec.network,
      ...(isPublished && {
        PortBindings: { [tcp]: [{ HostIp: publishedOn(service, host), HostPort: String(port) }] },
      }),
      // Not `Binds`, with which an engine makes what is missing, as root.
      Mounts: spec.mounts.map(({ source, target, isReadOnly }) => ({
        Type: 'bind',
        Source: source,
        Target: target,
        ReadOnly: isReadOnly,
      })),
      ...(spec.memory && { Memory: spec.memory }),
      ...(spec.cpus && { NanoCpus: Math.round(spec.cpus * 1e9) }),
      ...(spec.ulimits && {
        Ulimits: Object.entries(spec.ulimits).map(([Name, most]) => ({ Name, Soft: most, Hard: most })),
      }),
      ...(spec.init && { Init: true }),
    },
  };
}

function publishedOn(service: string, host: string): string {
  if (isIP(host) !== 0) return host;
  if (host === 'localhost') return '127.0.0.1';
  const what = `Can't start service "${service}": its port can't be published on the host ${JSON.stringify(host)}`;
  throw new RegistryError(
    'SPAWN_FAILED',
    `${what}, for that is no address. Set \`host\` to an address of this machine, or \`network\` to 'host'.`,
  );
}
