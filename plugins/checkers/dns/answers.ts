import type { MxRecord, SoaRecord, SrvRecord } from 'node:dns';
import { isIPv4, isIPv6, SocketAddress } from 'node:net';

export const RECORD_TYPES = ['A', 'AAAA', 'CNAME', 'MX', 'NS', 'PTR', 'SOA', 'SRV', 'TXT'] as const;
export type RecordType = (typeof RECORD_TYPES)[number];

/** What `Resolver.resolve` answers for one of the types. */
export type Resolved = readonly (string | readonly string[] | MxRecord | SrvRecord)[] | SoaRecord;

/** The records of an answer as a zone file writes them: names without the last dot, a text in one piece, no quotes. */
export function asText(resolved: Resolved): string[] {
  const records = Array.isArray(resolved)
    ? (resolved as Extract<Resolved, readonly unknown[]>)
    : [resolved as SoaRecord];
  return records.map((record) => {
    if (typeof record === 'string') return record;
    if ('exchange' in record) return `${record.priority} ${record.exchange}`;
    if ('port' in record) return `${record.priority} ${record.weight} ${record.port} ${record.name}`;
    if ('nsname' in record) {
      const { nsname, hostmaster, serial, refresh, retry, expire, minttl } = record;
      return [nsname, hostmaster, serial, refresh, retry, expire, minttl].join(' ');
    }
    // A text is sent in pieces of up to 255 bytes, which mean nothing, and which the resolver takes for Latin-1.
    return Buffer.from((record as readonly string[]).join(''), 'latin1').toString();
  });
}

/**
 * A record in the form in which it can be compared with another of its type: names in lower case and without the last dot,
 * addresses in their shortest form. Undefined for what can't be a record of this type.
 */
export function comparable(type: RecordType, text: string): string | undefined {
  if (type === 'TXT') return text;
  const words = text.trim().toLowerCase().split(/\s+/);
  if (words.length !== WORDS[type]) return undefined;
  const [first = ''] = words;
  if (type === 'A') return isIPv4(first) ? first : undefined;
  if (type === 'AAAA') {
    return isIPv6(first) ? new SocketAddress({ address: first, family: 'ipv6' }).address : undefined;
  }
  return words.map((word) => (word.length > 1 ? word.replace(/\.$/, '') : word)).join(' ');
}

const WORDS: { readonly [type in Exclude<RecordType, 'TXT'>]: number } = {
  A: 1,
  AAAA: 1,
  CNAME: 1,
  MX: 2,
  NS: 1,
  PTR: 1,
  SOA: 7,
  SRV: 4,
};
