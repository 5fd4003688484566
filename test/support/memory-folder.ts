import { basename } from 'node:path';
import type { Disk } from '../../plugins/stores/file/disk.js';

/** A data folder whose files lie in memory, to be read and nothing else: quick enough to be damaged at every bit. */
export function memoryFolder(files: ReadonlyMap<string, Buffer>): Disk {
  const refuse = () => Promise.reject(new Error('this folder is only read'));
  return {
    makeFolder: refuse,
    list: async () => [...files.keys()],
    async open(path) {
      const bytes = files.get(basename(path));
      if (bytes === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' });
      return {
        size: async () => bytes.length,
        read: async (into, position) => bytes.copy(into, 0, Math.min(position, bytes.length)),
        writeSync: () => {
          throw new Error('this folder is only read');
        },
        datasync: refuse,
        truncate: refuse,
        zero: refuse,
        close: async () => {},
      } as Awaited<ReturnType<Disk['open']>>;
    },
    rename: refuse,
    remove: refuse,
    syncFolder: refuse,
  };
}
