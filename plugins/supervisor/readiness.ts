import { messageOf, type PluginApi, pause, RegistryError } from '../../core/index.js';
import type { ServiceOptions } from './options.js';

/** A check that does not answer is given up after this, and another one made. */
const CHECK_MS = 5_000;
/** The shortest pause between two checks. */
const LEAST_PAUSE_MS = 5;
/** The pause is this part of the time it has taken so far, up to the configured one: so much later at most it is seen. */
const PART_OF_START = 1 / 8;

/**
 * Resolves when the ready check of an instance passes. Rejects with SPAWN_FAILED after its timeout, saying what the last
 * check saw, or with the signal's reason.
 */
export async function untilReady(
  api: Pick<PluginApi, 'prepareCheck' | 'clock'>,
  target: { readonly host: string; readonly port: number },
  { check, options, interval, timeout }: ServiceOptions['ready'],
  signal: AbortSignal,
): Promise<void> {
  const began = api.clock.monotonic();
  const run = api.prepareCheck(check, options);
  let last = 'no check has ended';
  for (let passed = 0; passed < timeout; passed = api.clock.monotonic() - began) {
    signal.throwIfAborted();
    const left = timeout - passed;
    const verdict = await run(target, { timeoutMs: Math.min(left, CHECK_MS), signal }).catch((error) => ({
      status: 'error',
      output: messageOf(error),
    }));
    signal.throwIfAborted();
    if (verdict.status === 'running') return;
    last = verdict.output;
    const wait = Math.max((api.clock.monotonic() - began) * PART_OF_START, LEAST_PAUSE_MS);
    await pause(api.clock, Math.min(wait, interval, left), signal);
  }
  signal.throwIfAborted();
  throw new RegistryError(
    'SPAWN_FAILED',
    `was not ready within ${timeout} ms; the last ${check} check: ${last}`,
  );
}
