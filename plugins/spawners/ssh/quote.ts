import { RegistryError } from '../../../core/index.js';

/**
 * One word of a POSIX shell that means exactly this text: within single quotes nothing is special but the quote itself
 * (POSIX, Shell Command Language, 2.2.2). Throws INVALID_ARGUMENT for U+0000, which no argument of a program can hold.
 */
export function quoted(text: string): string {
  if (text.includes('\u0000')) {
    throw new RegistryError('INVALID_ARGUMENT', 'An argument of a program must not contain U+0000.');
  }
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Several words, with blanks between them. */
export function quotedAll(texts: readonly string[]): string {
  return texts.map(quoted).join(' ');
}
