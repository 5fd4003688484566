import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, expect } from 'vitest';
import {
  type Awaitable,
  type Clock,
  type CommitOutcome,
  type StoreState,
  silentLogger,
  systemClock,
} from '../../../../core/index.js';
import { type Disk, type DiskFile, nodeDisk } from '../../../../plugins/stores/file/disk.js';
import { FileStore } from '../../../../plugins/stores/file/file-store.js';
import { commitOf, MapReader } from '../../../contracts/store.js';

const folders: string[] = [];
const stores: FileStore[] = [];

afterEach(async () => {
  // A test of a disk that hangs has seen the close fail already.
  for (const store of stores.splice(0)) await store.close().catch(() => {});
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

/** A folder that is removed after the test. */
export async function tempFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rollcall-'));
  folders.push(folder);
  return folder;
}

/** What a crash at this moment would leave, if all that was written had reached the disk. The lock's holder is dead. */
export async function crashCopy(path: string): Promise<string> {
  for (;;) {
    const copy = await tempFolder();
    const names = await readdir(path);
    let isWhole = true;
    for (const name of names) {
      if (name === 'lock') continue;
      await cp(join(path, name), join(copy, name), { recursive: true }).catch(() => {
        isWhole = false;
      });
    }
    // No crash sees files come and go while it looks at one after the other.
    if (isWhole && (await readdir(path)).join() === names.join()) return copy;
  }
}

export interface Opened {
  readonly path: string;
  readonly store: FileStore;
  readonly reader: MapReader;
  readonly state: StoreState;
}

/** Opens a store, in a new folder unless one is given; it is closed after the test. */
export async function openStore(
  options: { path?: string; disk?: Disk; clock?: Clock; snapshotBytes?: number; intervalMs?: number } = {},
): Promise<Opened> {
  const path = options.path ?? (await tempFolder());
  const store = new FileStore({ clock: systemClock, logger: silentLogger, ...options, path });
  const reader = new MapReader();
  const state = await store.open(reader);
  stores.push(store);
  return { path, store, reader, state };
}

/** Commits one value to one key of `things`. */
export function put(
  store: FileStore,
  key: string,
  n: number,
  durability?: 'volatile',
): Awaitable<CommitOutcome> {
  return store.commit(commitOf([{ key, value: { n } }], durability));
}

/** Waits for a commit that must be stored. */
export async function stored(outcome: Awaitable<CommitOutcome>): Promise<number> {
  const ending = await outcome;
  expect(ending).toMatchObject({ kind: 'committed' });
  return ending.kind === 'committed' ? ending.revision : 0;
}

/** What is asked of the disk, and of which file. */
export type Step = 'create' | 'write' | 'zero' | 'datasync' | 'truncate' | 'rename' | 'remove' | 'syncFolder';

export function diskError(code: string): Error {
  return Object.assign(new Error(`${code}: the test says so`), { code });
}

/** A real disk with a test in between: `before` may throw, or wait where the step is one that waits. */
export class TestDisk implements Disk {
  before: (step: Step, name: string) => unknown = () => undefined;
  /** How many bytes of a write that fails are written all the same. */
  partialBytes = 0;

  makeFolder = nodeDisk.makeFolder;
  list = nodeDisk.list;

  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile> {
    const name = basename(path);
    if (mode === 'create') await this.before('create', name);
    const file = await nodeDisk.open(path, mode);
    return {
      ...file,
      writeSync: (bytes, position) => {
        try {
          this.before('write', name);
        } catch (error) {
          file.writeSync(bytes.subarray(0, this.partialBytes), position);
          throw error;
        }
        file.writeSync(bytes, position);
      },
      zero: async (from, to) => {
        await this.before('zero', name);
        await file.zero(from, to);
      },
      datasync: async () => {
        await this.before('datasync', name);
        await file.datasync();
      },
      truncate: async (length) => {
        await this.before('truncate', name);
        await file.truncate(length);
      },
    };
  }

  async rename(from: string, to: string): Promise<void> {
    await this.before('rename', basename(to));
    await nodeDisk.rename(from, to);
  }

  async remove(path: string): Promise<void> {
    await this.before('remove', basename(path));
    await nodeDisk.remove(path);
  }

  async syncFolder(folder: string): Promise<void> {
    await this.before('syncFolder', basename(folder));
    await nodeDisk.syncFolder(folder);
  }
}

/** Something that a test lets go on when it wants to. */
export function gate(): { readonly passed: Promise<void>; open(): void } {
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}
