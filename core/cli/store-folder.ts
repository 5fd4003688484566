import { resolve } from 'node:path';
import type { Command } from 'commander';
import { builtins } from '../../plugins/index.js';
import { loadConfig } from '../config.js';
import { RegistryError } from '../errors.js';
import { loadStore } from '../plugin-loader.js';
import type { CliContext } from './output.js';

/** What every command on a data folder takes. */
export interface StoreOptions {
  readonly path?: string;
  readonly config?: string;
  readonly json?: boolean;
}

export function addStoreOptions(command: Command): Command {
  return command
    .option('--path <folder>', 'the data folder (default: the one that the configuration names)')
    .option('--config <file>', 'the configuration (default: registry.config.js or the like in this folder)')
    .option('--json', 'answer with JSON, for programs');
}

/** The data folder that is meant. INVALID_ARGUMENT where the configuration names another store than `file`. */
export async function storeFolder(
  { path, config: file }: StoreOptions,
  { folder }: CliContext,
): Promise<string> {
  if (path !== undefined) return resolve(folder, path);
  const { config, source, folder: base } = await loadConfig({ folder, ...(file !== undefined && { file }) });
  const { default: fileStore } = await builtins.file();
  const named = typeof config.store === 'string' || 'create' in config.store ? config.store : config.store[0];
  if (named !== 'file' && named !== fileStore) {
    const name = typeof named === 'string' ? named : named.name;
    throw new RegistryError(
      'INVALID_ARGUMENT',
      `${source} keeps the catalogue in store "${name}", and these commands know the folders of store "file" only. Name such a folder with --path.`,
    );
  }
  const { options } = await loadStore(config.store, { builtins, folder: base, source });
  return resolve(base, (options as { path: string }).path);
}
