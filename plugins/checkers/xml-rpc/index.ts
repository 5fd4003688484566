import { z } from 'zod';
import { definePlugin } from '../../../core/index.js';
import { createXmlRpcChecker } from './xml-rpc-checker.js';

/** Contributes the checker `xml-rpc`. */
export default definePlugin({
  name: 'xml-rpc-checker',
  options: z.strictObject({}),
  setup(api) {
    api.addChecker(createXmlRpcChecker(api.clock));
  },
});
