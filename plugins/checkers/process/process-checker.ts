import { z } from 'zod';
import type { Checker, Clock, Verdict } from '../../../core/index.js';
import type { Processes } from './processes.js';

const options = z.strictObject({
  // No system has larger ones, and kill(2) takes none.
  pid: z
    .int()
    .min(1)
    .max(2 ** 31 - 1),
  /** Field 22 of /proc/PID/stat: clock ticks since boot. In digits where a door has no integers that large. */
  startTime: z
    .union([z.int().min(0), z.string().regex(/^\d{1,20}$/)], {
      error: 'expected clock ticks since boot, field 22 of /proc/PID/stat',
    })
    .transform(String)
    .optional(),
});
type Options = z.output<typeof options>;

/** What stands for the start time where the first look found nobody: what gets the pid later is another process. */
const NOBODY = '';

/** A checker of kind `process`: an instance is running while one process of this host is, and no other with its pid. */
export function createProcessChecker(clock: Clock, processes: Processes): Checker<typeof options> {
  // What the first check of a plan saw. The core hands all checks of one plan the same options, and drops them with it.
  const seen = new WeakMap<Options, string>();
  return {
    kind: 'process',
    options,
    async check({ options, signal }) {
      signal.throwIfAborted();
      if (options.startTime !== undefined && !processes.hasTicks) {
        throw new Error('option "startTime" is for Linux: this system has no clock ticks. Leave it out');
      }
      const begunAt = clock.monotonic();
      const found = await processes.look(options.pid);
      signal.throwIfAborted();
      const expected = options.startTime ?? seen.get(options) ?? found?.startTime ?? NOBODY;
      if (!seen.has(options)) seen.set(options, expected);
      return { ...judge(options.pid, found, expected, processes), latencyMs: clock.monotonic() - begunAt };
    },
  };
}

function judge(
  pid: number,
  found: Awaited<ReturnType<Processes['look']>>,
  expected: string,
  { describe }: Processes,
): Pick<Verdict, 'status' | 'output'> {
  if (found === undefined) return { status: 'error', output: `pid ${pid} is gone` };
  const since = describe(found.startTime);
  if (found.startTime !== expected) {
    return { status: 'error', output: `pid ${pid} is another process now, since ${since}` };
  }
  if (found.isZombie) return { status: 'error', output: `pid ${pid} is a zombie: it has ended` };
  return { status: 'running', output: `pid ${pid} runs since ${since}` };
}
