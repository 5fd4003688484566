import { z } from 'zod';
import {
  describeIssues,
  type JsonObject,
  KeyMap,
  RegistryError,
  type StoredEntry,
} from '../../../../core/index.js';
import { EXPORT_FORMAT, type ExportHeader } from './export-lines.js';
import { badLine, type TextLine, textLines } from './text-lines.js';

/** A commit has at most 8,000,000 characters, of up to three bytes each, and a line holds one value of it. */
const LINE_BYTES = 2 ** 25;
/** That much of a line that is wrong is shown. */
const SHOWN_CHARS = 80;

const headerSchema = z.strictObject({
  rollcall: z.literal('export'),
  format: z.literal(EXPORT_FORMAT),
  epoch: z.string().min(1).max(128),
  home: z.string().min(1).max(128),
  revision: z.int().min(0),
  nextId: z.int().min(1),
});

const entrySchema = z.strictObject({
  collection: z.string().min(1),
  key: z.string().min(1),
  value: z.custom<JsonObject>(isObject, { error: 'expected an object' }),
  revision: z.int().min(1),
});

const endSchema = z.strictObject({ end: z.int().min(0) });

const HEADER = 'an export\'s first line, {"rollcall":"export",…}';
const ENTRY = 'a line {"collection","key","value","revision"} or {"end"}';

/** Reads an export from its first line to its last. INVALID_ARGUMENT names the line that is wrong, STORE_VERSION a newer format. */
export async function readExport(
  bytes: AsyncIterable<Uint8Array>,
): Promise<{ readonly header: ExportHeader; readonly entries: readonly StoredEntry[] }> {
  const entries: StoredEntry[] = [];
  const lineOf = new KeyMap<number>();
  let header: ExportHeader | undefined;
  let end: number | undefined;
  let last = 0;
  for await (const line of textLines(bytes, LINE_BYTES)) {
    const { number } = line;
    last = number;
    if (end !== undefined) throw badLine(number, 'nothing behind the line that says {"end"}', shown(line));
    const json = parse(line, header === undefined ? HEADER : ENTRY);
    if (header === undefined) header = headerOf(json, line);
    else if ('end' in json) end = checked(endSchema, json, line, ENTRY).end;
    else {
      const entry = checked(entrySchema, json, line, ENTRY);
      checkPlace(entry, number, header, lineOf);
      entries.push(entry);
    }
  }
  if (header === undefined) throw badLine(1, HEADER, 'nothing');
  if (end === undefined) {
    throw badLine(last + 1, 'more lines, the last one saying {"end"}', 'the end: the export was cut off');
  }
  if (end !== entries.length) throw badLine(last, `an end that counts ${entries.length} keys`, `${end}`);
  return { header, entries };
}

function headerOf(json: object, line: TextLine): ExportHeader {
  const { rollcall, format } = json as { [member: string]: unknown };
  if (rollcall === 'export' && typeof format === 'number' && format > EXPORT_FORMAT) {
    throw new RegistryError(
      'STORE_VERSION',
      `This export has format ${format}, and this version of Rollcall reads exports up to format ${EXPORT_FORMAT}. Use the version that wrote it, or a newer one. Nothing was imported.`,
    );
  }
  return checked(headerSchema, json, line, HEADER);
}

function checkPlace(
  { collection, key, revision }: StoredEntry,
  number: number,
  header: ExportHeader,
  lineOf: KeyMap<number>,
): void {
  if (revision > header.revision) {
    throw badLine(number, `a revision of at most ${header.revision}, as the first line says`, `${revision}`);
  }
  const former = lineOf.get(collection, key);
  if (former !== undefined) {
    throw badLine(
      number,
      'a key of its own',
      `key ${JSON.stringify(key)} of ${collection}, as on line ${former}`,
    );
  }
  lineOf.set(collection, key, number);
}

function parse(line: TextLine, expected: string): object {
  let json: unknown;
  try {
    json = JSON.parse(line.text);
  } catch {
    // What follows is for any text.
  }
  if (isObject(json)) return json;
  throw badLine(line.number, expected, shown(line));
}

function checked<S extends z.ZodType>(
  schema: S,
  json: object,
  line: TextLine,
  expected: string,
): z.output<S> {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  throw badLine(line.number, expected, `${shown(line)} (${describeIssues(result.error, schema).join('; ')})`);
}

function shown({ text }: TextLine): string {
  if (text.trim() === '') return 'an empty line';
  const begin = text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}…` : text;
  // It may come from anywhere, and ends on a terminal.
  return `"${begin.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd')}"`;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
