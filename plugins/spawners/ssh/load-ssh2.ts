import { RegistryError } from '../../../core/index.js';

/** The package that speaks SSH. */
export type Ssh2 = typeof import('ssh2');

/**
 * Imports it: only where the configuration names this plugin, since most registries do without. Throws
 * PLUGIN_UNLOADABLE where it was left out when the registry was installed.
 */
export async function loadSsh2(
  load: () => Promise<Ssh2 & { default?: Ssh2 }> = () => import('ssh2'),
): Promise<Ssh2> {
  try {
    const loaded = await load();
    return loaded.default ?? loaded;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') throw error;
    throw new RegistryError(
      'PLUGIN_UNLOADABLE',
      'Plugin "ssh-spawner" needs the package ssh2, which is not installed: npm install ssh2',
      { cause: error },
    );
  }
}
