import { stripVTControlCharacters } from 'node:util';

/** Longer ones are cut: they end up in records, logs and terminals. */
const OUTPUT_LENGTH = 256;
/** Controls, marks of direction, lone surrogates, unassigned characters, separators of lines. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]+/gu;

/**
 * What a script says: the first line that is not blank, without what follows `|`, which is for machines (Nagios Plugins
 * Development Guidelines, "performance data"). '' where there is none. Bytes that are no UTF-8 become U+FFFD.
 */
export function firstLine(bytes: Uint8Array): string {
  const text = stripVTControlCharacters(new TextDecoder().decode(bytes));
  for (const line of text.split(/[\r\n]/)) {
    const seen = line.replace(UNSEEN, ' ').trim();
    if (seen === '') continue;
    const [said = ''] = seen.split('|', 1);
    return [...said].slice(0, OUTPUT_LENGTH).join('').trim();
  }
  return '';
}
