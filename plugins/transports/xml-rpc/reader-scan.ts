import { FAULT_CODES, XmlRpcFault } from './faults.js';
import { quoted } from './reader-quoted.js';

/** What {@link Scanner.open} found: another thing, `<name>`, or `<name/>`. */
export const ABSENT = 0;
export const OPENED = 1;
export const EMPTY = 2;
export type Found = typeof ABSENT | typeof OPENED | typeof EMPTY;

const LESS = 0x3c;
const GREATER = 0x3e;
const SLASH = 0x2f;
const BANG = 0x21;
const QUESTION = 0x3f;

/** A namespace declaration; its parts begin with different characters, so that matching never goes back far. */
const NAMESPACE = /[ \t\n]+(xmlns(?::[A-Za-z_][\w.-]*)?)[ \t\n]*=[ \t\n]*(?:"[^"<&]*"|'[^'<&]*')/y;
const INSTRUCTION = /<\?([A-Za-z_][\w.-]*)(?=[ \t\n]|\?>)/y;
/** Text, a start tag or a processing instruction. */
const START = /[^<]|<[A-Za-z_:?]/y;

const CDATA = '<![CDATA[';
const REFERENCE = /&(?:(lt|gt|amp|quot|apos)|#x([0-9A-Fa-f]+)|#([0-9]+));/y;
const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };
/** V8 keeps the whole message alive for a slice of this length or more. */
const SHORTEST_SLICE = 13;

/**
 * A place in an XML text, and the steps from there: tags, text, and what may stand between tags. It knows XML and no
 * XML-RPC. Every step goes forward only and is linear in what it passes, on any input. The text has LF line ends and only
 * characters of XML 1.0. Anything that isn't well-formed is an XmlRpcFault with the offset in characters.
 */
export class Scanner {
  readonly text: string;
  at: number;
  // The next `&` and `]]>`, looked up once and not again before the scanner has passed them.
  private ampersand = -1;
  private cdataEnd = -1;

  constructor(text: string, at: number) {
    this.text = text;
    this.at = at;
  }

  /** Skips white space, comments and processing instructions. */
  skip(): void {
    const { text } = this;
    for (;;) {
      while (isSpace(text.charCodeAt(this.at))) this.at++;
      if (text.charCodeAt(this.at) !== LESS) return;
      const next = text.charCodeAt(this.at + 1);
      if (next === QUESTION) this.skipInstruction();
      else if (next !== BANG || !this.skipComment()) return;
    }
  }

  /** Goes past the start tag `<name>`, or the empty tag `<name/>`, if that is next. `tag` is `<name>`. */
  open(tag: string): Found {
    this.skip();
    if (!this.isNext(tag)) return this.openOther(tag);
    this.at += tag.length;
    return OPENED;
  }

  /** Goes past the start tag that has to be next. */
  need(tag: string): void {
    this.skip();
    const { at } = this;
    const found = this.open(tag);
    if (found === ABSENT) throw this.unexpected(tag);
    if (found === EMPTY) throw this.invalid(at, `${tag} with something in it`);
  }

  /** As {@link need}, and the tag may carry namespace declarations, which are passed over. */
  needRoot(tag: string): void {
    this.skip();
    const name = tag.slice(0, -1);
    if (!this.isNext(name)) throw this.unexpected(tag);
    const { at } = this;
    let end = at + name.length;
    const seen = new Set<string>();
    for (;;) {
      NAMESPACE.lastIndex = end;
      const namespace = NAMESPACE.exec(this.text)?.[1];
      if (namespace === undefined) break;
      if (seen.has(namespace)) throw this.malformed(end, `${namespace} once`);
      seen.add(namespace);
      end = NAMESPACE.lastIndex;
    }
    if (this.finishTag(end) !== OPENED) throw this.invalid(at, `${tag} with something in it`);
  }

  /** Goes past the end tag, which has to be next. `tag` is `</name>`. */
  close(tag: string): void {
    this.skip();
    if (this.isNext(tag)) {
      this.at += tag.length;
      return;
    }
    const name = tag.slice(0, -1);
    let end = this.at + name.length;
    while (isSpace(this.text.charCodeAt(end))) end++;
    if (!this.isNext(name) || this.text.charCodeAt(end) !== GREATER) throw this.unexpected(tag);
    this.at = end + 1;
  }

  /** Whether a start tag is next, of whatever name. */
  isAtTag(): boolean {
    return this.text.charCodeAt(this.at) === LESS && isNameStart(this.text.charCodeAt(this.at + 1));
  }

  /** Whether an end tag is next, of whatever name. */
  isAtEndTag(): boolean {
    this.skip();
    return this.text.charCodeAt(this.at) === LESS && this.text.charCodeAt(this.at + 1) === SLASH;
  }

  /** The text from here to the next end tag, references and CDATA resolved, comments left out. */
  read(): string {
    const { text, at } = this;
    const end = text.indexOf('<', at);
    if (end < 0) throw this.malformed(text.length, 'an end tag');
    if (text.charCodeAt(end + 1) !== SLASH || this.nextAmpersand() < end || this.nextCdataEnd() < end) {
      return this.readPieces();
    }
    this.at = end;
    return end - at < SHORTEST_SLICE ? text.slice(at, end) : detached(text.slice(at, end));
  }

  /** Nothing but comments and white space may be left. */
  finish(): void {
    this.skip();
    if (this.at < this.text.length) throw this.malformed(this.at, 'the end of the message');
  }

  /** The fault for something else than what is expected here: a start tag or text may be XML, an end tag is not. */
  unexpected(expected: string): XmlRpcFault {
    const { text, at } = this;
    if (at >= text.length) return this.malformed(at, expected);
    START.lastIndex = at;
    return START.test(text) ? this.invalid(at, expected) : this.malformed(at, expected);
  }

