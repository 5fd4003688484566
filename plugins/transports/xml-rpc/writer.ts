import { FAULT_CODES, XmlRpcFault } from './faults.js';
import { type Answer, EncodedValue, MAX_DEPTH, PreparedAnswer, type XmlRpcValue } from './values.js';

/** What one message may come to. */
export interface WriterLimits {
  /** Characters, but for those of values that were encoded before, which had a limit of their own. */
  length: number;
  /** What is thrown beyond it; a fault -32500 unless it is given. */
  tooLong?: (length: number) => Error;
}

/** The longest answer unless the door is told otherwise. */
export const MAX_ANSWER = 16 * 1024 * 1024;

/** So many names of members are kept in the form in which they are written. */
const MOST_STARTS = 64;

const DECLARATION = '<?xml version="1.0"?>';

const SMALLEST_LONG = -(2n ** 63n);
const LARGEST_LONG = 2n ** 63n - 1n;

/** Text with none of these is written as it is. All surrogates, so that this needs no u flag and stays fast. */
const SPECIAL = /[&<>\r\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]/;
/** What is replaced: with the u flag a surrogate matches only where it stands alone. */
const REPLACED = /[&<>\r\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]/gu;
const REPLACEMENTS: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '\r': '&#13;',
};

/**
 * Writes the answer to a call, well-formed whatever the strings: what XML can't carry becomes U+FFFD. Strings, integers
 * and the rest carry their type; `<i8>` and `<nil/>`, which not every client reads, are written for a bigint and for null
 * only. An integer beyond 32 bits is a `<double>`, a double has no exponent, a Date is UTC to the second.
 *
 * @throws XmlRpcFault -32603 for a value XML-RPC has no way to say (NaN, a cycle, a function), -32500 for one too long.
 */
export function writeResponse(value: Answer, limits?: Partial<WriterLimits>): string {
  const writer = new Writer(`${DECLARATION}<methodResponse><params>`, limits);
  writer.param(value);
  return writer.end('</params></methodResponse>');
}

/** Writes a value on its own, to become part of a response at a depth of at most 1. @throws as {@link writeResponse}. */
export function encodeValue(value: Answer, limits?: Partial<WriterLimits>): EncodedValue {
  const writer = new Writer('', limits);
  writer.value(value, 1);
  return new EncodedValue(writer.end(''));
}

/** Writes an array item by item, so that a long one takes no more memory than its text, and ends as soon as it is too long. */
export class ListWriter {
  readonly #writer: Writer;

  constructor(limits?: Partial<WriterLimits>) {
    this.#writer = new Writer('<value><array><data>', limits);
  }

  /** @throws as {@link writeResponse}, also as soon as the list is too long. */
  add(item: Answer): void {
    this.#writer.value(item, 1);
  }

  /** The same for an item that is a whole `<value>` already. */
  addXml(xml: string): void {
    this.#writer.xml(xml);
  }

  end(): EncodedValue {
    return new EncodedValue(this.#writer.end('</data></array></value>'));
  }
}

/** Writes a value once, to be the answer to many calls. @throws as {@link writeResponse}. */
export function prepareAnswer(value: Answer, limits?: Partial<WriterLimits>): PreparedAnswer {
  return new PreparedAnswer(encodeValue(value, limits).xml);
}

/** What {@link writeResponse} writes, as bytes, which all who are given this answer share. */
export function preparedResponse(answer: PreparedAnswer): Buffer {
  answer.response ??= Buffer.from(writeResponse(answer));
  return answer.response;
}

/** Writes a fault as the answer to a call; `code` is an integer of 32 bits. */
export function writeFault(code: number, message: string): string {
  return (
    `${DECLARATION}<methodResponse><fault><value><struct>` +
    `<member><name>faultCode</name><value><int>${code}</int></value></member>` +
    `<member><name>faultString</name><value><string>${escaped(message)}</string></value></member>` +
    '</struct></value></fault></methodResponse>'
  );
}

/** Writes a call. @throws XmlRpcFault as {@link writeResponse}. */
export function writeCall(
  method: string,
  params: readonly XmlRpcValue[],
  limits?: Partial<WriterLimits>,
): string {
  const writer = new Writer(
    `${DECLARATION}<methodCall><methodName>${escaped(method)}</methodName><params>`,
    limits,
  );
  for (const param of params) writer.param(param);
  return writer.end('</params></methodCall>');
}

class Writer {
  private out: string;
  private starts: Map<string, string> | undefined;
  private maxLength: number;
  private readonly tooLong: (length: number) => Error;

  constructor(start: string, limits: Partial<WriterLimits> | undefined) {
    this.out = start;
    this.maxLength = limits?.length ?? MAX_ANSWER;
    this.tooLong = limits?.tooLong ?? tooLong;
  }

  param(value: Answer): void {
    this.out += '<param>';
    this.value(value, 0);
    this.out += '</param>';
  }

  end(end: string): string {
    this.check();
    return this.out + end;
  }

  /** Within the depth allowed a value can still hold itself 2^64 times; this ends it. */
  private check(): void {
    if (this.out.length > this.maxLength) throw this.tooLong(this.maxLength);
  }

  xml(xml: string): void {
    this.out += xml;
    this.check();
  }

