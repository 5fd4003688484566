import type { XmlRpcValue } from '../values.js';

/** What `resolve` waits where it is not told; no method waits longer than the other. In milliseconds. */
export const DEFAULT_WAIT_MS = 30_000;
export const LONGEST_WAIT_MS = 300_000;

/** How long a call lets the registry wait before it answers, in milliseconds: both methods that wait are told so second. */
export function waitOf(method: string, params: readonly XmlRpcValue[]): number {
  if (method !== 'resolve' && method !== 'wait_for_change') return 0;
  const ms = params[1] === undefined ? DEFAULT_WAIT_MS : Number(params[1]) * 1_000;
  return ms > 0 ? Math.min(ms, LONGEST_WAIT_MS) : 0;
}
