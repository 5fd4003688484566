import type { ChildProcess } from 'node:child_process';
import { z } from 'zod';
import {
  type Clock,
  messageOf,
  RegistryError,
  type SpawnedInstance,
  type Spawner,
  type SpawnName,
} from '../../../core/index.js';
import { ConditionMaker } from './conditions.js';
import { EndWatch } from './end-watch.js';
import { type Launched, launch, startFailed } from './launch.js';
import { processSpec } from './process-spec.js';
import type { ProcessTable } from './process-table.js';

/** What names a process for good: a pid comes again, together with its start time and boot it does not. */
const refSchema = z.object({
  pid: z.int().min(2),
  startTime: z.string().min(1),
  bootId: z.string(),
  host: z.string(),
  port: z.int(),
});
type Ref = z.output<typeof refSchema>;

export interface ProcessSpawnerParts {
  readonly clock: Clock;
  readonly table: ProcessTable;
  /** What every program gets of the registry's own environment. */
  readonly environment: { readonly [name: string]: string };
  /** A path relative to the folder of the config file, made absolute. */
  resolvePath(path: string): string;
  /** Aborts when nobody is interested in the processes any more; they are left alone. */
  readonly signal: AbortSignal;
}

/** A spawner of kind `process`: an instance is a process group on this machine. */
export function createProcessSpawner(parts: ProcessSpawnerParts): Spawner<typeof processSpec> {
  const { clock, table, environment, resolvePath } = parts;
  const watch = new EndWatch(clock, table);
  const maker = new ConditionMaker(environment.PATH);
  /** By pid; there is a handle once it is known when the child began. */
  const children = new Map<number, { readonly child: ChildProcess; handle?: SpawnedInstance }>();
  parts.signal.addEventListener('abort', () => {
    watch.close();
    // While the registry works its children keep it alive; one that leaves them behind can end.
    for (const { child } of children.values()) child.unref();
  });

  async function find(name: SpawnName): Promise<SpawnedInstance | undefined> {
    for (const { pid, startTime, parent, host } of (await table.find?.(name)) ?? []) {
      if (parent === process.pid) {
        // A child of ours that this spawner did not start is another thing, such as a check.
        const handle = children.get(pid)?.handle;
        if (handle !== undefined) return handle;
        continue;
      }
      const ref = { pid, startTime, bootId: table.bootId, host: host ?? '127.0.0.1', port: name.port };
      if (await watch.isThere(ref)) return adopted(ref, watch);
    }
    return undefined;
  }

  return {
    kind: 'process',
    spec: processSpec,
    async spawn({ service, instance, spec, port, env, logFile, signal }) {
      throwIfGivenUp(service, signal);
      const what = { service, command: spec.command, cwd: resolvePath(spec.cwd ?? '.') };
      const conditions = await maker.make(spec).catch((error) => {
        throw startFailed(what, messageOf(error), error);
      });
      throwIfGivenUp(service, signal);
      // By these it is found again, whatever the caller leaves out.
      const names = { SERVICE_NAME: service, INSTANCE_ID: instance, PORT: String(port) };
      const launched = await launch({
        ...what,
        env: { ...environment, ...conditions.env, ...spec.env, ...names, ...env },
        logFile,
        conditions,
      });
      const { child, pid, exited } = launched;
      const own: { child: ChildProcess; handle?: SpawnedInstance } = { child };
      children.set(pid, own);
      exited.then(() => children.get(pid) === own && children.delete(pid));
      const times = await table.startTimes([pid]);
      // Of one that has ended its pid may be another's by now: '' is adopted by nobody.
      const startTime = hasExited(child) ? '' : (times.get(pid) ?? '');
      const { bootId } = table;
      const handle = ownChild(launched, { pid, startTime, bootId, host: env.HOST ?? '127.0.0.1', port });
      own.handle = handle;
      if (signal.aborted) {
        await handle.stop('SIGKILL');
        await exited;
      }
      throwIfGivenUp(service, signal);
      return handle;
    },
    async adopt(given) {
      const ref = refSchema.safeParse(given).data;
      if (ref === undefined || ref.bootId !== table.bootId) return undefined;
      return (await watch.isThere(ref)) ? adopted(ref, watch) : undefined;
    },
    ...(table.find !== undefined && { find }),
  };
}

function throwIfGivenUp(service: string, signal: AbortSignal): void {
  if (!signal.aborted) return;
  throw new RegistryError('SPAWN_FAILED', `The start of "${service}" was given up.`, {
    cause: signal.reason,
  });
}

/** A child keeps its pid until its end is known here, so a signal can't hit another process. */
function ownChild({ child, pid, exited }: Launched, ref: Ref): SpawnedInstance {
  return {
    ref,
    host: ref.host,
    port: ref.port,
    pid,
    exited,
    stop(signal) {
      if (!hasExited(child)) signalGroup(pid, signal);
    },
  };
}

/** No child of ours: its pid may be another's by now, so it is looked at before each signal. */
function adopted(ref: Ref, watch: EndWatch): SpawnedInstance {
  return {
    ref,
    host: ref.host,
    port: ref.port,
    pid: ref.pid,
    exited: watch.ended(ref),
    async stop(signal) {
      if (await watch.isThere(ref)) signalGroup(ref.pid, signal);
    },
  };
}

function hasExited({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** To the whole group, which has its first process's pid for a name. One that has just ended is no error. */
function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
