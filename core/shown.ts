/** Controls, marks of direction, lone surrogates, unassigned characters, separators of lines. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** Text of strangers as it may stand in a line: cut to a length, with `?` in place of what is not seen. */
export function shown(text: string, length: number): string {
  const cut = text.length > length ? `${text.slice(0, length)}…` : text;
  return cut.replace(UNSEEN, '?');
}
