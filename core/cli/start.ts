import type { Command } from 'commander';
import { builtins } from '../../plugins/index.js';
import { systemClock } from '../clock.js';
import { loadConfig } from '../config.js';
import { createLogger } from '../logger.js';
import { createRegistry, type Registry } from '../registry.js';
import { type CliContext, failure } from './output.js';

/** `rollcall start`: runs the registry until it is told to stop. */
export function addStartCommand(program: Command, context: CliContext): void {
  program
    .command('start')
    .description('Run the registry in the foreground. SIGTERM and SIGINT stop it; a second one forces.')
    .option('--config <file>', 'the configuration (default: registry.config.js or the like in this folder)')
    .action(async ({ config: file }: { config?: string }) => {
      const loaded = await loadConfig({ folder: context.folder, ...(file !== undefined && { file }) });
      const { log } = loaded.config;
      const logger = createLogger({
        level: log.level,
        ...(log.pretty !== undefined && { isPretty: log.pretty }),
      });
      if (loaded.file === undefined) {
        logger.warn(
          {},
          `No registry.config.js in ${loaded.folder}: the defaults are used, and data is kept in ./data.`,
        );
      }
      // The registry's timers keep no process alive; this does, until a signal ends it.
      setInterval(() => {}, 2 ** 30);
      let registry: Registry | undefined;
      const stopping = stopOnSignals(() => registry?.stop(), context);
      try {
        registry = await createRegistry({ config: loaded, builtins, clock: systemClock, logger });
        await registry.start();
      } catch (error) {
        // Whoever told it to stop while it started waits for the end of that, and needs no error.
        if (stopping.isUnderWay) return;
        context.err(failure(error));
        process.exit(1);
      }
      context.out(greeting(registry, loaded.source));
    });
}

function stopOnSignals(stop: () => Promise<void> | undefined, context: CliContext) {
  const stopping = { isUnderWay: false };
  const onSignal = (signal: NodeJS.Signals) => {
    if (stopping.isUnderWay) process.exit(130);
    stopping.isUnderWay = true;
    context.err(`${signal}: stopping. Once more to force.`);
    Promise.resolve(stop()).then(
      () => process.exit(0),
      (error) => {
        context.err(failure(error));
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return stopping;
}

/** What a newcomer should see: where the doors are, what is loaded, and one line to try. */
function greeting(registry: Registry, source: string): string {
  const doors = registry.doors.map(({ plugin, url }) => `  ${plugin.padEnd(16)} ${url}`);
  const door = registry.doors.find(({ plugin }) => plugin === 'xml-rpc');
  const lines = [
    `Rollcall is running, configured by ${source}.`,
    '',
    doors.length === 0 ? 'No door is open: name a transport in `plugins`, such as xml-rpc.' : 'Doors:',
    ...doors,
    `Plugins: ${registry.plugins.join(', ') || 'none'}`,
  ];
  if (door !== undefined) {
    const at = door.url === 'http://127.0.0.1:8800' ? '' : ` --url ${door.url}`;
    lines.push(
      '',
      'Try, in another terminal:',
      `  npx rollcall register payments 127.0.0.1 9000${at}`,
      `  npx rollcall services${at}`,
    );
  }
  return lines.join('\n');
}