  value(value: Answer, depth: number): void {
    this.check();
    switch (typeof value) {
      case 'string':
        this.out += `<value><string>${escaped(value)}</string></value>`;
        return;
      case 'number':
        this.out += `<value>${numberXml(value)}</value>`;
        return;
      case 'boolean':
        this.out += value ? '<value><boolean>1</boolean></value>' : '<value><boolean>0</boolean></value>';
        return;
      case 'bigint':
        if (value < SMALLEST_LONG || value > LARGEST_LONG) throw unsayable('an integer beyond 64 bits');
        this.out += `<value><i8>${value}</i8></value>`;
        return;
      case 'object':
        this.object(value, depth);
        return;
      default:
        throw unsayable(typeof value);
    }
  }

  private object(value: (Answer & object) | null, depth: number): void {
    if (value === null) {
      this.out += '<value><nil/></value>';
    } else if (value instanceof Date) {
      this.out += `<value><dateTime.iso8601>${dateTime(value.getTime())}</dateTime.iso8601></value>`;
    } else if (value instanceof Uint8Array) {
      this.out += `<value><base64>${base64(value)}</base64></value>`;
    } else if (value instanceof EncodedValue) {
      this.out += value.xml;
      this.maxLength += value.xml.length;
    } else if (depth >= MAX_DEPTH) {
      throw unsayable(`what lies more than ${MAX_DEPTH} arrays and structs deep, or holds itself,`);
    } else if (Array.isArray(value)) {
      this.array(value, depth + 1);
    } else {
      this.struct(value as { readonly [member: string]: XmlRpcValue }, depth + 1);
    }
  }

  private array(items: readonly Answer[], depth: number): void {
    this.out += '<value><array><data>';
    for (const item of items) this.value(item, depth);
    this.out += '</data></array></value>';
  }

  private struct(members: { readonly [member: string]: XmlRpcValue }, depth: number): void {
    this.out += '<value><struct>';
    for (const name of Object.keys(members)) {
      const value = members[name] as XmlRpcValue;
      this.out += this.memberStart(name);
      if (typeof value === 'string') {
        // As value() writes it, in fewer pieces: joining them is half of all the work.
        this.check();
        this.out += '<value><string>';
        this.out += escaped(value);
        this.out += '</string></value></member>';
      } else {
        this.value(value, depth);
        this.out += '</member>';
      }
    }
    this.out += '</struct></value>';
  }

  /** The structs of one message mostly have the same names: an answer of 20 instances takes a fifth less time for this. */
  private memberStart(name: string): string {
    this.starts ??= new Map();
    let start = this.starts.get(name);
    if (start === undefined) {
      // Joined, since a string that was added up would be put together anew at each use.
      start = ['<member><name>', escaped(name), '</name>'].join('');
      if (this.starts.size < MOST_STARTS) this.starts.set(name, start);
    }
    return start;
  }
}

/** Text as it may stand between tags. */
export function escaped(text: string): string {
  return SPECIAL.test(text) ? text.replace(REPLACED, (found) => REPLACEMENTS[found] ?? '\ufffd') : text;
}

/** An integer of 32 bits as `<int>`, any other number as `<double>`. */
export function numberXml(value: number): string {
  return value === (value | 0) ? `<int>${value}</int>` : `<double>${decimal(value)}</double>`;
}

/** The shortest decimal that reads back as the same number, the exponent that JavaScript may write resolved. */
function decimal(value: number): string {
  if (!Number.isFinite(value)) throw unsayable(String(value));
  const text = String(value);
  const mark = text.indexOf('e');
  if (mark < 0) return text;
  const sign = value < 0 ? '-' : '';
  const digits = text.slice(sign.length, mark).replace('.', '');
  const exponent = Number(text.slice(mark + 1));
  // Up to 17 digits, and JavaScript writes an exponent from 1e21 on and below 1e-6 only: the point is never among them.
  return exponent < 0
    ? `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
    : `${sign}${digits}${'0'.repeat(exponent + 1 - digits.length)}`;
}

const DAY_S = 86_400;
/** `00` to `59`. */
const TWO_DIGITS = Array.from({ length: 60 }, (_, value) => String(value).padStart(2, '0'));
let lastDay = Number.NaN;
let lastDate = '';

/**
 * A time in milliseconds since 1970 as `20250131T23:59:59` in UTC, the form that every client reads. Most times are of a
 * day that was written before; Date would take ten times as long.
 */
export function dateTime(time: number): string {
  const seconds = Math.floor(time / 1000);
  const day = Math.floor(seconds / DAY_S);
  if (day !== lastDay) {
    const date = new Date(day * DAY_S * 1000);
    const year = date.getUTCFullYear();
    if (!(year >= 0 && year <= 9999)) throw unsayable('a date outside the years 0 to 9999');
    lastDate = date.toISOString().slice(0, 10).replaceAll('-', '');
    lastDay = day;
  }
  const second = seconds - day * DAY_S;
  const hour = TWO_DIGITS[Math.floor(second / 3_600)];
  return `${lastDate}T${hour}:${TWO_DIGITS[Math.floor(second / 60) % 60]}:${TWO_DIGITS[second % 60]}`;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function unsayable(what: string): XmlRpcFault {
  return new XmlRpcFault(FAULT_CODES.INTERNAL, `${what} can't be said in XML-RPC`);
}

function tooLong(length: number): XmlRpcFault {
  return new XmlRpcFault(
    FAULT_CODES.APPLICATION,
    `the message is longer than ${length} characters; ask for less at once`,
  );
}
