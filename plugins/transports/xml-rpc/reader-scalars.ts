import { isSpace, type Tag, tagOf } from './reader-scan.js';
import type { XmlRpcValue } from './values.js';

/** An element that holds text of one type. */
export interface Scalar {
  readonly tag: Tag;
  /** The value that the text says; undefined where the text is not exactly of this type. */
  parse(text: string): XmlRpcValue | undefined;
  /** What a fault says was expected. */
  readonly expected: string;
}

const INTEGER = /^[+-]?[0-9]+$/;
// Each part begins where the one before must have ended, so that no input makes these go back far.
const DECIMAL = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;
const DATE_TIME =
  /^([0-9]{4})(-?)([0-9]{2})\2([0-9]{2})T([0-9]{2})(:?)([0-9]{2})\6([0-9]{2})(?:\.([0-9]+))?(?:Z|([+-])([0-9]{2}):?([0-9]{2}))?$/;

const LARGEST_INT = 2 ** 31 - 1;
const SMALLEST_INT = -(2 ** 31);
const LARGEST_LONG = 2n ** 63n - 1n;
const SMALLEST_LONG = -(2n ** 63n);
/** Digits of the largest `<i8>`; BigInt is slow on very long texts. */
const LONG_DIGITS = 19;
/** So many digits fit an `<int>` whatever they are. */
const SAFE_DIGITS = 9;

/** `<int>`, `<i4>`: 32 bits, a sign and leading zeros allowed. */
function intOf(text: string): number | undefined {
  const short = shortIntOf(text);
  if (short !== undefined) return short;
  const trimmed = trim(text);
  if (!INTEGER.test(trimmed)) return undefined;
  const value = Number(trimmed);
  // `+ 0` makes 0 of -0.
  return value >= SMALLEST_INT && value <= LARGEST_INT ? value + 0 : undefined;
}

/** Up to nine digits and nothing else, as nearly every integer is written: 20 ns instead of 100. */
function shortIntOf(text: string): number | undefined {
  if (text.length === 0 || text.length > SAFE_DIGITS) return undefined;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return value;
}

/** `<i8>`: 64 bits, a number where a number holds it exactly, else a bigint. */
function longOf(text: string): number | bigint | undefined {
  const trimmed = trim(text);
  if (!INTEGER.test(trimmed)) return undefined;
  const digits = trimmed.replace(/^[+-]?0*/, '');
  if (digits.length > LONG_DIGITS) return undefined;
  const value = BigInt(trimmed.startsWith('-') ? `-${digits || 0}` : digits);
  if (value < SMALLEST_LONG || value > LARGEST_LONG) return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** `<double>`: decimal, with an exponent too, since Python writes one though XML-RPC has none; finite. */
function doubleOf(text: string): number | undefined {
  const trimmed = trim(text);
  if (!DECIMAL.test(trimmed)) return undefined;
  const value = Number(trimmed);
  return Number.isFinite(value) ? value : undefined;
}

/** `<boolean>`: 1 or 0. */
function booleanOf(text: string): boolean | undefined {
  const trimmed = trim(text);
  if (trimmed === '1') return true;
  return trimmed === '0' ? false : undefined;
}

/**
 * `<dateTime.iso8601>`: `20250131T23:59:59`, also with dashes in the date, without colons in the time (as aXMLRPC writes
 * it), with a fraction (kept to the millisecond), with a `Z` or with what the zone is ahead of UTC. XML-RPC leaves the zone to
 * the two sides; where none is written it is UTC.
 */
function dateTimeOf(text: string): Date | undefined {
  const match = DATE_TIME.exec(trim(text));
  if (match === null) return undefined;
  const [, year, , month, day, hour, , minute, second, fraction = '', sign, zoneHour, zoneMinute] = match;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  const date = new Date(0);
  // Date.UTC would take the years 0 to 99 for 1900 to 1999.
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  // A day that the month hasn't lies in another month.
  if (date.getUTCMonth() !== Number(month) - 1) return undefined;
  date.setUTCHours(Number(hour), Number(minute), Number(second), Number(fraction.slice(0, 3).padEnd(3, '0')));
  if (sign === undefined) return date;
  if (Number(zoneHour) > 23 || Number(zoneMinute) > 59) return undefined;
  const ahead = (Number(zoneHour) * 60 + Number(zoneMinute)) * (sign === '+' ? 1 : -1);
  date.setUTCMinutes(date.getUTCMinutes() - ahead);
  // Beyond these years it could not be written.
  return date.getUTCFullYear() >= 0 && date.getUTCFullYear() <= 9999 ? date : undefined;
}

/**
 * `<base64>`: white space anywhere, also the CR of a line end that was sent as `&#13;`; otherwise only the canonical
 * form, since Buffer skips over whatever else it finds.
 */
function bytesOf(text: string): Uint8Array | undefined {
  const packed = text.replace(/[ \t\r\n]+/g, '');
  const bytes = Buffer.from(packed, 'base64');
  return bytes.toString('base64') === packed ? new Uint8Array(bytes) : undefined;
}

/** `<nil>`: nothing in it. */
function nilOf(text: string): null | undefined {
  return trim(text) === '' ? null : undefined;
}

/** Without the white space of XML around it; String.trim would take more than that. */
function trim(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return start === 0 && end === text.length ? text : text.slice(start, end);
}

function scalar(name: string, parse: Scalar['parse'], expected: string): Scalar {
  return { tag: tagOf(name), parse, expected };
}

const INT_RANGE = `a whole number from ${SMALLEST_INT} to ${LARGEST_INT}`;
const LONG_RANGE = `a whole number from ${SMALLEST_LONG} to ${LARGEST_LONG}`;

const BY_NAME = [
  scalar('string', (text) => text, 'text'),
  scalar('int', intOf, INT_RANGE),
  scalar('i4', intOf, INT_RANGE),
  scalar('i8', longOf, LONG_RANGE),
  scalar('boolean', booleanOf, '0 or 1'),
  scalar('base64', bytesOf, 'base64 with its padding'),
  scalar('double', doubleOf, 'a finite decimal number'),
  scalar('dateTime.iso8601', dateTimeOf, 'a date and time that exist, as 20250131T23:59:59'),
  scalar('nil', nilOf, 'nothing in <nil>'),
  // The extensions of Apache's library, by the prefix it always writes.
  scalar('ex:nil', nilOf, 'nothing in <ex:nil>'),
  scalar('ex:i8', longOf, LONG_RANGE),
];

/** The scalars by the character code that their names begin with, so that telling them apart costs little. */
export const SCALARS: readonly (readonly Scalar[] | undefined)[] = Array.from({ length: 128 }, (_, code) =>
  BY_NAME.filter(({ tag }) => tag.start[1] === code),
);
