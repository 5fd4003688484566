/** What a reference says, and how long it is; no character where XML 1.0 has none of that number. */
export interface Reference {
  readonly character: string | undefined;
  readonly length: number;
}

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const HASH = 0x23;
const SEMICOLON = 0x3b;
const SMALL_X = 0x78;
const LAST_CHARACTER = 0x10ffff;

const ENTITIES = Object.entries({ lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }).map(
  ([name, character]) => {
    const literal = Buffer.from(`&${name};`);
    return { literal, character, length: literal.length };
  },
);

/** One of the five entities, or a character by its number. There is no DTD, so there are no others: undefined. */
export function referenceAt(codes: Buffer, at: number): Reference | undefined {
  if (codes[at + 1] === HASH) return characterAt(codes, at);
  return ENTITIES.find(({ literal }) => literal.every((code, offset) => codes[at + offset] === code));
}

function characterAt(codes: Buffer, start: number): Reference | undefined {
  const isHex = codes[start + 2] === SMALL_X;
  const base = isHex ? 16 : 10;
  const first = start + (isHex ? 3 : 2);
  let at = first;
  let value = 0;
  for (let digit = digitOf(codes[at]); digit < base; digit = digitOf(codes[++at])) {
    // Never beyond counting, however many digits there are.
    if (value <= LAST_CHARACTER) value = value * base + digit;
  }
  if (at === first || codes[at] !== SEMICOLON) return undefined;
  const character = isCharacter(value) ? String.fromCodePoint(value) : undefined;
  return { character, length: at + 1 - start };
}

function isCharacter(code: number): boolean {
  return (
    code === TAB ||
    code === LF ||
    code === CR ||
    (code >= 0x20 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd) ||
    (code >= 0x10000 && code <= LAST_CHARACTER)
  );
}

/** The value of a digit in base 16; 16 for what is none. */
function digitOf(code: number | undefined): number {
  if (code === undefined || code < 0x30) return 16;
  if (code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : 16;
}
