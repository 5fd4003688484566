import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const DIST = new URL('../../dist/', import.meta.url);
const CLI = fileURLToPath(new URL('core/cli/index.js', DIST));
const BOOT_TIMEOUT_MS = 20_000;
const EXIT_TIMEOUT_MS = 20_000;

/** Every child that has been started and has not ended. */
const children = new Set<ChildProcess>();

/** Ends what a test that failed has left. */
export function killChildren(): void {
  for (const child of children) child.kill('SIGKILL');
}

/** What the file store may be told, beside its path. */
export interface StoreOptions {
  readonly snapshotBytes: number;
  readonly durability: string;
}

/**
 * `rollcall start` with the file store, one XML-RPC door, and two methods for those who look over its shoulder: `seen`
 * answers its cursor, `audit` all its records too. Both answer JSON.
 */
function configOf(store: StoreOptions): string {
  return `
import { z } from ${JSON.stringify(import.meta.resolve('zod'))};
const answer = (name, run) => ({ name, summary: name, params: z.object({}), verb: 'read', run: () => JSON.stringify(run()) });
const audit = {
  name: 'audit',
  setup({ addOperation, services }) {
    const record = ({ name, instance, id, meta, status, revision }) => ({ name, instance, id, n: meta.n, status, revision });
    addOperation(answer('seen', () => services.cursor));
    addOperation(answer('audit', () => ({ cursor: services.cursor, records: [...services.traverse()].map(record) })));
  },
};
export default {
  log: { level: 'error' },
  store: ['file', ${JSON.stringify({ path: './data', ...store })}],
  plugins: [audit, ['xml-rpc', { port: 0 }]],
};
`;
}

/** One data folder, and one registry process after the other in it. */
export class CrashRegistry {
  readonly folder: string;
  #child: ChildProcess | undefined;
  #exited: Promise<number | null> = Promise.resolve(null);
  #output = '';

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(store: StoreOptions): Promise<CrashRegistry> {
    const folder = await mkdtemp(join(tmpdir(), 'rollcall-crash-'));
    await writeFile(join(folder, 'registry.config.mjs'), configOf(store));
    return new CrashRegistry(folder);
  }

  /** Starts the process, and waits for nothing. What is answered resolves to its door's port. */
  start(): { readonly port: Promise<number> } {
    const child = spawn(process.execPath, [CLI, 'start'], {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.add(child);
    this.#child = child;
    this.#output = '';
    this.#exited = once(child, 'exit').then(([code]) => {
      children.delete(child);
      return code as number | null;
    });
    const port = within<number>(
      BOOT_TIMEOUT_MS,
      'open its door',
      () => this.#output,
      (resolve, reject) => {
        const read = (chunk: Buffer) => {
          this.#output += chunk.toString();
          const found = /xml-rpc\s+http:\/\/[\d.]+:(\d+)/.exec(this.#output);
          if (found !== null) resolve(Number(found[1]));
        };
        child.stdout.on('data', read);
        child.stderr.on('data', read);
        this.#exited.then((code) => reject(new Error(`exit ${code}: ${this.#output}`)));
      },
    );
    // Whoever kills it while it starts does not wait for the door.
    port.catch(() => {});
    return { port };
  }

  /** Sends a signal, if the process is still there. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Waits for the end of the process; answers its exit code, null where a signal ended it. */
  exit(): Promise<number | null> {
    return within<number | null>(
      EXIT_TIMEOUT_MS,
      'end',
      () => this.#output,
      (resolve, reject) => this.#exited.then(resolve, reject),
    );
  }

  /** The number of the newest snapshot, which is how often a journal has been replaced; 0 where there is none. */
  async newestSnapshot(): Promise<number> {
    const names = await readdir(join(this.folder, 'data'));
    return Math.max(0, ...names.map((name) => Number(/^snapshot-(\d+)\.log$/.exec(name)?.[1] ?? 0)));
  }

  async remove(): Promise<void> {
    this.signal('SIGKILL');
    await this.exit();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A promise that fails where it has not settled in time. */
export function within<T>(
  ms: number,
  what: string,
  output: () => string,
  begin: (resolve: (value: T) => void, reject: (error: Error) => void) => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const late = () => reject(new Error(`The registry did not ${what} within ${ms} ms: ${output()}`));
    const timer = setTimeout(late, ms);
    const settle =
      <V>(pass: (value: V) => void) =>
      (value: V) => {
        clearTimeout(timer);
        pass(value);
      };
    begin(settle(resolve), settle(reject));
  });
}
