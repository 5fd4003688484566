import { setMaxListeners } from 'node:events';
import { open, stat } from 'node:fs/promises';
import { z } from 'zod';
import {
  type Clock,
  type Logger,
  messageOf,
  pause,
  RegistryError,
  type SpawnedInstance,
  type Spawner,
} from '../../../core/index.js';
import { type ContainerPlan, containerName, containerSpec, createBody, LABELS } from './container-spec.js';
import { containerId, Engine } from './engine.js';
import { EngineLink, EngineRefusal } from './engine-link.js';
import { startFailure } from './explain.js';
import { Outage } from './outage.js';
import { Removals } from './removals.js';
import { type ContainerContext, holdContainer } from './running-container.js';

const refSchema = z.object({
  id: containerId,
  host: z.string().min(1).max(253),
  port: z.int().min(0).max(65_535),
  log: z.string().min(1).max(4_096),
});

export interface ContainerSpawnerParts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** The engine's socket. */
  readonly socket: string;
}

/** What must end before the registry does; then it is left to itself. */
const CLOSE_MS = 3_000;
/** A start that failed waits so long for what it left to be removed. */
const DISCARD_MS = 10_000;

/** A spawner of kind `container`: an instance is a container of an engine that speaks Docker's API. */
export function createContainerSpawner({ clock, logger, socket }: ContainerSpawnerParts): Spawner<
  typeof containerSpec
> & {
  /** Lets go of the containers, which run on. */
  close(): Promise<void>;
} {
  const engine = new Engine(new EngineLink(socket, clock));
  const disposal = new AbortController();
  const closing = disposal.signal;
  // Each container listens to it; Node takes more than ten for a leak.
  setMaxListeners(0, closing);
  const removals = new Removals({ engine, clock, logger, closing });
  const outage = new Outage(logger, socket);
  const context: ContainerContext = { engine, clock, logger, outage, removals, closing };
  return {
    kind: 'container',
    spec: containerSpec,
    async spawn({ service, instance, spec, port, env, logFile, signal }) {
      throwIfGivenUp(service, signal);
      const plan = { service, instance, spec, port, env, host: env.HOST ?? '127.0.0.1', logFile };
      await tryLog(plan);
      try {
        const id = await create(plan, signal, context);
        return await start(id, plan, signal, context);
      } catch (error) {
        throwIfGivenUp(service, signal);
        throw startFailure(plan, error, socket);
      }
    },
    async adopt(given) {
      const ref = refSchema.safeParse(given).data;
      if (ref === undefined) return undefined;
      const since = await lastWritten(ref.log);
      try {
        const state = await engine.inspect(ref.id);
        if (state?.isRunning) return holdContainer(ref, { pid: state.pid, since }, context);
        if (state !== undefined) removals.remove(ref.id);
        return undefined;
      } catch (error) {
        // It may well run. A second one beside it would be worse than a record that is mended when the engine is back.
        outage.begun(error);
        return holdContainer(ref, { pid: undefined, since }, context);
      }
    },
    async find({ service, instance, port }) {
      for (const { id, labels } of await engine.list(labelsOf(service, instance))) {
        const { host, log } = { host: labels[LABELS.host], log: labels[LABELS.log] };
        const ref = refSchema.safeParse({ id, host, log, port: Number(labels[LABELS.port]) }).data;
        if (ref?.port !== port) continue;
        const state = await engine.inspect(id);
        if (state?.isRunning) {
          return holdContainer(ref, { pid: state.pid, since: await lastWritten(ref.log) }, context);
        }
        if (state !== undefined) removals.remove(id);
      }
      return undefined;
    },
    async close() {
      await Promise.race([removals.settled(), pause(clock, CLOSE_MS, closing)]);
      disposal.abort(new RegistryError('STOPPING', 'the registry stops'));
    },
  };
}

/** Makes the container, and pulls its image where that is missing. */
async function create(plan: ContainerPlan, signal: AbortSignal, context: ContainerContext): Promise<string> {
  const { engine } = context;
  const { service, instance, spec } = plan;
  const name = containerName(instance);
  const body = createBody(plan);
  const attempt = async () => {
    try {
      return await engine.create(name, body);
    } catch (error) {
      // Where the answer was lost, the container may be there all the same.
      if (!(error instanceof EngineRefusal)) await discardByName(service, instance, context);
      throw error;
    }
  };
  try {
    return await attempt();
  } catch (error) {
    const isMissing = error instanceof EngineRefusal && error.status === 404;
    if (!isMissing || spec.pull === 'never') throw error;
  }
  await engine.pull(spec.image, signal);
  throwIfGivenUp(service, signal);
  return attempt();
}

/** Starts a container that was made, or leaves nothing of it. */
async function start(
  id: string,
  { service, host, port, logFile }: ContainerPlan,
  signal: AbortSignal,
  context: ContainerContext,
): Promise<SpawnedInstance> {
  const { engine, removals, clock, closing } = context;
  try {
    throwIfGivenUp(service, signal);
    await engine.start(id);
    throwIfGivenUp(service, signal);
    const state = await engine.inspect(id).catch(() => undefined);
    return holdContainer({ id, host, port, log: logFile }, { pid: state?.pid, since: 0 }, context);
  } catch (error) {
    await Promise.race([removals.remove(id), pause(clock, DISCARD_MS, closing)]);
    throw error;
  }
}

async function discardByName(service: string, instance: string, context: ContainerContext): Promise<void> {
  const { engine, removals, clock, closing, logger } = context;
  try {
    const found = await engine.list(labelsOf(service, instance));
    const removed = Promise.all(found.map(({ id }) => removals.remove(id)));
    await Promise.race([removed, pause(clock, DISCARD_MS, closing)]);
  } catch (error) {
    logger.debug({ instance, err: error }, `What is left of ${instance} is not known: ${messageOf(error)}`);
  }
}

function labelsOf(service: string, instance: string): { readonly [name: string]: string } {
  return { [LABELS.service]: service, [LABELS.instance]: instance };
}

function throwIfGivenUp(service: string, signal: AbortSignal): void {
  if (!signal.aborted) return;
  throw new RegistryError('SPAWN_FAILED', `The start of "${service}" was given up.`, {
    cause: signal.reason,
  });
}

async function tryLog({ service, logFile }: ContainerPlan): Promise<void> {
  try {
    await (await open(logFile, 'a', 0o640)).close();
  } catch (error) {
    const what = `Can't start service "${service}": its log file ${logFile} can't be opened: ${messageOf(error)}`;
    const advice = 'Set `logs` of the supervisor to a folder that the registry may write';
    throw new RegistryError('SPAWN_FAILED', `${what}. ${advice}.`, { cause: error });
  }
}

/** When the file got its last line: what was printed before is in it. 0 where there is no file. */
async function lastWritten(file: string): Promise<number> {
  return stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
}
