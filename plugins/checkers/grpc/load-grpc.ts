import { RegistryError } from '../../../core/index.js';

/** The package that speaks gRPC. */
export type Grpc = typeof import('@grpc/grpc-js');

/**
 * Imports it: only where the configuration names this plugin, since most registries do without. Throws
 * PLUGIN_UNLOADABLE where it was left out when the registry was installed.
 */
export async function loadGrpc(load: () => Promise<Grpc> = () => import('@grpc/grpc-js')): Promise<Grpc> {
  try {
    return await load();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') throw error;
    throw new RegistryError(
      'PLUGIN_UNLOADABLE',
      'Plugin "grpc-checker" needs the package @grpc/grpc-js, which is not installed: npm install @grpc/grpc-js',
      { cause: error },
    );
  }
}
