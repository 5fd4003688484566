import { z } from 'zod';
import {
  type By,
  duration,
  LIMITS,
  parseArgument,
  type RegisterInput,
  STATUS_CODES,
  type Status,
  statusOfCode,
} from '../../../../core/index.js';
import { FAULT_CODES, XmlRpcFault } from '../faults.js';
import type { RegisterDetails } from './types.js';

/** What `register`'s fifth parameter may say; what its members may hold, the registry's own schema knows. */
const detailsSchema = z.strictObject({
  instance: z.string().optional(),
  version: z.string().optional(),
  tags: z.array(z.string()).optional(),
  meta: z.record(z.string(), z.string()).optional(),
  zone: z.string().optional(),
  weight: z.number().optional(),
  ttl: duration(LIMITS.ttlMs).optional(),
  checks: z.array(z.record(z.string(), z.json())).optional(),
});

/** The status that an integer stands for. Throws a fault that lists them all. */
export function statusFrom(code: number): Status {
  const status = statusOfCode(code);
  if (status !== undefined) return status;
  const known = Object.entries(STATUS_CODES).map(([name, value]) => `${value} ${name}`);
  throw new XmlRpcFault(FAULT_CODES.INVALID_PARAMS, `status must be one of ${known.join(', ')}, not ${code}`);
}

/** The details of a registration in the registry's own words. Throws INVALID_ARGUMENT. */
export function detailsFrom(details: RegisterDetails | undefined): Partial<RegisterInput> {
  if (details === undefined) return {};
  const { ttl, ...rest } = parseArgument(detailsSchema, details);
  return { ...rest, ...(ttl !== undefined && { ttlMs: Math.round(ttl) }) } as Partial<RegisterInput>;
}

/** Which instances of a name a call is about, and who calls. */
export function whose(id: number | undefined, by: By): { id?: number; by: By } {
  return id === undefined ? { by } : { id, by };
}
