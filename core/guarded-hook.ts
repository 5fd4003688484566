import { types } from 'node:util';
import {
  AsyncParallelHook,
  AsyncSeriesBailHook,
  AsyncSeriesHook,
  AsyncSeriesWaterfallHook,
  SyncHook,
} from 'tapable';
import { isPromise } from './awaitable.js';
import { type ErrorCode, RegistryError } from './errors.js';
import { blame, failureText, type Guard, type TapCall, type TapOptions } from './guard.js';

/** A tap as the guard keeps it: tapable cannot take one back, so a hook is made anew from this list. */
interface KeptTap {
  readonly plugin: string;
  readonly options: TapOptions;
  readonly run: (...args: never[]) => unknown;
}

/** What is common to all hooks: the list of taps, and taking a plugin's taps out of it. */
abstract class GuardedHook {
  readonly name: string;
  protected readonly guard: Guard;
  #taps: readonly KeptTap[] = [];

  constructor(name: string, guard: Guard) {
    this.name = name;
    this.guard = guard;
  }

  /** Whether any plugin taps it: the hot path asks first. */
  get isTapped(): boolean {
    return this.#taps.length > 0;
  }

  /** The plugins that tap it, in the order in which they did. */
  get tappedBy(): readonly string[] {
    return this.#taps.map(({ plugin }) => plugin);
  }

  /** Takes all taps of a plugin out. A call under way goes on with the taps that it began with. */
  untap(plugin: string): void {
    const left = this.#taps.filter((tap) => tap.plugin !== plugin);
    if (left.length < this.#taps.length) this.#use(left);
  }

  protected keep(tap: KeptTap): void {
    this.#use([...this.#taps, tap]);
  }

  #use(taps: readonly KeptTap[]): void {
    this.rebuild(taps);
    this.#taps = taps;
  }

  protected abstract rebuild(taps: readonly KeptTap[]): void;

  protected describe(plugin: string): string {
    return `Plugin "${plugin}" in hook ${this.name}`;
  }

  /** INVALID_ARGUMENT for what cannot be called, such as the name that tapable's own `tap` takes first. */
  protected checkFunction(plugin: string, run: unknown): void {
    if (typeof run === 'function') return;
    throw new RegistryError(
      'INVALID_ARGUMENT',
      `${this.describe(plugin)}: a tap is a function, not ${run === null ? 'null' : typeof run}. Give the function first; the plugin's name is known.`,
    );
  }

  protected checkSync(plugin: string, run: unknown): void {
    this.checkFunction(plugin, run);
    if (!types.isAsyncFunction(run)) return;
    throw new RegistryError(
      'HOOK_ASYNC_TAP',
      `${this.describe(plugin)}: an async function was given to tap, which takes functions that end when they return. Use tapPromise.`,
    );
  }

  protected logFailure(plugin: string, error: unknown): void {
    this.guard.logger.error(
      { plugin, hook: this.name, err: error },
      failureText(this.describe(plugin), error),
    );
  }
}

/** Only these two: tapable takes further keys, such as `fn`, as its own. */
function tapOptions({ plugin, options: { stage, before } }: KeptTap) {
  return { name: plugin, ...(stage !== undefined && { stage }), ...(before !== undefined && { before }) };
}

/** More promises than this under way in one tap of a notification, and further ones are not started. */
const NOTICES_UNDER_WAY = 1_000;
const NOTICE_TIMEOUT_MS = 30_000;

/** A notification: nobody waits for its taps, and a tap that fails is logged while the others run. */
export class NoticeHook<Args extends readonly unknown[]> extends GuardedHook {
  #hook: SyncHook<unknown[]> | undefined;
  readonly #argumentNames: readonly string[];

  constructor(name: string, argumentNames: readonly string[], guard: Guard) {
    super(name, guard);
    this.#argumentNames = argumentNames;
  }

  call(...args: Args): void {
    this.#hook?.call(...(args as unknown as unknown[]));
  }

  /** Runs within the notification. `run` must be synchronous: it holds up whoever caused the event. */
  tap(plugin: string, run: (...args: Args) => void, options: TapOptions = {}): void {
    this.checkSync(plugin, run);
    this.keep({
      plugin,
      options,
      run: (...args: never[]) => {
        try {
          const result: unknown = run(...(args as unknown as Args));
          if (isPromise(result)) result.then(undefined, (error) => this.logFailure(plugin, error));
        } catch (error) {
          this.logFailure(plugin, error);
        }
      },
    });
  }

