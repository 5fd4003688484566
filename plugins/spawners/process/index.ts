import { z } from 'zod';
import { definePlugin } from '../../../core/index.js';
import { createProcessSpawner } from './process-spawner.js';
import { systemProcessTable } from './process-table.js';

/** All that a program gets of the registry's environment: what a program can't do without, and no secrets. */
const INHERITED = ['PATH', 'HOME', 'USER', 'LANG', 'TZ', 'TMPDIR'];

/** Contributes the spawner `process`. */
export default definePlugin({
  name: 'process-spawner',
  options: z.strictObject({}),
  setup(api) {
    const environment: Record<string, string> = {};
    for (const name of INHERITED) {
      const value = process.env[name];
      if (value !== undefined) environment[name] = value;
    }
    api.addSpawner(
      createProcessSpawner({
        clock: api.clock,
        table: systemProcessTable(),
        environment,
        resolvePath: (path) => api.resolvePath(path),
        signal: api.signal,
      }),
    );
  },
});
