import { z } from 'zod';
import { definePlugin } from '../../../core/index.js';
import { createTcpChecker } from './tcp-checker.js';

/** Contributes the checker `tcp`. */
export default definePlugin({
  name: 'tcp-checker',
  options: z.strictObject({}),
  setup(api) {
    api.addChecker(createTcpChecker(api.clock));
  },
});