  /** The fault for what XML-RPC doesn't allow, though XML may. */
  invalid(at: number, expected: string): XmlRpcFault {
    return this.fault(FAULT_CODES.INVALID_REQUEST, at, expected);
  }

  private malformed(at: number, expected: string): XmlRpcFault {
    return this.fault(FAULT_CODES.PARSE_ERROR, at, expected);
  }

  private fault(code: number, at: number, expected: string): XmlRpcFault {
    const rest = this.text.slice(at, at + 64);
    const found = rest === '' ? 'the end' : quoted(rest);
    return new XmlRpcFault(code, `found ${found} at offset ${at}; expected ${expected}`);
  }

  /** A slice that is compared is two thirds of the time of comparing character by character, and half of startsWith. */
  private isNext(literal: string): boolean {
    return this.text.slice(this.at, this.at + literal.length) === literal;
  }

  /** A start tag that isn't `<name>` to the letter: another name, `<name >`, `<name/>`. */
  private openOther(tag: string): Found {
    const name = tag.slice(0, -1);
    return this.isNext(name) ? this.finishTag(this.at + name.length) : ABSENT;
  }

  /** The rest of a start tag after its name, or after its last attribute; no more may be in it. */
  private finishTag(end: number): Found {
    const { text } = this;
    let at = end;
    while (isSpace(text.charCodeAt(at))) at++;
    const next = text.charCodeAt(at);
    if (next === GREATER) {
      this.at = at + 1;
      return OPENED;
    }
    if (next === SLASH && text.charCodeAt(at + 1) === GREATER) {
      this.at = at + 2;
      return EMPTY;
    }
    if (at > end && isNameStart(next)) throw this.invalid(at, 'no attributes here');
    if (at > end || next === SLASH || Number.isNaN(next)) throw this.malformed(at, 'the end of the tag');
    return ABSENT;
  }

  private skipInstruction(): void {
    INSTRUCTION.lastIndex = this.at;
    const target = INSTRUCTION.exec(this.text)?.[1];
    if (target === undefined) throw this.malformed(this.at, 'a processing instruction with a name');
    // The declaration at the very start has been read, if it was right.
    if (target.toLowerCase() === 'xml') throw this.malformed(this.at, 'XML 1.0, declared at the start only');
    const end = this.text.indexOf('?>', INSTRUCTION.lastIndex);
    if (end < 0) throw this.malformed(this.text.length, '?>');
    this.at = end + 2;
  }

  private skipComment(): boolean {
    if (!this.text.startsWith('<!--', this.at)) return false;
    const end = this.text.indexOf('--', this.at + 4);
    if (end < 0) throw this.malformed(this.text.length, '-->');
    if (this.text.charCodeAt(end + 2) !== GREATER) throw this.malformed(end, '-->, as a comment holds no --');
    this.at = end + 3;
    return true;
  }

  private readPieces(): string {
    const { text } = this;
    let pieces = '';
    for (;;) {
      const end = text.indexOf('<', this.at);
      if (end < 0) throw this.malformed(text.length, 'an end tag');
      if (this.nextCdataEnd() < end) throw this.malformed(this.cdataEnd, 'text without ]]>');
      while (this.nextAmpersand() < end) {
        pieces += text.slice(this.at, this.ampersand);
        this.at = this.ampersand;
        pieces += this.readReference();
      }
      pieces += text.slice(this.at, end);
      this.at = end;
      if (text.charCodeAt(end + 1) === SLASH) return detached(pieces);
      if (text.startsWith(CDATA, end)) {
        const close = text.indexOf(']]>', end + CDATA.length);
        if (close < 0) throw this.malformed(text.length, ']]>');
        pieces += text.slice(end + CDATA.length, close);
        this.at = close + 3;
      } else if (!this.skipComment()) {
        throw this.unexpected('text or an end tag');
      }
    }
  }

  /** One of the five entities, or a character by its number. There is no DTD, so there are no others. */
  private readReference(): string {
    REFERENCE.lastIndex = this.at;
    const match = REFERENCE.exec(this.text);
    if (match === null) throw this.malformed(this.at, '&lt; &gt; &amp; &quot; &apos; or &#number;');
    const [whole, entity, hex, decimal] = match;
    const character = entity === undefined ? characterOf(hex, decimal) : ENTITIES[entity];
    if (character === undefined) {
      throw this.fault(FAULT_CODES.INVALID_CHARACTER, this.at, 'a character that XML 1.0 has');
    }
    this.at += whole.length;
    return character;
  }

  private nextAmpersand(): number {
    if (this.ampersand < this.at) this.ampersand = this.indexOrEnd('&');
    return this.ampersand;
  }

  private nextCdataEnd(): number {
    if (this.cdataEnd < this.at) this.cdataEnd = this.indexOrEnd(']]>');
    return this.cdataEnd;
  }

  private indexOrEnd(searched: string): number {
    const index = this.text.indexOf(searched, this.at);
    return index < 0 ? this.text.length : index;
  }
}

function characterOf(hex: string | undefined, decimal: string | undefined): string | undefined {
  const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
  const isLegal =
    code === 0x9 ||
    code === 0xa ||
    code === 0xd ||
    (code >= 0x20 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd) ||
    (code >= 0x10000 && code <= 0x10ffff);
  return isLegal ? String.fromCodePoint(code) : undefined;
}

/** The same text in memory of its own: a record's host would else keep the message it came in, up to 1 MB of it. */
function detached(text: string): string {
  return text.length < SHORTEST_SLICE ? text : ` ${text}`.slice(1);
}

/** White space in XML, where line ends are LF. */
export function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x09;
}

function isNameStart(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || code === 0x5f || code === 0x3a;
}
