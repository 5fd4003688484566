import { isAscii, isUtf8 } from 'node:buffer';
import { FAULT_CODES, XmlRpcFault } from './faults.js';
import { quoted } from './reader-quoted.js';

/** Pieces that can't match the same character, so that no input makes this go back far. */
const DECLARATION =
  /^<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:"1\.0"|'1\.0')(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:"([A-Za-z][\w.-]*)"|'([A-Za-z][\w.-]*)'))?(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:"(?:yes|no)"|'(?:yes|no)'))?[ \t\r\n]*\?>/;
/** A declaration longer than this is none that a client writes. */
const LONGEST_DECLARATION = 256;
/** The declarations of Python's client and of most others, told apart without a regex: 0.1 us a message. */
const COMMON_DECLARATION = { single: `<?xml version='1.0'?>`, double: `<?xml version="1.0"?>` };
const COMMON = { length: COMMON_DECLARATION.single.length, encoding: undefined };

const LESS = 0x3c;

/** What XML 1.0 can't carry, not even as a reference; with the u flag a surrogate matches only where it stands alone. */
const ILLEGAL = /[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]/u;

type Encoding = 'utf-8' | 'us-ascii' | 'iso-8859-1' | 'utf-16le' | 'utf-16be';

/** A message as characters: line ends are LF, every character is one of XML 1.0, and `start` is past the declaration. */
export interface Decoded {
  text: string;
  start: number;
}

/**
 * Turns a message's bytes into characters, in the encoding that its byte order mark or XML declaration names, UTF-8 where
 * none does. A string has been decoded already: what its declaration names is not asked.
 *
 * @throws XmlRpcFault -32701 for an encoding it can't read exactly, -32702 for bytes or characters that have no place.
 */
export function decode(body: Uint8Array | string): Decoded {
  let text = typeof body === 'string' ? withoutMark(body) : decodeBytes(body);
  if (text.includes('\r')) text = text.replace(/\r\n?/g, '\n');
  const illegal = ILLEGAL.exec(text);
  if (illegal !== null) {
    const found = `character U+${text.charCodeAt(illegal.index).toString(16).toUpperCase().padStart(4, '0')}`;
    const reason = `found ${found} at offset ${illegal.index}; expected only characters that XML 1.0 has`;
    throw new XmlRpcFault(FAULT_CODES.INVALID_CHARACTER, reason);
  }
  return { text, start: readDeclaration(text).length };
}

function decodeBytes(body: Uint8Array): string {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const marked = encodingByMark(bytes);
  if (marked === 'utf-16le' || marked === 'utf-16be') return decodeUtf16(bytes, marked);

  // The encodings left agree on ASCII, which is all there is in most messages.
  const text = isAscii(bytes) ? bytes.toString('latin1') : undefined;
  const head = text ?? bytes.toString('latin1', marked === undefined ? 0 : 3, LONGEST_DECLARATION);
  const declared = encodingByName(readDeclaration(head).encoding ?? 'utf-8');
  if (marked !== undefined && declared !== marked) throw contradiction(declared, marked);
  if (text !== undefined) return text;
  if (declared === 'iso-8859-1') return bytes.toString('latin1');
  if (declared === 'us-ascii' || !isUtf8(bytes)) {
    const reason = `found bytes that are not ${declared}; expected those, or the encoding's name in the XML declaration`;
    throw new XmlRpcFault(FAULT_CODES.INVALID_CHARACTER, reason);
  }
  return withoutMark(bytes.toString('utf8'));
}

/** UTF-16 shows itself even without a mark, since a message begins with `<`. */
function encodingByMark(bytes: Buffer): Encoding | undefined {
  const [first, second, third] = [bytes[0], bytes[1], bytes[2]];
  if (first === 0xef && second === 0xbb && third === 0xbf) return 'utf-8';
  if ((first === 0xff && second === 0xfe) || (first === LESS && second === 0)) return 'utf-16le';
  if ((first === 0xfe && second === 0xff) || (first === 0 && second === LESS)) return 'utf-16be';
  return undefined;
}

function decodeUtf16(bytes: Buffer, marked: Encoding): string {
  if (bytes.length % 2 !== 0) {
    throw new XmlRpcFault(FAULT_CODES.INVALID_CHARACTER, 'found half a UTF-16 character at the end');
  }
  const text = withoutMark((marked === 'utf-16le' ? bytes : Buffer.from(bytes).swap16()).toString('utf16le'));
  const declared = readDeclaration(text).encoding ?? marked;
  if (declared !== 'utf-16' && declared !== marked) throw contradiction(declared, marked);
  return text;
}

function encodingByName(name: string): Encoding {
  switch (name) {
    case 'utf-8':
    case 'utf8':
      return 'utf-8';
    case 'us-ascii':
    case 'ascii':
      return 'us-ascii';
    case 'iso-8859-1':
    case 'latin1':
      return 'iso-8859-1';
    default: {
      const reason = `found encoding ${quoted(name)}; expected utf-8, us-ascii, iso-8859-1, or utf-16 with its mark`;
      throw new XmlRpcFault(FAULT_CODES.UNSUPPORTED_ENCODING, reason);
    }
  }
}

function contradiction(declared: string, marked: Encoding): XmlRpcFault {
  const reason = `found encoding ${quoted(declared)} declared in ${marked}; expected the declaration to say what was sent`;
  return new XmlRpcFault(FAULT_CODES.UNSUPPORTED_ENCODING, reason);
}

function withoutMark(text: string): string {
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

/** The length of the XML declaration, and the encoding it names in lower case. None, or a broken one, is 0 long. */
function readDeclaration(text: string): { length: number; encoding: string | undefined } {
  const common = text.slice(0, COMMON.length);
  if (common === COMMON_DECLARATION.single || common === COMMON_DECLARATION.double) return COMMON;
  const match = DECLARATION.exec(text.slice(0, LONGEST_DECLARATION));
  return { length: match?.[0].length ?? 0, encoding: (match?.[1] ?? match?.[2])?.toLowerCase() };
}
