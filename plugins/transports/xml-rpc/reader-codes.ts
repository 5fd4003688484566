/** The characters of the grammar by their codes, and their classes in XML 1.0 as far as the reader asks. */
export const TAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SPACE = 0x20;
export const AMPERSAND = 0x26;
export const LESS = 0x3c;
export const GREATER = 0x3e;
export const SLASH = 0x2f;
export const BANG = 0x21;
export const QUESTION = 0x3f;
export const BRACKET = 0x5d;

export function isControl(code: number | undefined): boolean {
  return code !== undefined && code < SPACE && code !== LF && code !== TAB;
}

/** White space in XML, where line ends are LF. */
export function isSpace(code: number | undefined): boolean {
  return code === SPACE || code === LF || code === TAB;
}

export function isNameStart(code: number | undefined): boolean {
  if (code === undefined) return false;
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || code === 0x5f || code === 0x3a;
}

export function isInName(code: number | undefined): boolean {
  return (
    isNameStart(code) ||
    (code !== undefined && ((code >= 0x30 && code <= 0x39) || code === 0x2d || code === 0x2e))
  );
}

/** Where the plain text from `at` on ends: at `<`, `&`, `]`, a control character, or the end of all. */
export function plainEnd(codes: Buffer, at: number): number {
  for (;;) {
    const code = codes[at] as number;
    if (code > BRACKET || (code >= SPACE && code !== LESS && code !== AMPERSAND && code !== BRACKET)) at++;
    else if (code === LF || code === TAB) at++;
    else return at;
  }
}

/** Whether `literal`, as far as `length`, stands at a place. */
export function isAt(codes: Buffer, at: number, literal: Buffer, length: number): boolean {
  for (let i = 0; i < length; i++) {
    if (codes[at + i] !== literal[i]) return false;
  }
  return true;
}
