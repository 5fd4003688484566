import { RegistryError } from '../../../../core/index.js';
import type { XmlRpcValue } from '../values.js';

/** A query as callers send it. */
export type SentQuery = { readonly [member: string]: XmlRpcValue };

/**
 * Refuses what may not be asked over the wire: a `$regex` runs in the registry's only thread, and one of a dozen characters
 * can keep it busy for years. Throws INVALID_QUERY.
 */
export function safeQuery(query: SentQuery): SentQuery {
  refuseRegex(query);
  return query;
}

function refuseRegex(value: XmlRpcValue): void {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  if (!Array.isArray(value) && Object.hasOwn(value, '$regex')) {
    throw new RegistryError(
      'INVALID_QUERY',
      'A query that comes over the network may not have $regex, since a pattern can hold up the whole registry. ' +
        'Use $eq, $in or ranges, or pick from the answer.',
    );
  }
  for (const member of Object.values(value)) refuseRegex(member as XmlRpcValue);
}
