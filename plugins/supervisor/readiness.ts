import { messageOf, type PluginApi, RegistryError } from '../../core/index.js';
import type { ServiceOptions } from './options.js';
import { pause } from './pause.js';

/** A check that does not answer is given up after this, and another one made. */
const CHECK_MS = 5_000;
/** The first pause between two checks; it doubles up to the configured one, so that what is ready soon is seen soon. */
const FIRST_PAUSE_MS = 10;

/**
 * Resolves when the ready check of an instance passes. Rejects with SPAWN_FAILED after its timeout, saying what the last
 * check saw, or with the signal's reason.
 */
export async function untilReady(
  api: Pick<PluginApi, 'check' | 'clock'>,
  target: { readonly host: string; readonly port: number },
  { check, options, interval, timeout }: ServiceOptions['ready'],
  signal: AbortSignal,
): Promise<void> {
  const until = api.clock.monotonic() + timeout;
  let last = 'no check has ended';
  let wait = Math.min(FIRST_PAUSE_MS, interval);
  for (let left = timeout; left > 0; left = until - api.clock.monotonic()) {
    signal.throwIfAborted();
    const verdict = await api
      .check(check, target, { options, timeoutMs: Math.min(left, CHECK_MS), signal })
      .catch((error) => ({ status: 'error', output: messageOf(error) }));
    signal.throwIfAborted();
    if (verdict.status === 'running') return;
    last = verdict.output;
    await pause(api.clock, Math.min(wait, left), signal);
    wait = Math.min(wait * 2, interval);
  }
  signal.throwIfAborted();
  throw new RegistryError(
    'SPAWN_FAILED',
    `was not ready within ${timeout} ms; the last ${check} check: ${last}`,
  );
}
