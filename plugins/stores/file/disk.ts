import { fdatasync, writeSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** One open file. Positions and sizes are bytes. */
export interface DiskFile {
  size(): Promise<number>;
  /** Fills as much of `into` as the file holds from `position`; answers how much that was. */
  read(into: Buffer, position: number): Promise<number>;
  /** Writes all of it, or throws; some of it may then have been written. */
  writeSync(bytes: Buffer, position: number): void;
  /** Writes zeros from `from` up to `to`, in the background. Where it rejects, some of them may have been written. */
  zero(from: number, to: number): Promise<void>;
  /** Resolves when what was written would survive a power failure. */
  datasync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

/** The few things the store asks of a file system, handed in so that a test can make any of them fail. */
export interface Disk {
  /** Makes a folder that only its owner may enter, and what leads to it. Nothing happens where it exists. */
  makeFolder(path: string): Promise<void>;
  list(folder: string): Promise<string[]>;
  /** `create` empties a file that exists; only its owner may read it. */
  open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile>;
  rename(from: string, to: string): Promise<void>;
  /** Nothing happens where there is no such file. */
  remove(path: string): Promise<void>;
  /** Makes what was created, renamed and removed in a folder survive a power failure. */
  syncFolder(folder: string): Promise<void>;
}

const FLAGS = { read: 'r', write: 'r+', create: 'w+' } as const;
const ZEROS = Buffer.alloc(2 ** 18);

/** The machine's own file system. */
export const nodeDisk: Disk = {
  async makeFolder(path) {
    const first = await mkdir(path, { recursive: true, mode: 0o700 });
    if (first === undefined) return;
    // Each of them is an entry in the one above.
    const top = dirname(resolve(first));
    for (let made = resolve(path); made.length > top.length; made = dirname(made)) {
      await syncFolder(dirname(made));
    }
  },
  list: (folder) => readdir(folder),
  open: openFile,
  rename,
  remove: (path) => rm(path, { force: true }),
  syncFolder,
};

async function openFile(path: string, mode: keyof typeof FLAGS): Promise<DiskFile> {
  const handle = await open(path, FLAGS[mode], 0o600);
  return {
    size: async () => (await handle.stat()).size,
    async read(into, position) {
      let filled = 0;
      while (filled < into.length) {
        const { bytesRead } = await handle.read(into, filled, into.length - filled, position + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return filled;
    },
    writeSync(bytes, position) {
      let written = 0;
      while (written < bytes.length) {
        written += writeSync(handle.fd, bytes, written, bytes.length - written, position + written);
      }
    },
    async zero(from, to) {
      for (let at = from; at < to; ) {
        at += (await handle.write(ZEROS, 0, Math.min(ZEROS.length, to - at), at)).bytesWritten;
      }
    },
    // By callback: a FileHandle's own datasync() costs several promises on the way of every commit.
    datasync: () =>
      new Promise((resolve, reject) => {
        fdatasync(handle.fd, (error) => (error === null ? resolve() : reject(error)));
      }),
    truncate: (length) => handle.truncate(length),
    close: () => handle.close(),
  };
}

async function syncFolder(folder: string): Promise<void> {
  // Windows opens no folder, and keeps its entries without being asked.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
