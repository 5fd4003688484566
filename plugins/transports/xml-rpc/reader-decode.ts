import { isAscii, isUtf8 } from 'node:buffer';
import { FAULT_CODES, XmlRpcFault } from './faults.js';
import { quoted } from './reader-quoted.js';

/** Pieces that can't match the same character, so that no input makes this go back far. */
const DECLARATION =
  /^<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:"1\.0"|'1\.0')(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:"([A-Za-z][\w.-]*)"|'([A-Za-z][\w.-]*)'))?(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:"(?:yes|no)"|'(?:yes|no)'))?[ \t\r\n]*\?>/;
/** A declaration longer than this is none that a client writes. */
const LONGEST_DECLARATION = 256;
/** The declarations of Python's client and of most others, told apart without a regex: 0.2 us a message. */
const COMMON_SINGLE = `<?xml version='1.0'?>`;
const COMMON_DOUBLE = `<?xml version="1.0"?>`;
const COMMON: Declaration = { length: COMMON_SINGLE.length, encoding: undefined };

const LF = 0x0a;
const CR = 0x0d;
const LESS = 0x3c;
/** What stands for any character beyond ASCII: the grammar asks of none which it is. */
const BEYOND_ASCII = 0x80;

/** Beyond ASCII, what XML 1.0 can't carry; with the u flag a surrogate matches only where it stands alone. */
const ILLEGAL = /[\ud800-\udfff\ufffe\uffff]/u;

type Encoding = 'utf-8' | 'us-ascii' | 'iso-8859-1' | 'utf-16le' | 'utf-16be';

/** An XML declaration; one that is missing or broken is 0 long. */
interface Declaration {
  readonly length: number;
  /** In lower case. */
  readonly encoding: string | undefined;
}

/** A message as characters. Line ends are LF; of what XML 1.0 has not, only control characters may still be in it. */
export interface Decoded {
  readonly text: string;
  /** As long as `text`: its ASCII characters, and 0x80 for each other. Reading these takes half the time of charCodeAt. */
  readonly codes: Buffer;
  /** Past the declaration. */
  readonly start: number;
}

/**
 * Turns a message's bytes into characters, in the encoding that its byte order mark or XML declaration names, UTF-8 where
 * none does. A string has been decoded already: what its declaration names is not asked.
 *
 * @throws XmlRpcFault -32701 for an encoding it can't read exactly, -32702 for bytes or characters that have no place.
 */
export function decode(body: Uint8Array | string): Decoded {
  if (typeof body === 'string') return decodeText(withoutMark(body));
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const marked = encodingByMark(bytes);
  if (marked === 'utf-16le' || marked === 'utf-16be') {
    return decodeText(decodeUtf16(bytes, marked));
  }
  // The encodings left agree on ASCII, which is all there is in most messages.
  if (!isAscii(bytes)) return decodeText(decodeBytes(bytes, marked));
  const text = bytes.toString('latin1');
  const { length, encoding } = readDeclaration(text);
  if (encoding !== undefined) encodingByName(encoding);
  return text.includes('\r') ? decodeText(text) : { text, codes: bytes, start: length };
}

function decodeText(text: string): Decoded {
  // Before the line ends change: what is asked of the declaration must not depend on them.
  const { length } = readDeclaration(text);
  const plain = withPlainLineEnds(text);
  return { text: plain, codes: codesOf(plain), start: withPlainLineEnds(text.slice(0, length)).length };
}

/** A regex, or pieces joined, would take 0.15 s for a megabyte of CR. */
function withPlainLineEnds(text: string): string {
  if (!text.includes('\r')) return text;
  const units = new Uint16Array(text.length);
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    units[length++] = code === CR ? LF : code;
    if (code === CR && text.charCodeAt(at + 1) === LF) at++;
  }
  return Buffer.from(units.buffer, 0, length * 2).toString('utf16le');
}

function codesOf(text: string): Buffer {
  const illegal = ILLEGAL.exec(text);
  if (illegal !== null) throw illegalCharacter(text, illegal.index);
  const codes = Buffer.allocUnsafe(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    codes[i] = code < BEYOND_ASCII ? code : BEYOND_ASCII;
  }
  return codes;
}

