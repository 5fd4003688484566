import type { Json } from '../../../../core/index.js';
import type { XmlRpcValue } from '../values.js';

/** JSON as every client reads it, which need not know `<nil/>`: members that are null are left out, null in a list is ''. */
export function withoutNulls(value: Json): XmlRpcValue {
  if (value === null) return '';
  if (typeof value !== 'object') return value;
  if (Array.isArray(value)) return (value as readonly Json[]).map(withoutNulls);
  const members = Object.entries(value).filter(([, member]) => member !== null && member !== undefined);
  return Object.fromEntries(members.map(([name, member]) => [name, withoutNulls(member as Json)]));
}
