import { z } from 'zod';
import {
  type JsonObject,
  messageOf,
  nearest,
  RegistryError,
  type SpawnedInstance,
  type Spawner,
} from '../../../core/index.js';
import type { HostPrograms } from './host-programs.js';
import { sshSpec } from './options.js';
import type { RemoteName } from './scripts.js';

/** What names a program for good: its pid comes again, together with its start time and boot it does not. */
const refSchema = z.object({
  on: z.string(),
  id: z.string().regex(/^[\w%][\w.-]{0,199}$/),
  pid: z.int().min(2),
  startTime: z.string().regex(/^\d{1,20}$/),
  bootId: z.string().regex(/^[\w-]{1,64}$/),
  host: z.string(),
  port: z.int(),
});
type Ref = z.output<typeof refSchema>;

/** A spawner of kind `ssh`: an instance is a process group on another host. */
export function createSshSpawner(hosts: ReadonlyMap<string, HostPrograms>): Spawner<typeof sshSpec> {
  return {
    kind: 'ssh',
    spec: sshSpec.refine(({ on }) => hosts.has(on), {
      path: ['on'],
      error: ({ input }) =>
        `expected one of the hosts of ssh-spawner: ${known((input as { on: string }).on, hosts)}`,
    }),
    async spawn(input) {
      const { service, spec, port, signal } = input;
      throwIfGivenUp(service, signal);
      const programs = hosts.get(spec.on);
      if (programs === undefined) {
        throw new RegistryError(
          'SPAWN_FAILED',
          `ssh-spawner knows no host "${spec.on}": ${known(spec.on, hosts)}.`,
        );
      }
      const name = await programs.start(input);
      const handle = handleOf(programs, { on: spec.on, ...name, host: programs.settings.address, port });
      if (signal.aborted) {
        await handle.stop('SIGKILL');
        await handle.exited;
      }
      throwIfGivenUp(service, signal);
      return handle;
    },
    async adopt(given) {
      const ref = refSchema.safeParse(given).data;
      if (ref === undefined) return undefined;
      const programs = hosts.get(ref.on);
      if (programs === undefined) {
        // It may run: so nothing is said of it.
        throw new RegistryError(
          'NOT_FOUND',
          `ssh-spawner knows no host "${ref.on}" any more: ${known(ref.on, hosts)}.`,
        );
      }
      return (await programs.isThere(ref)) ? handleOf(programs, ref) : undefined;
    },
    /** On which host is not known: all are asked. */
    async find({ instance, port }) {
      const failures: unknown[] = [];
      const asked = [...hosts].map(async ([on, programs]) => {
        const name = await programs.find(instance).catch((error) => {
          failures.push(error);
          return undefined;
        });
        return name && handleOf(programs, { on, ...name, host: programs.settings.address, port });
      });
      const found = (await Promise.all(asked)).find((handle) => handle !== undefined);
      if (found === undefined && failures.length > 0) {
        throw new RegistryError(
          'SPAWN_FAILED',
          `Not every host could be asked: ${failures.map(messageOf).join(' ')}`,
        );
      }
      return found;
    },
  };
}

function handleOf(programs: HostPrograms, ref: Ref): SpawnedInstance {
  const name: RemoteName = ref;
  const exited = programs.ended(name);
  let hasEnded = false;
  exited.then(() => {
    hasEnded = true;
  });
  return {
    ref: { ...ref } satisfies JsonObject,
    host: ref.host,
    port: ref.port,
    pid: ref.pid,
    exited,
    async stop(signal) {
      if (!hasEnded) await programs.signal(name, signal);
    },
  };
}

function known(given: string, hosts: ReadonlyMap<string, HostPrograms>): string {
  const guess = nearest(given, hosts.keys());
  const hint = guess === undefined ? '' : ` (did you mean "${guess}"?)`;
  return `${[...hosts.keys()].join(', ') || 'there are none'}${hint}`;
}

function throwIfGivenUp(service: string, signal: AbortSignal): void {
  if (!signal.aborted) return;
  throw new RegistryError('SPAWN_FAILED', `The start of "${service}" was given up.`, {
    cause: signal.reason,
  });
}
