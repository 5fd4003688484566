import { type Clock, KeyMap, RegistryError, type StoreReader } from '../../../../core/index.js';
import { type Disk, nodeDisk } from '../disk.js';
import { readFirstLine } from '../format.js';
import { inspectTail, readRecord, scanRecords } from '../frame.js';
import type { Holder } from '../lock.js';
import { REVISION_LEAP, recover } from '../recover.js';
import { countedNames, type HeldFolder, holdFolder, unreadable } from './hold-folder.js';
import { othersOf } from './verify.js';
import type { FileReport } from './verify-snapshot.js';

/** What a catalogue says of itself. */
export interface CatalogueState {
  readonly epoch: string;
  readonly home: string;
  /** The highest revision found. */
  readonly revision: number;
  /** Commits that are stored, and whose revisions are not yet. */
  readonly unnumbered: number;
  /** The first id that was not handed out. */
  readonly nextId: number;
  /** Whether the last run closed the store. */
  readonly isClean: boolean;
  /** Bytes of a half-written end, which the next start cuts off. */
  readonly torn: number;
  readonly collections: readonly { readonly name: string; readonly keys: number; readonly bytes: number }[];
}

export interface Inspection {
  readonly path: string;
  readonly lock: { readonly kind: 'free' | 'alive' | 'dead' | 'unclear'; readonly holder?: Holder };
  readonly files: readonly FileReport[];
  /** Undefined where the folder is damaged. */
  readonly state: CatalogueState | undefined;
  /** Why no registry would start with the folder. */
  readonly damage: string | undefined;
  readonly leftovers: readonly string[];
  /** Folders that keep what was there before the format changed. */
  readonly kept: readonly string[];
  readonly others: readonly string[];
}

/** Says what lies in a data folder, and changes nothing. It may be in use. */
export async function inspect(path: string, clock: Clock, disk: Disk = nodeDisk): Promise<Inspection> {
  const held = await holdFolder(disk, path, clock);
  try {
    const { kind, ...holder } = held.lock;
    const files: FileReport[] = [];
    let state: CatalogueState | undefined;
    let { leftovers } = held.layout;
    let damage: string | undefined;
    try {
      for (const name of countedNames(held.layout)) files.push(await count(held, name));
      ({ state, leftovers } = await readState(held, clock));
    } catch (error) {
      if (!(error instanceof RegistryError) || error.code === 'INTERNAL') throw error;
      damage = `${error.code}: ${error.message}`;
    }
    return {
      path,
      lock: { kind: kind === 'gone' ? 'free' : kind, ...holder },
      files: files.filter(({ name }) => !leftovers.includes(name)),
      state,
      damage,
      leftovers,
      ...othersOf(held),
    };
  } catch (error) {
    throw unreadable(path, error);
  } finally {
    await held.close();
  }
}

async function count(held: HeldFolder, name: string): Promise<FileReport> {
  const file = held.file(name);
  const bytes = await file.size();
  const kind = name.startsWith('snapshot') ? 'snapshot' : 'journal';
  const { length: from, version: format } = await readFirstLine(file, kind, name);
  let records = 0;
  const sequence = (await readRecord(file, from))?.sequence ?? 0;
  const { end } = await scanRecords(file, { from, limit: bytes, sequence }, () => {
    records += 1;
  });
  const { isEmpty } = await inspectTail(
    file,
    { from: end, limit: bytes, sequence: Number.MAX_SAFE_INTEGER },
    () => false,
  );
  return { name, format, bytes, records, zeroed: isEmpty ? bytes - end : 0 };
}

async function readState(
  held: HeldFolder,
  clock: Clock,
): Promise<Pick<Inspection, 'leftovers'> & { state: CatalogueState }> {
  const tally = new Tally();
  const found = await recover(await held.asDisk(), held.path, tally, clock);
  const { epoch, home, nextId, isClean, journal } = found;
  // After a crash, recovery goes on far above what it has found, with the last commits that have no revision yet.
  const unnumbered = found.given.length;
  const highest = found.given[0] === undefined ? found.revision : found.given[0] - 1;
  const revision = highest - (isClean ? 0 : REVISION_LEAP);
  const torn = journal?.torn ?? 0;
  const { collections } = tally;
  const state = { epoch, home, revision, unnumbered, nextId, isClean, torn, collections };
  return { state, leftovers: found.leftovers };
}

/** Counts what is loaded, and keeps none of it. */
class Tally implements Pick<StoreReader, 'load' | 'revisionOf'> {
  readonly #keys = new KeyMap<{ readonly revision: number; readonly bytes: number }>();

  get collections() {
    const tallies = new Map<string, { keys: number; bytes: number }>();
    for (const [name, , { bytes }] of this.#keys.entries()) {
      const tally = tallies.get(name) ?? { keys: 0, bytes: 0 };
      tallies.set(name, { keys: tally.keys + 1, bytes: tally.bytes + bytes });
    }
    return [...tallies].map(([name, tally]) => ({ name, ...tally }));
  }

  load({ collection, key, value, revision }: Parameters<StoreReader['load']>[0]): void {
    if (value === null) this.#keys.delete(collection, key);
    else this.#keys.set(collection, key, { revision, bytes: Buffer.byteLength(JSON.stringify(value)) });
  }

  revisionOf(collection: string, key: string): number | undefined {
    return this.#keys.get(collection, key)?.revision;
  }
}
