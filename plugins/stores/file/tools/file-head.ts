import { RegistryError } from '../../../../core/index.js';
import type { DiskFile } from '../disk.js';
import { type FileKind, readFirstLine } from '../format.js';
import { readRecord } from '../frame.js';
import { type Finding, findingOf } from './findings.js';

/** The first record of a file whose first line is damaged lies within so many bytes. */
const LINE_LIMIT = 128;

/** How a file begins. */
export interface FileHead {
  /** As the first line says it; undefined where that can't be read. */
  readonly format: number | undefined;
  /** Where the records begin. */
  readonly from: number;
  readonly first: { readonly payload: string; readonly sequence: number } | undefined;
}

/** Reads how a file begins, as far as it can be read; what is wrong is told. */
export async function readHead(
  file: DiskFile,
  kind: FileKind,
  name: string,
  tell: (finding: Finding) => void,
): Promise<FileHead> {
  let format: number | undefined;
  let from: number;
  try {
    ({ length: from, version: format } = await readFirstLine(file, kind, name));
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    tell(findingOf(name, error));
    from = await findFirst(file);
  }
  return { format, from, first: await readRecord(file, from) };
}

/** Where the first whole record lies, behind a first line that can't be trusted to end where it should. */
async function findFirst(file: DiskFile): Promise<number> {
  for (let at = 0; at < LINE_LIMIT; at += 1) if ((await readRecord(file, at)) !== undefined) return at;
  return 0;
}
