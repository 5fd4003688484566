import type { z } from 'zod';
import type { Clock, Timer } from './clock.js';
import { messageOf, RegistryError } from './errors.js';
import { nearest } from './nearest.js';
import type {
  Checker,
  CheckReporter,
  CheckTarget,
  Operation,
  PreparedCheck,
  Spawner,
  Verdict,
} from './plugin.js';
import { parseArgument } from './schema.js';

/** A timer that fires this late was held up by this process, and says nothing about anyone else. */
const STALL_MS = 100;

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
  readonly checkReporters = new Offers<CheckReporter>('reports of');
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes back all that one plugin offers. */
  remove(plugin: string): void {
    const { checkers, spawners, operations, collections, checkReporters } = this;
    for (const offers of [checkers, spawners, operations, collections, checkReporters]) offers.remove(plugin);
  }

  /** Makes a check ready to be run often (see `PluginApi.prepareCheck`). */
  prepareCheck(kind: string, given: unknown): PreparedCheck {
    const { items } = this.checkers;
    const checker = items.get(kind);
    if (checker === undefined) throw new RegistryError('NOT_FOUND', unknownChecker(kind, items.keys()));
    const options: unknown = parseArgument<z.ZodType>(checker.options, given);
    return async (target, { timeoutMs, signal }) => {
      signal?.throwIfAborted();
      if (items.get(kind) !== checker)
        throw new RegistryError('NOT_FOUND', unknownChecker(kind, items.keys()));
      return this.#run(checker, { target, options }, timeoutMs, signal);
    };
  }

  /** Runs a checker by its kind (see `PluginApi.check`). Once `signal` aborts it rejects with that reason. */
  async check(
    kind: string,
    target: CheckTarget,
    call: { options?: unknown; timeoutMs: number; signal?: AbortSignal },
  ): Promise<Verdict> {
    return this.prepareCheck(kind, call.options ?? {})(target, call);
  }

  #run(
    checker: Checker,
    request: { target: CheckTarget; options: unknown },
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Verdict> {
    const began = this.#clock.monotonic();
    const controller = new AbortController();
    return new Promise<Verdict>((resolve, reject) => {
      let isLate = false;
      const wait = (ms: number, due: number): Timer =>
        this.#clock.setTimer(ms, () => {
          const lateMs = this.#clock.monotonic() - due;
          if (lateMs > STALL_MS && !isLate) {
            // This process stood still, so the answer may have come long ago: look once more.
            isLate = true;
            const extraMs = Math.min(lateMs, timeoutMs);
            timer = wait(extraMs, due + lateMs + extraMs);
            return;
          }
          end();
          const output = `no answer within ${timeoutMs} ms`;
          // The answer first, then the abort: what a checker makes of that comes too late to count.
          resolve({ status: 'error', output, latencyMs: this.#clock.monotonic() - began });
          controller.abort(new Error(output));
        });
      let timer = wait(timeoutMs, began + timeoutMs);
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
      const run = async () => checker.check({ ...request, signal: controller.signal });
      run().then(
        (verdict) => {
          end();
          if (isVerdict(verdict)) resolve(verdict);
          else reject(failed(checker.kind, new Error(NO_VERDICT)));
        },
        (error) => {
          end();
          reject(failed(checker.kind, error));
        },
      );
    });
  }
}

/** What one says who names a checker that is not there: the nearest that is, or all. */
function unknownChecker(kind: string, known: Iterable<string>): string {
  const kinds = [...known];
  if (kinds.length === 0) return `No plugin offers the checker "${kind}". Load one, such as 'tcp-checker'.`;
  const guess = nearest(kind, kinds);
  const hint = guess === undefined ? `Those offered are: ${kinds.join(', ')}.` : `Did you mean "${guess}"?`;
  return `No plugin offers the checker "${kind}". ${hint}`;
}

const VERDICTS: readonly unknown[] = ['running', 'degraded', 'error'] satisfies Verdict['status'][];
const NO_VERDICT = `expected a verdict, { status: ${VERDICTS.join(' | ')}, output, latencyMs }`;

function isVerdict(verdict: Verdict | null | undefined): boolean {
  return VERDICTS.includes(verdict?.status);
}

function failed(kind: string, cause: unknown): RegistryError {
  return new RegistryError('CHECKER_FAILED', `Checker "${kind}": ${messageOf(cause)}`, { cause });
}
