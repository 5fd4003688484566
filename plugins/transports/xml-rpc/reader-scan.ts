import { FAULT_CODES, XmlRpcFault } from './faults.js';
import { type Decoded, illegalCharacter } from './reader-decode.js';
import { quoted } from './reader-quoted.js';
import { referenceAt } from './reader-reference.js';

/** What {@link Scanner.open} found: another thing, `<name>`, or `<name/>`. */
export const ABSENT = 0;
export const OPENED = 1;
export const EMPTY = 2;
export type Found = typeof ABSENT | typeof OPENED | typeof EMPTY;

/** An element's tags as they are nearly always written, to be compared byte by byte. */
export interface Tag {
  readonly start: Buffer;
  readonly end: Buffer;
}

export function tagOf(name: string): Tag {
  return { start: Buffer.from(`<${name}>`), end: Buffer.from(`</${name}>`) };
}

// Of this file's own, as what is imported would be looked up at each use: 8 % of all reading.
const TAB = 0x09;
const LF = 0x0a;
const SPACE = 0x20;
const AMPERSAND = 0x26;
const LESS = 0x3c;
const GREATER = 0x3e;
const SLASH = 0x2f;
const BANG = 0x21;
const QUESTION = 0x3f;
const BRACKET = 0x5d;

/** A namespace declaration; its parts begin with different characters, so that matching never goes back far. */
const NAMESPACE =
  /[ \t\n]+(xmlns(?::[A-Za-z_][\w.-]*)?)[ \t\n]*=[ \t\n]*(?:"[^"<&\0-\x08\x0b-\x1f]*"|'[^'<&\0-\x08\x0b-\x1f]*')/y;
/** Text, a start tag or a processing instruction. */
const START = /[^<]|<[A-Za-z_:?]/y;

const CDATA = '<![CDATA[';
/** V8 keeps the whole message alive for a slice of this length or more. */
const SHORTEST_SLICE = 13;

/**
 * A place in an XML text, and the steps from there: tags, text, and what may stand between tags. It knows XML and no
 * XML-RPC. Every step goes forward only and is linear in what it passes, on any input. Anything that isn't well-formed is
 * an XmlRpcFault with the offset in characters.
 */
export class Scanner {
  readonly codes: Buffer;
  at: number;
  private readonly text: string;

  constructor({ text, codes, start }: Decoded) {
    this.text = text;
    this.codes = codes;
    this.at = start;
  }

  /** Skips white space, comments and processing instructions. */
  skip(): void {
    const { codes } = this;
    for (;;) {
      let code = codes[this.at];
      while (isSpace(code)) code = codes[++this.at];
      if (code !== LESS) return;
      const next = codes[this.at + 1];
      if (next === QUESTION) this.skipInstruction();
      else if (next !== BANG || !this.skipComment()) return;
    }
  }

  /** Goes past the start tag `<name>`, or the empty tag `<name/>`, if that is next. */
  open({ start }: Tag): Found {
    this.skip();
    if (!this.isNext(start, start.length)) return this.openOther(start);
    this.at += start.length;
    return OPENED;
  }

  /** Goes past the start tag that has to be next. */
  need(tag: Tag): void {
    const { at } = this;
    const found = this.open(tag);
    if (found === ABSENT) throw this.unexpected(String(tag.start));
    if (found === EMPTY) throw this.invalid(at, `${tag.start} with something in it`);
  }

  /** As {@link need}, and the tag may carry namespace declarations, which are passed over. */
  needRoot({ start }: Tag): void {
    this.skip();
    const { text, at } = this;
    if (this.isNext(start, start.length)) {
      this.at += start.length;
      return;
    }
    if (text.startsWith('<!DOCTYPE', at)) throw this.invalid(at, `${start}, as a DTD is never read`);
    if (!this.isAtTag()) throw this.malformed(at, String(start));
    if (!this.isNext(start, start.length - 1)) throw this.invalid(at, String(start));
    const found = this.finishTag(this.endOfNamespaces(at + start.length - 1));
    if (found === ABSENT) throw this.invalid(at, String(start));
    if (found === EMPTY) throw this.invalid(at, `${start} with something in it`);
  }

  /** Goes past the end tag, which has to be next. */
  close({ end }: Tag): void {
    this.skip();
    if (this.isNext(end, end.length)) {
      this.at += end.length;
      return;
    }
    let at = this.at + end.length - 1;
    while (isSpace(this.codes[at])) at++;
    if (!this.isNext(end, end.length - 1) || this.codes[at] !== GREATER) throw this.unexpected(String(end));
    this.at = at + 1;
  }

  /** Whether a start tag is next, of whatever name. */
  isAtTag(): boolean {
    return this.codes[this.at] === LESS && isNameStart(this.codes[this.at + 1]);
  }

  /** Whether an end tag is next, of whatever name. */
  isAtEndTag(): boolean {
    this.skip();
    return this.codes[this.at] === LESS && this.codes[this.at + 1] === SLASH;
  }

