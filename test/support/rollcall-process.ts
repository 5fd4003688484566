import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../../dist/core/cli/index.js', import.meta.url));
const START_TIMEOUT_MS = 15_000;

/** What a command printed, and how it ended. */
export interface CommandResult {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs `rollcall ...args` as a person would. */
export async function rollcall(
  args: readonly string[],
  options: { folder?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<CommandResult> {
  const child = spawn(process.execPath, [CLI, ...args], {
    cwd: options.folder ?? process.cwd(),
    env: { ...process.env, ROLLCALL_URL: undefined, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const out = collect(child.stdout);
  const err = collect(child.stderr);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out: out(), err: err() };
}

/** A registry as a process of its own, in a folder of its own, and all that is to be cleaned up after it. */
export class RollcallProcess {
  readonly folder: string;
  #child: ChildProcess | undefined;
  #output = () => '';
  url = '';

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(config: string): Promise<RollcallProcess> {
    const folder = await mkdtemp(join(tmpdir(), 'rollcall-e2e-'));
    await writeFile(join(folder, 'registry.config.mjs'), config);
    return new RollcallProcess(folder);
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Everything it has printed since it was last started. */
  get output(): string {
    return this.#output();
  }

  /**
   * Starts `rollcall start` and waits until its door is open. `through` is a command that ends in running the one that
   * follows it, under other limits say.
   */
  async start(...through: string[]): Promise<void> {
    const [command = '', ...args] = [...through, process.execPath, CLI, 'start'];
    const child = spawn(command, args, {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    const out = collect(child.stdout);
    const err = collect(child.stderr);
    this.#output = () => out() + err();
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no door opened: ${this.output}`)), START_TIMEOUT_MS);
      child.once('exit', (code) => reject(new Error(`exit ${code}: ${this.output}`)));
      child.stdout.on('data', () => {
        const found = /xml-rpc\s+(http:\S+)/.exec(out());
        if (found?.[1] === undefined || !out().includes('Try, in another')) return;
        clearTimeout(timer);
        this.url = found[1];
        resolve();
      });
    });
  }

  /** Ends it with a signal and waits until it is gone; answers its exit code. */
  async kill(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null)
      return child?.exitCode ?? null;
    child.kill(signal);
    const [code] = (await once(child, 'exit')) as [number | null];
    return code;
  }

  /** Stops it, what it started included, and removes its folder. */
  async dispose(): Promise<void> {
    await this.kill('SIGTERM');
    await rm(this.folder, { recursive: true, force: true });
  }
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  let text = '';
  stream?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return () => text;
}
