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

/**
 * The same for one pattern of a stranger that is kept and found in one text of a stranger at a time. It may have so many
 * steps: about one a character, and `x{100}` has a hundred. It keeps nothing between texts, where the engine above may keep
 * megabytes for a pattern, and on hostile texts takes five times as long to make them: 128 steps and 16 KB, which are
 * 150 ms there, are 35 ms here.
 *
 * @throws Error for what is no pattern, saying where it is wrong, and for one of too many steps.
 */
export function compileSmallPattern(pattern: string, steps: number): (text: string) => boolean {
  const compiled = RE2JS.compile(pattern, 0);
  const size = compiled.programSize();
  if (size > steps) throw new Error(`it has ${size} steps, and may have ${steps}`);
  return (text) => compiled.matcher(text).find();
}