  /** The text from here to the next end tag, references and CDATA resolved, comments left out. */
  read(): string {
    const { text, codes, at } = this;
    const end = plainEnd(codes, at);
    if (codes[end] !== LESS || codes[end + 1] !== SLASH) return this.readPieces(end);
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

  /** The fault for what is no XML. */
  malformed(at: number, expected: string): XmlRpcFault {
    return this.fault(FAULT_CODES.PARSE_ERROR, at, expected);
  }

  private fault(code: number, at: number, expected: string): XmlRpcFault {
    const rest = this.text.slice(at, at + 64);
    if (isControl(this.codes[at])) return illegalCharacter(this.text, at);
    const found = rest === '' ? 'the end' : quoted(rest);
    return new XmlRpcFault(code, `found ${found} at offset ${at}; expected ${expected}`);
  }

  private isNext(literal: Buffer, length: number): boolean {
    const { codes, at } = this;
    for (let i = 0; i < length; i++) {
      if (codes[at + i] !== literal[i]) return false;
    }
    return true;
  }

  /** A start tag that isn't `<name>` to the letter: another name, `<name >`, `<name/>`. */
  private openOther(start: Buffer): Found {
    const length = start.length - 1;
    return this.isNext(start, length) ? this.finishTag(this.at + length) : ABSENT;
  }

  /** The rest of a start tag after its name, or after its last attribute; no more may be in it. */
  private finishTag(end: number): Found {
    const { codes } = this;
    let at = end;
    while (isSpace(codes[at])) at++;
    const next = codes[at];
    if (next === GREATER) {
      this.at = at + 1;
      return OPENED;
    }
    if (next === SLASH && codes[at + 1] === GREATER) {
      this.at = at + 2;
      return EMPTY;
    }
    if (at > end && isNameStart(next)) throw this.invalid(at, 'no attributes here');
    if (at > end || next === SLASH || next === undefined) throw this.malformed(at, 'the end of the tag');
    return ABSENT;
  }

  private endOfNamespaces(start: number): number {
    let end = start;
    const seen = new Set<string>();
    for (;;) {
      NAMESPACE.lastIndex = end;
      const namespace = NAMESPACE.exec(this.text)?.[1];
      if (namespace === undefined) return end;
      if (seen.has(namespace)) throw this.malformed(end, `${namespace} once`);
      seen.add(namespace);
      end = NAMESPACE.lastIndex;
    }
  }

  private skipInstruction(): void {
    const { text, codes, at } = this;
    let end = at + 2;
    if (isNameStart(codes[end])) while (isInName(codes[end])) end++;
    const isNamed = end > at + 2 && (isSpace(codes[end]) || text.startsWith('?>', end));
    if (!isNamed) throw this.malformed(at, 'a processing instruction with a name');
    // The declaration at the very start has been read, if it was right.
    if (end === at + 5 && text.slice(at + 2, end).toLowerCase() === 'xml') {
      throw this.malformed(at, 'XML 1.0, declared at the start only');
    }
    this.pass(end, '?>');
  }

  private skipComment(): boolean {
    const { text, at } = this;
    if (!text.startsWith('<!--', at)) return false;
    const end = this.pass(at + 4, '--');
    if (this.codes[end + 2] !== GREATER) throw this.malformed(end, '-->, as a comment holds no --');
    this.at++;
    return true;
  }

  /** Goes past the next `mark` from `start` on, before which anything may stand but control characters; answers where it is. */
  private pass(start: number, mark: string): number {
    const end = this.text.indexOf(mark, start);
    if (end < 0) throw this.malformed(this.text.length, mark);
    for (let at = start; at < end; at++) {
      if (isControl(this.codes[at])) throw illegalCharacter(this.text, at);
    }
    this.at = end + mark.length;
    return end;
  }

  /** The text from here as {@link read} has it, of which all up to `end` is plain. */
  private readPieces(end: number): string {
    const { text, codes } = this;
    let pieces = '';
    for (;;) {
      if (codes[end] === BRACKET) {
        if (text.startsWith(']]>', end)) throw this.malformed(end, 'text without ]]>');
        end = plainEnd(codes, end + 1);
        continue;
      }
      pieces += text.slice(this.at, end);
      this.at = end;
      switch (codes[end]) {
        case undefined:
          throw this.malformed(end, 'an end tag');
        case AMPERSAND:
          pieces += this.readReference();
          break;
        case LESS:
          if (codes[end + 1] === SLASH) return detached(pieces);
          if (text.startsWith(CDATA, end)) pieces += this.readCdata();
          else if (!this.skipComment()) throw this.unexpected('text or an end tag');
          break;
        default:
          throw illegalCharacter(text, end);
      }
      end = plainEnd(codes, this.at);
    }
  }

  private readCdata(): string {
    const start = this.at + CDATA.length;
    return this.text.slice(start, this.pass(start, ']]>'));
  }

  private readReference(): string {
    const { codes, at } = this;
    const reference = referenceAt(codes, at);
    if (reference === undefined) throw this.malformed(at, '&lt; &gt; &amp; &quot; &apos; or &#number;');
    const { character, length } = reference;
    if (character === undefined)
      throw this.fault(FAULT_CODES.INVALID_CHARACTER, at, 'a character that XML 1.0 has');
    this.at = at + length;
    return character;
  }
}

/** The same text in memory of its own: a record's host would else keep the message it came in, up to 1 MB of it. */
function detached(text: string): string {
  return text.length < SHORTEST_SLICE ? text : ` ${text}`.slice(1);
}

function isControl(code: number | undefined): boolean {
  return code !== undefined && code < SPACE && code !== LF && code !== TAB;
}

/** White space in XML, where line ends are LF. */
export function isSpace(code: number | undefined): boolean {
  return code === SPACE || code === LF || code === TAB;
}

function isNameStart(code: number | undefined): boolean {
  if (code === undefined) return false;
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || code === 0x5f || code === 0x3a;
}

function isInName(code: number | undefined): boolean {
  return (
    isNameStart(code) ||
    (code !== undefined && ((code >= 0x30 && code <= 0x39) || code === 0x2d || code === 0x2e))
  );
}

/** Where the plain text from `at` on ends: at `<`, `&`, `]`, a control character, or the end of all. */
function plainEnd(codes: Buffer, at: number): number {
  for (;;) {
    const code = codes[at] as number;
    if (code > BRACKET || (code >= SPACE && code !== LESS && code !== AMPERSAND && code !== BRACKET)) at++;
    else if (code === LF || code === TAB) at++;
    else return at;
  }
}
