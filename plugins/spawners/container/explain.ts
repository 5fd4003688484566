import { messageOf, RegistryError } from '../../../core/index.js';
import type { ContainerPlan } from './container-spec.js';
import { EngineRefusal, EngineTimeout } from './engine-link.js';

/** What is wrong with the way to the engine, and what to do; undefined where it is something else. */
export function adviceFor(error: unknown, socket: string): string | undefined {
  if (error instanceof EngineTimeout) return `${error.message}. See what the engine is busy with`;
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return `there is no socket ${socket} (ENOENT). Start Docker or podman's service, or set \`socket\` of plugin "container-spawner"`;
    case 'ECONNREFUSED':
      return `nobody listens at ${socket} (ECONNREFUSED). Start Docker or podman's service`;
    case 'EACCES':
    case 'EPERM':
      return `this user may not use ${socket} (EACCES). Let the registry's user into its group, such as \`docker\`, or run an engine as that user`;
    case 'ECONNRESET':
    case 'EPIPE':
      return `the engine at ${socket} broke the connection off. See its log`;
    default:
      return undefined;
  }
}

/** Why a container could not be started, as SPAWN_FAILED. */
export function startFailure(plan: ContainerPlan, error: unknown, socket: string): RegistryError {
  if (error instanceof RegistryError && error.code === 'SPAWN_FAILED') return error;
  const { service, spec } = plan;
  const why = adviceFor(error, socket) ?? refusal(plan, error);
  const what = `Can't start a container of image "${spec.image}" for service "${service}"`;
  return new RegistryError('SPAWN_FAILED', `${what}: ${why}.`, { cause: error });
}

/** Engines have few codes, and podman fewer: what the trouble is stands in the message. */
function refusal({ spec, port }: ContainerPlan, error: unknown): string {
  const said = messageOf(error).replace(/[\s.]+$/, '');
  if (!(error instanceof EngineRefusal)) return `the engine's answer was not understood: ${said}`;
  return `the engine says "${said}"${adviceOn(said, spec.pull, port)}`;
}

const ADVICE: readonly (readonly [said: RegExp, advice: (pull: string, port: number) => string])[] = [
  [
    /no such image|image not known|pull access denied|manifest unknown|initializing source|repository .* not found/i,
    (pull) =>
      pull === 'never'
        ? "Pull or build the image, or set `pull` to 'missing'"
        : 'Mend `image`, or pull it by hand where the engine has to log in for it',
  ],
  [
    /name .* is already in use/i,
    () => 'Another container has the name of this instance: remove it, if it is of no use',
  ],
  [
    /port is already allocated|address already in use/i,
    (_, port) => `Stop what listens on port ${port}, or give the service another one`,
  ],
  [/executable file not found|no such file or directory/i, () => 'Mend `command`, `entrypoint` or `workdir`'],
  [/bind source path|statfs|invalid mount/i, () => 'Make the folder on the host, or mend `mounts`'],
  [/network .*not found/i, () => 'Make the network, or mend `network`'],
  [/rlimit|ulimit/i, () => "Set `ulimits` to what the registry's machine allows, such as { nofile: 1024 }"],
];

function adviceOn(said: string, pull: string, port: number): string {
  const found = ADVICE.find(([pattern]) => pattern.test(said));
  return found === undefined ? '' : `. ${found[1](pull, port)}`;
}
