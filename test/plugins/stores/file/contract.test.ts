import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { silentLogger, systemClock } from '../../../../core/index.js';
import { FileStore } from '../../../../plugins/stores/file/file-store.js';
import { describeStore } from '../../../contracts/store.js';

describe('the file store', () => {
  describeStore({
    test: it,
    create: async () => {
      const folder = await mkdtemp(join(tmpdir(), 'rollcall-'));
      const make = () =>
        new FileStore({ path: join(folder, 'data'), clock: systemClock, logger: silentLogger });
      return {
        store: make(),
        reopen: async () => make(),
        dispose: () => rm(folder, { recursive: true, force: true }),
      };
    },
  });
});

describe('the file store, while snapshots are written all the time', () => {
  describeStore({
    test: it,
    create: async () => {
      const folder = await mkdtemp(join(tmpdir(), 'rollcall-'));
      const make = () =>
        new FileStore({
          path: join(folder, 'data'),
          clock: systemClock,
          logger: silentLogger,
          snapshotBytes: 1,
        });
      return {
        store: make(),
        reopen: async () => make(),
        dispose: () => rm(folder, { recursive: true, force: true }),
      };
    },
  });
});
