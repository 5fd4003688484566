import { messageOf, RegistryError } from '../errors.js';

/** Where a command writes, and what it knows of its surroundings: handed in, so that tests can look at it. */
export interface CliContext {
  readonly folder: string;
  readonly env: { readonly [name: string]: string | undefined };
  out(text: string): void;
  err(text: string): void;
}

/** What a person is told of an error: its code, where it has one, and its message. */
export function failure(error: unknown): string {
  const code = error instanceof RegistryError ? `${error.code}: ` : '';
  return `rollcall: ${code}${messageOf(error)}`;
}

/** Lines up rows under their headings, two blanks apart. Control characters are shown, never sent to the terminal. */
export function table(headings: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const cells = [headings, ...rows].map((row) => row.map((cell) => printable(String(cell ?? ''))));
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Text from outside, made safe to show. */
export function printable(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

export function json(value: unknown): string {
  return JSON.stringify(value, undefined, 2);
}
