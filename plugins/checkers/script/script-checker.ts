import { stat } from 'node:fs/promises';
import { z } from 'zod';
import {
  type Checker,
  type CheckTarget,
  type Clock,
  commandSchema,
  environmentSchema,
  systemText,
  type Verdict,
} from '../../../core/index.js';
import { firstLine } from './first-line.js';
import { MOST_PRINTED, type RunningScript, runScript, type Script, type ScriptEnd } from './run-script.js';
import { Slots } from './slots.js';

const options = z.strictObject({
  /** The program and its arguments; no shell reads them. */
  command: commandSchema("['./check.sh', '--fast']"),
  /** Where it runs; the folder of the config file unless it is said. */
  cwd: systemText(4_096).min(1).optional(),
  env: environmentSchema.optional(),
});

export interface ScriptCheckerParts {
  readonly clock: Clock;
  /** How many scripts may run at once. */
  readonly inFlight: number;
  /** What every script gets of the registry's own environment. */
  readonly environment: { readonly [name: string]: string };
  /** A path relative to the folder of the config file, made absolute. */
  resolvePath(path: string): string;
  /** Aborts when the plugin is disposed of: no script outlives that. */
  readonly signal: AbortSignal;
}

/** A checker of kind `script`: a program says by its exit code how the instance is, as a Nagios plugin does. */
export function createScriptChecker(parts: ScriptCheckerParts): Checker<typeof options> {
  const { clock, environment, resolvePath } = parts;
  const slots = new Slots(parts.inFlight);
  const running = new Set<RunningScript>();
  parts.signal.addEventListener('abort', () => {
    for (const script of running) script.giveUp(parts.signal.reason);
  });
  return {
    kind: 'script',
    options,
    runsCommands: true,
    async check({ target, options: { command, cwd, env }, signal }) {
      const giveBack = await slots.take(signal);
      const script: Script = {
        command,
        cwd: resolvePath(cwd ?? '.'),
        env: { ...environment, ...env, ...namesOf(target) },
      };
      let run: RunningScript;
      const begunAt = clock.monotonic();
      try {
        signal.throwIfAborted();
        parts.signal.throwIfAborted();
        run = runScript(script, clock);
      } catch (error) {
        giveBack();
        if (!isRefusedStart(error)) throw error;
        const output = await explain(error, script);
        return { status: 'error', output, latencyMs: clock.monotonic() - begunAt };
      }
      running.add(run);
      const giveUp = () => run.giveUp(signal.reason);
      signal.addEventListener('abort', giveUp, { once: true });
      run.gone.then(() => {
        running.delete(run);
        giveBack();
      });
      try {
        const end = await run.end;
        const latencyMs = clock.monotonic() - begunAt;
        return { ...(await judge(end, script)), latencyMs };
      } finally {
        signal.removeEventListener('abort', giveUp);
      }
    },
  };
}

/** The names under which the supervisor tells them to a program, too. */
function namesOf({ host, port, record }: CheckTarget): { [name: string]: string } {
  return {
    HOST: host,
    PORT: String(port),
    ...(record && { SERVICE_NAME: record.name, INSTANCE_ID: record.instance }),
  };
}

const STATUS_OF: { readonly [code: number]: Verdict['status'] } = { 0: 'running', 1: 'degraded' };
/** Nagios' UNKNOWN; what is beyond comes from a shell, or from a program that was not written as a check. */
const LAST_NAGIOS_CODE = 3;

async function judge(end: ScriptEnd, script: Script): Promise<Pick<Verdict, 'status' | 'output'>> {
  const { failure, code, signal, isFlood } = end;
  if (failure !== undefined) return { status: 'error', output: await explain(failure, script) };
  const said = firstLine(end.stdout) || firstLine(end.stderr);
  if (isFlood) {
    return {
      status: 'error',
      output: `printed more than ${MOST_PRINTED} bytes, and was killed${after(said)}`,
    };
  }
  if (code === null) return { status: 'error', output: `killed by ${signal}${after(said)}` };
  const isPlain = code <= LAST_NAGIOS_CODE && said !== '';
  return { status: STATUS_OF[code] ?? 'error', output: isPlain ? said : `exit ${code}${after(said)}` };
}

function after(said: string): string {
  return said === '' ? ', and printed nothing' : `: ${said}`;
}

/** Node tells some refusals of the system, such as E2BIG, by a throw, and others by an event. */
function isRefusedStart(error: unknown): error is NodeJS.ErrnoException {
  return (error as Partial<NodeJS.ErrnoException> | null)?.syscall?.startsWith('spawn') === true;
}

/** The system gives one code for many causes. Throws where the cause is no fault of the script. */
async function explain(failure: NodeJS.ErrnoException, { command, cwd, env }: Script): Promise<string> {
  const { code } = failure;
  const program = JSON.stringify(command[0]);
  if (code !== undefined && NO_ROOM.has(code)) {
    throw new Error(`this machine, or its limit for this user, has no room for one more process (${code})`);
  }
  const isFolder = await stat(cwd).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) return `can't be started: there is no folder ${cwd}`;
  if (code === 'ENOENT') {
    return command[0]?.includes('/')
      ? `can't be started: there is no file ${program}, or no interpreter that its first line names (ENOENT)`
      : `can't be started: no ${program} is on the PATH ${env.PATH ?? '(none)'} (ENOENT)`;
  }
  if (code === 'EACCES') return `can't be started: ${program} is not executable for this user (EACCES)`;
  return `can't be started: ${program} (${code ?? failure.message})`;
}

const NO_ROOM: ReadonlySet<string> = new Set(['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM']);
