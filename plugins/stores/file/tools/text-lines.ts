import { RegistryError } from '../../../../core/index.js';

const LINE_FEED = 10;

/** One line, numbered from 1. */
export interface TextLine {
  readonly number: number;
  readonly text: string;
}

/** Cuts bytes into lines of UTF-8. INVALID_ARGUMENT names the line that is too long, or is not UTF-8. */
export async function* textLines(bytes: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<TextLine> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let number = 1;
  let parts: Uint8Array[] = [];
  let length = 0;
  const add = (part: Uint8Array) => {
    length += part.length;
    if (length > limit) throw badLine(number, `a line of at most ${limit} bytes`, 'a longer one');
    if (part.length > 0) parts.push(part);
  };
  const take = (): TextLine => {
    let text: string;
    try {
      text = decoder.decode(Buffer.concat(parts));
    } catch {
      throw badLine(number, 'text in UTF-8', 'other bytes');
    }
    parts = [];
    length = 0;
    return { number: number++, text };
  };
  for await (const chunk of bytes) {
    let from = 0;
    for (let to = chunk.indexOf(LINE_FEED); to !== -1; to = chunk.indexOf(LINE_FEED, from)) {
      add(chunk.subarray(from, to));
      yield take();
      from = to + 1;
    }
    add(chunk.subarray(from));
  }
  if (length > 0) yield take();
}

/** The error for a line that is not what it should be. */
export function badLine(number: number, expected: string, found: string): RegistryError {
  return new RegistryError(
    'INVALID_ARGUMENT',
    `Line ${number}: expected ${expected}, found ${found}. Nothing was imported.`,
  );
}