  /** Starts within the notification and is waited for by nobody; its rejection is logged, its time is limited. */
  tapPromise(
    plugin: string,
    run: (...args: [...Args, TapCall]) => Promise<void>,
    options: TapOptions = {},
  ): void {
    this.checkFunction(plugin, run);
    const what = this.describe(plugin);
    let underWay = 0;
    let left = 0;
    const ended = () => {
      underWay -= 1;
      if (left === 0 || underWay > NOTICES_UNDER_WAY / 2) return;
      this.logFailure(plugin, new Error(`${left} calls were left out while earlier ones had not ended`));
      left = 0;
    };
    this.keep({
      plugin,
      options,
      run: (...args: never[]) => {
        if (underWay >= NOTICES_UNDER_WAY) {
          // One line, not one for each: the event may be a frequent one.
          if (left === 0) {
            this.logFailure(plugin, new Error(`${underWay} calls have not ended; further ones are left out`));
          }
          left += 1;
          return;
        }
        underWay += 1;
        const start = (call: TapCall) => run(...([...args, call] as unknown as [...Args, TapCall]));
        this.guard.limit(what, NOTICE_TIMEOUT_MS, start, plugin).then(ended, (error) => {
          this.logFailure(plugin, error);
          ended();
        });
      },
    });
  }

  protected rebuild(taps: readonly KeptTap[]): void {
    const hook = taps.length === 0 ? undefined : new SyncHook<unknown[]>([...this.#argumentNames] as never);
    for (const tap of taps) hook?.tap(tapOptions(tap), tap.run as () => void);
    this.#hook = hook;
  }
}

/**
 * The ways in which taps that are waited for follow each other: `series` one after another, `parallel` all at once,
 * `waterfall` each given what the one before made of the first argument, `bail` until one answers.
 */
const STEP_HOOKS = {
  series: AsyncSeriesHook,
  parallel: AsyncParallelHook,
  waterfall: AsyncSeriesWaterfallHook,
  bail: AsyncSeriesBailHook,
} as const;

export interface StepHookOptions {
  readonly kind: keyof typeof STEP_HOOKS;
  readonly argumentNames: readonly string[];
  /**
   * What becomes of the whole when a tap fails: `log` it and go on, or stop with an error of this code. Where the code
   * is HOOK_FAILED, an error that has a code of its own, such as ADDRESS_IN_USE, keeps it.
   */
  readonly onFailure: 'log' | ErrorCode;
  /** The time each tap has. */
  readonly timeoutMs: number;
}

/** The part of tapable's async hooks that is used. */
interface TapableStep {
  tapPromise(options: { name: string }, run: (...args: unknown[]) => Promise<unknown>): void;
  promise(...args: unknown[]): Promise<unknown>;
}

/** A step that is waited for. Its taps may be synchronous or not. */
export class StepHook<Args extends readonly unknown[], Result = void> extends GuardedHook {
  readonly #options: StepHookOptions;
  #hook: TapableStep | undefined;

  constructor(name: string, options: StepHookOptions, guard: Guard) {
    super(name, guard);
    this.#options = options;
  }

  /** Answers undefined (for a waterfall: the first argument) where nothing is tapped. */
  promise(...args: Args): Promise<Result> {
    // Handed on, not awaited: an async function would add three turns of the promise queue.
    if (this.#hook !== undefined) return this.#hook.promise(...args) as Promise<Result>;
    return Promise.resolve((this.#options.kind === 'waterfall' ? args[0] : undefined) as Result);
  }

  /** A tap that ends when it returns. */
  tap(
    plugin: string,
    run: (...args: [...Args, TapCall]) => Result | undefined,
    options: TapOptions = {},
  ): void {
    this.checkSync(plugin, run);
    this.#keep(plugin, run, options);
  }

  /** A tap that ends when its promise does. */
  tapPromise(
    plugin: string,
    run: (...args: [...Args, TapCall]) => Promise<Result | undefined>,
    options: TapOptions = {},
  ): void {
    this.checkFunction(plugin, run);
    this.#keep(plugin, run, options);
  }

  #keep(plugin: string, run: (...args: [...Args, TapCall]) => unknown, options: TapOptions): void {
    const what = this.describe(plugin);
    this.keep({
      plugin,
      options,
      run: (...args: never[]) => {
        const start = (call: TapCall) => run(...([...args, call] as unknown as [...Args, TapCall]));
        return this.guard
          .limit(what, this.#options.timeoutMs, start, plugin)
          .catch((error) => this.#failed(plugin, error));
      },
    });
  }

  #failed(plugin: string, error: unknown): undefined {
    const { onFailure } = this.#options;
    const what = this.describe(plugin);
    // Whoever fires these hands the error on: to the operator at boot, to the supervisor at a spawn.
    if (onFailure === 'HOOK_FAILED') throw blame(plugin, what, error, onFailure);
    // Said on purpose: a policy that refuses does not fail.
    if (error instanceof RegistryError && error.code === onFailure) throw error;
    this.logFailure(plugin, error);
    if (onFailure === 'log') return undefined;
    throw new RegistryError(onFailure, failureText(what, error), { cause: error });
  }

  protected rebuild(taps: readonly KeptTap[]): void {
    this.#hook = undefined;
    if (taps.length === 0) return;
    const TapableHook = STEP_HOOKS[this.#options.kind] as unknown as new (names: string[]) => TapableStep;
    const hook = new TapableHook([...this.#options.argumentNames]);
    for (const tap of taps) hook.tapPromise(tapOptions(tap), tap.run as () => Promise<unknown>);
    this.#hook = hook;
  }
}
