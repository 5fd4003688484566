/**
 * A value, or a promise of one. The hot path stays synchronous where nothing has to wait: a promise a step costs more
 * than the step (docs/benchmarks.md).
 */
export type Awaitable<T> = T | Promise<T>;

/** Whether a value is a promise, or anything else with a `then`. */
export function isPromise<T>(value: Awaitable<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

/**
 * Calls `next` with the value: now if it is there, later if it is promised. Not called `then`: a module that exports
 * such a name is taken for a promise by `import()`.
 */
export function andThen<T, R>(value: Awaitable<T>, next: (value: T) => Awaitable<R>): Awaitable<R> {
  return isPromise(value) ? value.then(next) : next(value);
}
