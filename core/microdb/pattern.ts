import { RE2JS } from 're2js';

/** The letters of `$options`, as JavaScript has them. `u` is always on. */
const FLAGS: Readonly<Record<string, number>> = {
  i: RE2JS.CASE_INSENSITIVE,
  m: RE2JS.MULTILINE,
  s: RE2JS.DOTALL,
  u: 0,
};

/**
 * The test for the strings in which a pattern is found. The syntax is RE2's (https://github.com/google/re2/wiki/Syntax), which
 * is JavaScript's but for what needs backtracking: no lookaround, no references back. A pattern takes time in
 * proportion to the text; JavaScript's own engine can be kept busy for years by one of ten characters.
 *
 * @throws Error for what is no pattern, saying where it is wrong.
 */
export function compilePattern(pattern: string, letters = ''): (value: unknown) => boolean {
  let flags = 0;
  for (const letter of letters) flags |= FLAGS[letter] ?? 0;
  const compiled = RE2JS.compile(pattern, flags);
  return (value) => typeof value === 'string' && compiled.test(value);
}
