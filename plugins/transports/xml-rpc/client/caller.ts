import type { Clock } from '../../../../core/clock.js';
import type { XmlRpcValue } from '../values.js';
import { Links } from './links.js';

/** Calls methods of a registry, and no more. */
export interface RegistryCaller {
  /** Rejects with RegistryFault for a fault, UNREACHABLE where no answer came. */
  call(method: string, ...params: XmlRpcValue[]): Promise<unknown>;
}

/** A caller of the registry at `url`, such as `http://127.0.0.1:8800`, for commands. */
export function createCaller(url: string, options: { clock: Clock; timeoutMs?: number }): RegistryCaller {
  const { clock, timeoutMs = 10_000 } = options;
  const links = new Links([url], { clock, timeoutMs, connectTimeoutMs: timeoutMs });
  return { call: async (method, ...params) => (await links.call(method, params)).value };
}
