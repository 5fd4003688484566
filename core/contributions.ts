import type { z } from 'zod';
import type { Clock } from './clock.js';
import { messageOf, RegistryError } from './errors.js';
import { nearest } from './nearest.js';
import type { Checker, CheckTarget, Operation, Spawner, Verdict } from './plugin.js';
import { parseArgument } from './schema.js';

/** Things of one sort that plugins offer, each under a name that has one owner. */
export class Offers<T> {
  readonly #what: string;
  readonly #owners = new Map<string, string>();
  readonly items = new Map<string, T>();

  constructor(what: string) {
    this.#what = what;
  }

  add(name: string, item: T, plugin: string): void {
    const owner = this.#owners.get(name);
    if (owner !== undefined) {
      throw new RegistryError(
        'PLUGIN_DUPLICATE',
        `Plugins "${owner}" and "${plugin}" both offer ${this.#what} "${name}". Load one of them.`,
      );
    }
    this.#owners.set(name, plugin);
    this.items.set(name, item);
  }

  remove(plugin: string): void {
    for (const [name, owner] of this.#owners) {
      if (owner !== plugin) continue;
      this.#owners.delete(name);
      this.items.delete(name);
    }
  }
}

/** What all plugins together offer. Where two plugins must meet, they meet here. */
export class Contributions {
  readonly checkers = new Offers<Checker>('checker');
  readonly spawners = new Offers<Spawner>('spawner');
  readonly operations = new Offers<Operation>('operation');
  readonly collections = new Offers<true>('collection');
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes back all that one plugin offers. */
  remove(plugin: string): void {
    for (const offers of [this.checkers, this.spawners, this.operations, this.collections])
      offers.remove(plugin);
  }

  /** Runs a checker by its kind (see `PluginApi.check`). Once `signal` aborts it rejects with that reason. */
  async check(
    kind: string,
    target: CheckTarget,
    call: { options?: unknown; timeoutMs: number; signal?: AbortSignal },
  ): Promise<Verdict> {
    const checker = this.checkers.items.get(kind);
    if (checker === undefined) {
      const guess = nearest(kind, this.checkers.items.keys());
      throw new RegistryError(
        'NOT_FOUND',
        `No plugin offers a checker "${kind}".${guess === undefined ? '' : ` Did you mean "${guess}"?`}`,
      );
    }
    const options: unknown = parseArgument<z.ZodType>(checker.options, call.options ?? {});
    const { signal, timeoutMs } = call;
    signal?.throwIfAborted();
    const began = this.#clock.monotonic();
    const controller = new AbortController();
    return new Promise<Verdict>((resolve, reject) => {
      // The answer first, then the abort: what a checker makes of that comes too late to count.
      const timer = this.#clock.setTimer(timeoutMs, () => {
        end();
        const output = `no answer within ${timeoutMs} ms`;
        resolve({ status: 'error', output, latencyMs: this.#clock.monotonic() - began });
        controller.abort(new Error(output));
      });
      const abort = () => {
        end();
        reject(signal?.reason);
        controller.abort(signal?.reason);
      };
      const end = () => {
        timer.cancel();
        signal?.removeEventListener('abort', abort);
      };
      signal?.addEventListener('abort', abort, { once: true });
      const run = async () => checker.check({ target, options, signal: controller.signal });
      run()
        .then(checkVerdict)
        .finally(end)
        .then(resolve, (error) => reject(failed(kind, error)));
    });
  }
}

const VERDICTS: readonly unknown[] = ['running', 'degraded', 'error'] satisfies Verdict['status'][];

function checkVerdict(verdict: Verdict): Verdict {
  if (VERDICTS.includes((verdict as Verdict | null | undefined)?.status)) return verdict;
  throw new Error(`expected a verdict, { status: ${VERDICTS.join(' | ')}, output, latencyMs }`);
}

function failed(kind: string, cause: unknown): RegistryError {
  return new RegistryError('CHECKER_FAILED', `Checker "${kind}": ${messageOf(cause)}`, { cause });
}