/** The fault for a character that XML 1.0 can't carry, not even as a reference. */
export function illegalCharacter(text: string, at: number): XmlRpcFault {
  const found = `character U+${text.charCodeAt(at).toString(16).toUpperCase().padStart(4, '0')}`;
  const reason = `found ${found} at offset ${at}; expected only characters that XML 1.0 has`;
  return new XmlRpcFault(FAULT_CODES.INVALID_CHARACTER, reason);
}

function decodeBytes(bytes: Buffer, marked: 'utf-8' | undefined): string {
  const from = marked === undefined ? 0 : 3;
  const head = bytes.toString('latin1', from, from + LONGEST_DECLARATION);
  const declared = encodingByName(readDeclaration(head).encoding ?? 'utf-8');
  if (marked !== undefined && declared !== marked) throw contradiction(declared, marked);
  if (declared === 'iso-8859-1') return bytes.toString('latin1');
  if (declared === 'us-ascii' || !isUtf8(bytes)) {
    const reason = `found bytes that are not ${declared}; expected those, or the encoding's name in the XML declaration`;
    throw new XmlRpcFault(FAULT_CODES.INVALID_CHARACTER, reason);
  }
  return withoutMark(bytes.toString('utf8'));
}

/** UTF-16 shows itself even without a mark, since a message begins with `<`. */
function encodingByMark(bytes: Buffer): Exclude<Encoding, 'us-ascii' | 'iso-8859-1'> | undefined {
  const first = bytes[0];
  const second = bytes[1];
  if (first === LESS && second !== 0) return undefined;
  const isUtf32 = (first === 0 && second === 0) || (bytes[2] === 0 && bytes[3] === 0);
  if (isUtf32) throw unsupported('utf-32');
  if (first === 0xef && second === 0xbb && bytes[2] === 0xbf) return 'utf-8';
  if ((first === 0xff && second === 0xfe) || (first === LESS && second === 0)) return 'utf-16le';
  if ((first === 0xfe && second === 0xff) || (first === 0 && second === LESS)) return 'utf-16be';
  return undefined;
}

function decodeUtf16(bytes: Buffer, marked: 'utf-16le' | 'utf-16be'): string {
  if (bytes.length % 2 !== 0) {
    throw new XmlRpcFault(FAULT_CODES.INVALID_CHARACTER, 'found half a UTF-16 character at the end');
  }
  const text = withoutMark((marked === 'utf-16le' ? bytes : Buffer.from(bytes).swap16()).toString('utf16le'));
  const declared = readDeclaration(text).encoding ?? marked;
  if (declared !== 'utf-16' && declared !== marked) throw contradiction(declared, marked);
  return text;
}

/** By the names of IANA's registry, and those that Python and Java also write. */
function encodingByName(name: string): 'utf-8' | 'us-ascii' | 'iso-8859-1' {
  switch (name) {
    case 'utf-8':
    case 'utf8':
      return 'utf-8';
    case 'us-ascii':
    case 'ascii':
      return 'us-ascii';
    case 'iso-8859-1':
    case 'iso_8859-1':
    case 'iso8859-1':
    case 'iso8859_1':
    case 'latin1':
    case 'latin-1':
    case 'l1':
      return 'iso-8859-1';
    default:
      throw unsupported(name);
  }
}

function unsupported(name: string): XmlRpcFault {
  const reason = `found encoding ${quoted(name)}; expected utf-8, us-ascii, iso-8859-1, or utf-16 with its mark`;
  return new XmlRpcFault(FAULT_CODES.UNSUPPORTED_ENCODING, reason);
}

function contradiction(declared: string, marked: Encoding): XmlRpcFault {
  const reason = `found encoding ${quoted(declared)} declared in ${marked}; expected the declaration to say what was sent`;
  return new XmlRpcFault(FAULT_CODES.UNSUPPORTED_ENCODING, reason);
}

function withoutMark(text: string): string {
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

function readDeclaration(text: string): Declaration {
  const common = text.slice(0, COMMON.length);
  if (common === COMMON_DOUBLE || common === COMMON_SINGLE) return COMMON;
  const match = DECLARATION.exec(text.slice(0, LONGEST_DECLARATION));
  return { length: match?.[0].length ?? 0, encoding: (match?.[1] ?? match?.[2])?.toLowerCase() };
}
