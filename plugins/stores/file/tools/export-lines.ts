import {
  type Clock,
  type JsonObject,
  KeyMap,
  type StoredEntry,
  type StoreReader,
} from '../../../../core/index.js';
import { type Disk, nodeDisk } from '../disk.js';
import { corrupt, readFirstLine, type SnapshotRecord } from '../format.js';
import { readRecord } from '../frame.js';
import { fileName } from '../layout.js';
import { recover } from '../recover.js';
import { type HeldFolder, holdFolder, unreadable } from './hold-folder.js';

/** The format of exports that is written, and the newest that is read. */
export const EXPORT_FORMAT = 1;

/** The first line of an export. */
export interface ExportHeader {
  readonly rollcall: 'export';
  readonly format: number;
  readonly epoch: string;
  readonly home: string;
  readonly revision: number;
  readonly nextId: number;
}

/** Lines are handed on in pieces of about this many characters. */
const PIECE_CHARS = 2 ** 16;

export interface Export {
  /** Pieces of whole lines: the header, a line for each key, and a line that counts them. */
  readonly pieces: AsyncIterable<string>;
  /** How many keys there were so far. */
  readonly keys: number;
}

/**
 * Gives all that a folder holds as lines of JSON. In memory is only what the journals say; the snapshot is read once to
 * see that it is whole, before the first line is given, and again as the lines are asked for. The folder may be in use.
 */
export function exportFolder(path: string, clock: Clock, disk: Disk = nodeDisk): Export {
  let keys = 0;
  async function* lines(): AsyncGenerator<string> {
    const held = await holdFolder(disk, path, clock);
    try {
      const newest = new Newest();
      const found = await recover(await held.asDisk(), path, newest, clock, () => {});
      const { epoch, home, revision, nextId } = found;
      yield line({ rollcall: 'export', format: EXPORT_FORMAT, epoch, home, revision, nextId });
      for await (const entry of merged(held, newest)) {
        keys += 1;
        const { collection, key, value, revision } = entry;
        yield line({ collection, key, value, revision });
      }
      yield line({ end: keys });
    } catch (error) {
      throw unreadable(path, error);
    } finally {
      await held.close();
    }
  }
  return {
    pieces: gathered(lines()),
    get keys() {
      return keys;
    },
  };
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

async function* gathered(lines: AsyncIterable<string>): AsyncGenerator<string> {
  let piece = '';
  for await (const text of lines) {
    piece += text;
    if (piece.length < PIECE_CHARS) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

/** The snapshot's entries, with what the journals say instead, and then what only those say. */
async function* merged(held: HeldFolder, newest: Newest): AsyncGenerator<StoredEntry> {
  const { snapshot } = held.layout;
  if (snapshot !== undefined) {
    for await (const entry of snapshotEntries(held, snapshot)) {
      const now = newest.tell(entry);
      if (now !== undefined) yield now;
    }
  }
  yield* newest.rest();
}

async function* snapshotEntries(held: HeldFolder, number: number): AsyncGenerator<StoredEntry> {
  const name = fileName('snapshot', number);
  const file = held.file(name);
  let { length: at } = await readFirstLine(file, 'snapshot', name);
  for (let sequence = 0; ; sequence += 1) {
    const found = await readRecord(file, at, sequence);
    // It was whole a moment ago, so the disk gives one thing now and another then.
    if (found === undefined) throw corrupt(name, at, 'the record there was whole, and no longer is');
    const record = JSON.parse(found.payload) as SnapshotRecord;
    if ('end' in record) return;
    at += found.length;
    if (!('entries' in record)) continue;
    for (const [collection, key, revision, value] of record.entries)
      yield { collection, key, revision, value };
  }
}

interface Latest {
  readonly value: JsonObject | null;
  readonly revision: number;
  /** Whether it was told in the place of a snapshot's entry. */
  isTold: boolean;
}

/** What the journals say of each key last, removals included. */
class Newest implements Pick<StoreReader, 'load' | 'revisionOf'> {
  readonly #keys = new KeyMap<Latest>();

  load({ collection, key, value, revision }: Parameters<StoreReader['load']>[0]): void {
    this.#keys.set(collection, key, { value, revision, isTold: false });
  }

  revisionOf(collection: string, key: string): number | undefined {
    return this.#keys.get(collection, key)?.revision;
  }

  /**
   * What stands for an entry of the snapshot: that or what the journals say, whichever is newer, and nothing where that is
   * a removal. A key that was removed and came back while the snapshot was written is there twice, and told once.
   */
  tell(entry: StoredEntry): StoredEntry | undefined {
    const latest = this.#keys.get(entry.collection, entry.key);
    if (latest === undefined) return entry;
    if (latest.isTold) return undefined;
    latest.isTold = true;
    if (latest.revision < entry.revision) return entry;
    return latest.value === null ? undefined : { ...entry, value: latest.value, revision: latest.revision };
  }

  *rest(): Iterable<StoredEntry> {
    for (const [collection, key, { value, revision, isTold }] of this.#keys.entries()) {
      if (value !== null && !isTold) yield { collection, key, value, revision };
    }
  }
}
