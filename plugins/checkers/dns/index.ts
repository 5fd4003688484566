import { z } from 'zod';
import { definePlugin } from '../../../core/index.js';
import { createDnsChecker } from './dns-checker.js';

/** Contributes the checker `dns`. */
export default definePlugin({
  name: 'dns-checker',
  options: z.strictObject({}),
  setup(api) {
    api.addChecker(createDnsChecker(api.clock));
  },
});
