import { z } from 'zod';
import { defineStore, duration } from '../../../core/index.js';
import { FileStore } from './file-store.js';

/** The store that keeps everything in a folder of this machine. */
export default defineStore({
  name: 'file',
  options: z.strictObject({
    path: z.string().min(1).max(4_096).default('./data'),
    snapshotBytes: z
      .number()
      .int()
      .min(2 ** 16)
      .max(2 ** 40)
      .default(2 ** 26),
    durability: z.enum(['fsync', 'interval']).default('fsync'),
    interval: duration({ min: 1, max: 60_000 }).prefault('100ms'),
  }),
  create: (api, { path, snapshotBytes, durability, interval }) =>
    new FileStore({
      path: api.resolvePath(path),
      snapshotBytes,
      intervalMs: durability === 'interval' ? interval : undefined,
      clock: api.clock,
      logger: api.logger,
    }),
});
