import { z } from 'zod';
import { messageOf, RegistryError, type SpawnedInstance, type Spawner, shown } from '../../../core/index.js';
import { XmlRpcFault } from '../../transports/xml-rpc/faults.js';
import { supervisordSpec } from './options.js';
import { EXITED, exitOf, isRun, type ProcessInfo, type Programs, programOf, type Run } from './programs.js';

/** Supervisord's own codes of faults. */
const BAD_NAME = 10;
const NOT_RUNNING = 70;
const ADVICE: { readonly [code: number]: string } = {
  6: 'it shuts down. Start it again',
  [BAD_NAME]:
    'it has no program of that name. See `supervisorctl status`, and `supervisorctl update` after a change',
  20: 'the file of its `command` is not there. Mend the `command` in the configuration of supervisord',
  21: 'the file of its `command` is not executable. Mend its rights, or the `command`',
  50: 'it could not be started: see the log of supervisord',
  60: 'it runs already, and not by this registry. Set autostart=false of it, and stop it by `supervisorctl stop`',
};

/** What names one run of a program: its pid comes again, with the same start it does not. */
const refSchema = z.object({
  on: z.string(),
  program: z.string(),
  pid: z.int().min(1),
  start: z.number(),
  host: z.string(),
  port: z.int(),
});
type Ref = z.output<typeof refSchema>;

/** A spawner of kind `supervisord`: an instance is a program that a running supervisord knows. */
export function createSupervisordSpawner(
  servers: ReadonlyMap<string, Programs>,
): Spawner<typeof supervisordSpec> {
  const names = [...servers.keys()];
  const portOf = new Map<string, number>();
  const serverOf = (on: string | undefined) => (on === undefined && names.length === 1 ? names[0] : on) ?? '';
  return {
    kind: 'supervisord',
    spec: supervisordSpec.refine(({ on }) => servers.has(serverOf(on)), {
      path: ['on'],
      error: `expected one of the servers of supervisord-spawner: ${names.join(', ')}`,
    }),
    async spawn({ service, spec: { program, on: asked }, port, env, signal }) {
      const failed = (why: string, cause?: unknown) =>
        new RegistryError(
          'SPAWN_FAILED',
          `Can't start program "${program}" of service "${service}": ${why}.`,
          {
            cause,
          },
        );
      const throwIfGivenUp = () => {
        if (signal.aborted) throw failed('the start was given up', signal.reason);
      };
      throwIfGivenUp();
      const on = serverOf(asked);
      const programs = servers.get(on);
      if (programs === undefined)
        throw failed(`supervisord-spawner knows no server "${on}": ${names.join(', ')}`);
      const key = `${on} ${fullName(program)}`;
      const former = portOf.get(key) ?? port;
      if (former !== port) {
        throw failed(
          `it listens where its own configuration says, but the service was given port ${former} before and ${port} now. Set \`port\` of the service to the one that it has`,
        );
      }
      const handle = await programs.starting(async () => {
        let info: ProcessInfo;
        try {
          await programs.rpc.call('startProcess', program, false);
          info = await programs.info(program);
        } catch (error) {
          if (!(error instanceof XmlRpcFault)) await undo(programs, program);
          throw failed(why(error), error);
        }
        if (info.pid === 0 && info.state !== EXITED) {
          await undo(programs, program);
          throw failed(`it is ${info.statename}: ${shown(info.spawnerr || info.description, 256)}`);
        }
        portOf.set(key, port);
        const { pid, start } = info;
        const host = env.HOST ?? '127.0.0.1';
        return handleOf(programs, { on, program: programOf(info), pid, start, host, port }, info);
      });
      if (signal.aborted) {
        await handle.stop('SIGKILL');
        await handle.exited;
      }
      throwIfGivenUp();
      return handle;
    },
    async adopt(given) {
      const ref = refSchema.safeParse(given).data;
      if (ref === undefined) return undefined;
      const programs = servers.get(ref.on);
      if (programs === undefined) {
        // It may run: so nothing is said of it.
        throw new RegistryError('NOT_FOUND', `supervisord-spawner knows no server "${ref.on}" any more.`);
      }
      const info = await infoOf(programs, ref.program);
      if (info === undefined || !isRun(ref, info)) return undefined;
      portOf.set(`${ref.on} ${ref.program}`, ref.port);
      return handleOf(programs, ref, info);
    },
  };
}

function handleOf(programs: Programs, ref: Ref, info: ProcessInfo): SpawnedInstance {
  const { program, pid, start } = ref;
  const run: Run = { program, pid, start };
  let hasEnded = pid === 0;
  const exited = hasEnded ? Promise.resolve(exitOf(run, info)) : programs.ended(run);
  exited.then(() => {
    hasEnded = true;
  });
  return {
    ref: { ...ref },
    host: ref.host,
    port: ref.port,
    ...(pid > 0 && { pid }),
    exited,
    async stop(signal) {
      if (hasEnded) return;
      const now = await infoOf(programs, program);
      programs.hasten();
      if (now === undefined || !isRun(run, now)) return;
      // Told so, supervisord does not start it again; it sends the program's own `stopsignal`, to its group if it is set so.
      if (signal === 'SIGTERM' || signal === 'SIGKILL')
        await unlessEnded(programs, 'stopProcess', program, false);
      if (signal !== 'SIGTERM')
        await unlessEnded(programs, 'signalProcess', program, signal.replace(/^SIG/, ''));
      programs.hasten();
    },
  };
}

/** A program without a group is one of its own name. */
function fullName(program: string): string {
  return program.includes(':') ? program : `${program}:${program}`;
}

async function unlessEnded(
  programs: Programs,
  method: string,
  ...params: (string | boolean)[]
): Promise<void> {
  try {
    await programs.rpc.call(method, ...params);
  } catch (error) {
    // It has ended, or is being stopped already.
    if (!(error instanceof XmlRpcFault) || error.faultCode !== NOT_RUNNING) throw error;
  }
}

/** A start that is not known to have failed. */
async function undo(programs: Programs, program: string): Promise<void> {
  await programs.rpc.call('stopProcess', program, false).catch(() => {});
}

/** Undefined where supervisord does not know the program any more: then it does not run it. */
async function infoOf(programs: Programs, program: string): Promise<ProcessInfo | undefined> {
  try {
    return await programs.info(program);
  } catch (error) {
    if (error instanceof XmlRpcFault && error.faultCode === BAD_NAME) return undefined;
    throw error;
  }
}

function why(error: unknown): string {
  const said = shown(messageOf(error), 256).replace(/\.$/, '');
  if (!(error instanceof XmlRpcFault)) return said;
  const advice = ADVICE[error.faultCode];
  return advice === undefined ? `supervisord says ${said}` : `${advice} (${said})`;
}
