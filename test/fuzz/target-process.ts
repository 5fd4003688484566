import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Question, Reply } from './target.js';

const BUILT = fileURLToPath(new URL('../../dist/test/fuzz/target.js', import.meta.url));
const BESIDE = fileURLToPath(new URL('./target.js', import.meta.url));
/** Far beyond anything that is right: what takes as long has hung. */
const ANSWER_TIMEOUT_MS = 60_000;

/** The registry that is fuzzed, as a process of its own (target.ts). */
export class TargetProcess {
  readonly #child: ChildProcess;
  readonly url: string;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.url = `http://127.0.0.1:${port}/RPC2`;
  }

  static async start(): Promise<TargetProcess> {
    const child = fork(import.meta.url.endsWith('.ts') ? BUILT : BESIDE, [], { execArgv: ['--expose-gc'] });
    const [message] = await Promise.race([once(child, 'message'), once(child, 'exit')]);
    const { port } = Object(message) as { port?: number };
    if (port === undefined) throw new Error('the registry to be fuzzed did not start');
    return new TargetProcess(child, port);
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Undefined where it ended, or hung and was killed, in place of an answer. */
  async ask<T extends Reply>(question: Question): Promise<T | undefined> {
    if (this.hasEnded) return undefined;
    const answered = new AbortController();
    const { signal } = answered;
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), ANSWER_TIMEOUT_MS);
    try {
      this.#child.send(question);
      const [reply] = (await Promise.race([
        once(this.#child, 'message', { signal }),
        once(this.#child, 'exit', { signal }).then(() => [undefined]),
      ])) as [T | undefined];
      return reply;
    } finally {
      clearTimeout(timer);
      answered.abort();
    }
  }

  async stop(): Promise<void> {
    if (this.hasEnded) return;
    const exited = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    else this.#child.kill('SIGKILL');
    await exited;
  }
}
