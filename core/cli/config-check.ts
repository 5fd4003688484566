import type { Command } from 'commander';
import { builtins } from '../../plugins/index.js';
import { loadConfig } from '../config.js';
import { checkConfig } from '../registry.js';
import { type CliContext, json } from './output.js';

/** `rollcall config check`: says what is wrong with a configuration, and starts nothing. */
export function addConfigCommand(program: Command, context: CliContext): void {
  program
    .command('config')
    .description('Look at the configuration.')
    .command('check')
    .description('Load the configuration and every plugin it names, check all options, and start nothing.')
    .option('--config <file>', 'the configuration (default: registry.config.js or the like in this folder)')
    .option('--json', 'answer with JSON, for programs')
    .action(async (options: { config?: string; json?: boolean }) => {
      const { config: file } = options;
      const loaded = await loadConfig({ folder: context.folder, ...(file !== undefined && { file }) });
      const { store, plugins } = await checkConfig({ config: loaded, builtins });
      if (options.json) context.out(json({ source: loaded.source, store, plugins }));
      else
        context.out(`${loaded.source} is right. Store: ${store}. Plugins: ${plugins.join(', ') || 'none'}.`);
    });
}
