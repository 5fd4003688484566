import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { definePlugin, messageOf, RegistryError } from '../../../core/index.js';
import { createHttpChecker } from './http-checker.js';
import { objectionToCa } from './trust.js';

/** Contributes the checker `http`. */
export default definePlugin({
  name: 'http-checker',
  options: z.strictObject({
    /** A file of PEM certificates that are trusted where a check names none. */
    ca: z.string().min(1).optional(),
  }),
  async setup(api, options) {
    const ca = options.ca === undefined ? undefined : await readCa(api.name, api.resolvePath(options.ca));
    api.addChecker(createHttpChecker(api.clock, ca));
  },
});

async function readCa(plugin: string, path: string): Promise<string> {
  let objection: string | undefined;
  try {
    const pem = await readFile(path, 'utf8');
    objection = objectionToCa(pem);
    if (objection === undefined) return pem;
  } catch (error) {
    objection = messageOf(error);
  }
  const text = `Plugin "${plugin}", option "ca": expected a file of PEM certificates at ${path}: ${objection}.`;
  throw new RegistryError('PLUGIN_OPTIONS', text);
}
