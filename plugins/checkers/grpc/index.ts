import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { definePlugin, messageOf, RegistryError } from '../../../core/index.js';
import { createGrpcChecker } from './grpc-checker.js';
import { loadGrpc } from './load-grpc.js';
import { certificates } from './tls.js';

/** Contributes the checker `grpc`. */
export default definePlugin({
  name: 'grpc-checker',
  options: z.strictObject({
    /** A file of certificates (PEM) that vouch for servers, where a check brings none itself. */
    ca: z.string().min(1).optional(),
  }),
  async setup(api, { ca }) {
    const grpc = await loadGrpc();
    const trusted = ca === undefined ? undefined : await readCertificates(api.resolvePath(ca));
    api.addChecker(
      createGrpcChecker({ clock: api.clock, grpc, ...(trusted !== undefined && { ca: trusted }) }),
    );
  },
});

async function readCertificates(path: string): Promise<string> {
  try {
    return certificates.parse(await readFile(path, 'utf8'));
  } catch (error) {
    const why = error instanceof z.ZodError ? 'it has no certificate in PEM' : messageOf(error);
    throw new RegistryError('PLUGIN_OPTIONS', `Plugin "grpc-checker", option "ca": ${path}: ${why}.`, {
      cause: error,
    });
  }
}
