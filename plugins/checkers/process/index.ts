import { z } from 'zod';
import { definePlugin } from '../../../core/index.js';
import { createProcessChecker } from './process-checker.js';
import { systemProcesses } from './processes.js';

/** Contributes the checker `process`. */
export default definePlugin({
  name: 'process-checker',
  options: z.strictObject({}),
  setup(api) {
    api.addChecker(createProcessChecker(api.clock, systemProcesses(api.clock)));
  },
});
