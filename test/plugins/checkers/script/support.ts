import { readFile } from 'node:fs/promises';
import { readProcessStart, type ServiceRecord, systemClock, type Verdict } from '../../../../core/index.js';
import { createScriptChecker } from '../../../../plugins/checkers/script/script-checker.js';

/** A checker whose scripts get nothing of this process but where programs are. */
export function createChecker({ folder = '/', inFlight = 16, disposal = new AbortController() } = {}) {
  return createScriptChecker({
    clock: systemClock,
    inFlight,
    environment: { PATH: process.env.PATH ?? '' },
    resolvePath: (path) => (path === '.' ? folder : path),
    signal: disposal.signal,
  });
}

interface Run {
  readonly checker?: ReturnType<typeof createChecker>;
  readonly signal?: AbortSignal;
  readonly record?: ServiceRecord;
  readonly env?: { readonly [name: string]: string };
  readonly cwd?: string;
}

/** Runs one script of that command. */
export function run(command: readonly string[], given: Run = {}): Promise<Verdict> {
  const { checker = createChecker(), signal = AbortSignal.timeout(10_000), record, ...more } = given;
  return checker.check({
    target: { host: '127.0.0.1', port: 9, ...(record && { record }) },
    options: checker.options.parse({ command, ...more }),
    signal,
  });
}

/** The same of a shell's program. */
export function sh(source: string, given: Run = {}): Promise<Verdict> {
  return run(['sh', '-c', source], given);
}

/** The numbers in a file, once it has that many lines. */
export async function readPids(file: string, count: number): Promise<number[]> {
  for (;;) {
    const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n');
    if (lines.length > count) return lines.slice(0, count).map(Number);
  }
}

/** Resolves once none of these runs. A zombie does not; whoever is to wait for it may take its time. */
export async function untilGone(pids: readonly number[]): Promise<void> {
  const isAlive = (pid: number) => readProcessStart(pid)?.isZombie === false;
  while (pids.some(isAlive)) await new Promise(setImmediate);
}
