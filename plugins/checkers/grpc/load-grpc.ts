import { RegistryError } from '../../../core/index.js';

/** The package that speaks gRPC. */
export type Grpc = typeof import('@grpc/grpc-js');

/**
 * What `call.ts` puts its own in place of is no part of the package's public surface. Were it named otherwise in another
 * version, nobody would miss the TLS that a check asks for: so that version is refused.
 */
function assertFits({ credentials }: Grpc): void {
  const plain = credentials.createInsecure();
  const parts = [plain._isSecure, plain._createSecureConnector];
  const isAsKnown = parts.every((part) => typeof part === 'function');
  const connector = isAsKnown && plain._createSecureConnector({ path: '127.0.0.1:1' }, {});
  if (connector !== false && typeof connector.connect === 'function') return;
  throw new RegistryError(
    'PLUGIN_UNLOADABLE',
    'Plugin "grpc-checker" does not fit the installed version of @grpc/grpc-js: install the one that rollcall names in its package.json',
  );
}

/**
 * Imports it: only where the configuration names this plugin, since most registries do without. Throws
 * PLUGIN_UNLOADABLE where it was left out when the registry was installed, and for a version that is not known.
 */
export async function loadGrpc(load: () => Promise<Grpc> = () => import('@grpc/grpc-js')): Promise<Grpc> {
  let grpc: Grpc;
  try {
    grpc = await load();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') throw error;
    throw new RegistryError(
      'PLUGIN_UNLOADABLE',
      'Plugin "grpc-checker" needs the package @grpc/grpc-js, which is not installed: npm install @grpc/grpc-js',
      { cause: error },
    );
  }
  assertFits(grpc);
  return grpc;
}
