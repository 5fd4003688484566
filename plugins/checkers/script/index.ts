import { z } from 'zod';
import { definePlugin } from '../../../core/index.js';
import { createScriptChecker } from './script-checker.js';

/** What a script gets of the registry's environment: what it can't do without, and no secrets. */
const INHERITED = ['PATH', 'LANG'];

/** Contributes the checker `script`. */
export default definePlugin({
  name: 'script-checker',
  options: z.strictObject({
    /** How many scripts may run at once. */
    inFlight: z.int().min(1).max(1_000).default(16),
  }),
  setup(api, { inFlight }) {
    const environment: Record<string, string> = {};
    for (const name of INHERITED) {
      const value = process.env[name];
      if (value !== undefined) environment[name] = value;
    }
    api.addChecker(
      createScriptChecker({
        clock: api.clock,
        inFlight,
        environment,
        resolvePath: (path) => api.resolvePath(path),
        signal: api.signal,
      }),
    );
  },
});
