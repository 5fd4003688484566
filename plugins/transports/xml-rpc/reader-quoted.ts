/** The length of untrusted text shown. */
const SHOWN = 32;
/** Controls, marks of direction, lone surrogates, unassigned characters, separators of lines. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** Untrusted text as it may stand in a message or a log: cut, in quotes, nothing in it that isn't seen. */
export function quoted(text: string): string {
  const shown = text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
  return `"${shown.replace(UNSEEN, (unseen) => `\\u{${(unseen.codePointAt(0) ?? 0).toString(16)}}`)}"`;
}
