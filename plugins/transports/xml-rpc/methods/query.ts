import { RegistryError, STATUSES } from '../../../../core/index.js';
import type { XmlRpcValue } from '../values.js';
import { QUERY_PATTERNS, QUERY_VALUES } from './limits.js';

/** A query as callers send it. */
export type SentQuery = { readonly [member: string]: XmlRpcValue };

/** Members that answers call otherwise than records do: a query for these would find nothing, and not say why. */
const RECORD_NAMES: ReadonlyMap<string, string> = new Map([
  ['ttl', 'ttlMs, in milliseconds'],
  ['registered_at', 'registeredAt, in milliseconds since 1970'],
  ['updated_at', 'updatedAt, in milliseconds since 1970'],
]);

/**
 * Holds a query to what may come over a network: fewer values than MicroDB takes, and few patterns, since it is planned and
 * compiled in one go; and to what can be found at all. Throws INVALID_QUERY.
 */
export function checkQuery(query: SentQuery): SentQuery {
  const size = { values: 0, patterns: 0 };
  measure(query, size);
  if (size.values > QUERY_VALUES || size.patterns > QUERY_PATTERNS) {
    throw invalid(
      `A query over this door has at most ${QUERY_VALUES} values and ${QUERY_PATTERNS} patterns, not ${size.values} and ` +
        `${size.patterns}; ask in several parts.`,
    );
  }
  checkMembers(query);
  return query;
}

function measure(value: XmlRpcValue, size: { values: number; patterns: number }): void {
  size.values += 1;
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  if (!Array.isArray(value) && Object.hasOwn(value, '$regex')) size.patterns += 1;
  for (const member of Object.values(value)) measure(member as XmlRpcValue, size);
}

function checkMembers(query: XmlRpcValue): void {
  if (typeof query !== 'object' || query === null) return;
  for (const [name, condition] of Object.entries(query)) {
    if (name === '$and' || name === '$or' || name === '$nor') {
      for (const part of Object.values(condition ?? {})) checkMembers(part as XmlRpcValue);
    } else if (name === 'status') {
      checkStatus(condition as XmlRpcValue);
    } else {
      const ours = RECORD_NAMES.get(name);
      if (ours !== undefined) throw invalid(`A query names ${ours}, where answers say ${name}.`);
    }
  }
}

/** A status, or several within `$in` and the like; in a query it is a name, in answers an integer. */
function checkStatus(condition: XmlRpcValue): void {
  if (typeof condition === 'object' && condition !== null) {
    for (const [operator, value] of Object.entries(condition)) {
      if (operator !== '$regex' && operator !== '$options' && operator !== '$exists') checkStatus(value);
    }
  } else if (!STATUSES.some((status) => status === condition)) {
    throw invalid(
      `A query names a status: one of ${STATUSES.join(', ')}, not ${JSON.stringify(String(condition).slice(0, 32))}.`,
    );
  }
}

function invalid(message: string): RegistryError {
  return new RegistryError('INVALID_QUERY', message);
}
