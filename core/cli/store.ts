import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { loadStoreTools } from '../../plugins/index.js';
import { systemClock } from '../clock.js';
import { messageOf, RegistryError } from '../errors.js';
import { type CliContext, json, printable } from './output.js';
import { addStoreOptions, type StoreOptions, storeFolder } from './store-folder.js';
import { grouped, inspectionText, verificationText } from './store-text.js';

type Forced = StoreOptions & { readonly force?: boolean };
type Tools = Awaited<ReturnType<typeof loadStoreTools>>;

/** `rollcall store …`: looks at a data folder, backs it up, restores it, and makes it small. */
export function addStoreCommands(program: Command, context: CliContext): void {
  const store = program.command('store').description('Look after the data folder: docs/store.md.');

  addStoreOptions(
    store
      .command('inspect')
      .description('Say what lies in the data folder. Changes nothing; a registry may use it meanwhile.'),
  ).action((options: StoreOptions) =>
    onFolder(options, context, async ({ inspect }, folder) => {
      const found = await inspect(folder, systemClock);
      context.out(options.json ? json(found) : inspectionText(found));
      if (found.damage !== undefined) process.exitCode = 1;
    }),
  );

  addStoreOptions(
    store
      .command('verify')
      .description(
        'Read every byte and tell all that is damaged; exit code 1 where something is. Changes nothing.',
      ),
  ).action((options: StoreOptions) =>
    onFolder(options, context, async ({ verify }, folder) => {
      const found = await verify(folder, systemClock);
      context.out(options.json ? json(found) : verificationText(found));
      if (found.findings.length > 0) process.exitCode = 1;
    }),
  );

  addStoreOptions(
    store
      .command('compact')
      .description('Put all that is in the folder into one snapshot. The registry must be stopped.'),
  ).action((options: StoreOptions) =>
    onFolder(options, context, async ({ compact }, folder) => {
      const done = await compact(folder, systemClock);
      const lines = [
        `${printable(folder)}: ${grouped(done.before)} bytes became ${grouped(done.after)}, with all ${grouped(done.keys)} keys.`,
      ];
      if (done.kept !== undefined)
        lines.push(`The files of the older format are kept in it, in ${done.kept}.`);
      context.out(options.json ? json(done) : lines.join('\n'));
    }),
  );

  addStoreOptions(
    store
      .command('export')
      .description('Write everything as lines of JSON: a backup. A registry may use the folder meanwhile.')
      .argument('[file]', 'where to (default: standard output)')
      .option('--force', 'replace the file if it exists'),
  ).action((file: string | undefined, options: Forced) =>
    onFolder(options, context, (tools, folder) => runExport(tools, folder, file, options, context)),
  );

  addStoreOptions(
    store
      .command('import')
      .description('Make a catalogue of such lines, in a folder that has none. The registry must be stopped.')
      .argument('[file]', 'where from; - is standard input', '-')
      .option('--force', 'replace the catalogue that is there; it is kept in a folder beside it'),
  ).action((file: string, options: Forced) =>
    onFolder(options, context, async ({ importFolder }, folder) => {
      if (file === '-' && process.stdin.isTTY) {
        throw new RegistryError('INVALID_ARGUMENT', 'Name the file to import, or pipe one in.');
      }
      const source = file === '-' ? process.stdin : createReadStream(resolve(context.folder, file));
      const done = await importFolder(folder, named(source, file), systemClock, {
        isForced: options.force === true,
      });
      const lines = [
        `${printable(folder)}: imported ${grouped(done.keys)} keys, up to revision ${done.revision}.`,
      ];
      if (done.aside !== undefined) lines.push(`What was there before is kept in ${printable(done.aside)}.`);
      context.out(options.json ? json(done) : lines.join('\n'));
    }),
  );
}

async function onFolder(
  options: StoreOptions,
  context: CliContext,
  run: (tools: Tools, folder: string) => Promise<void>,
): Promise<void> {
  // The clock's timers keep no process alive, and some of this waits for nothing else.
  const alive = setInterval(() => {}, 2 ** 30);
  try {
    await run(await loadStoreTools(), await storeFolder(options, context));
  } finally {
    clearInterval(alive);
  }
}

async function runExport(
  { exportFolder, writeWhole }: Tools,
  folder: string,
  file: string | undefined,
  options: Forced,
  context: CliContext,
): Promise<void> {
  const all = exportFolder(folder, systemClock);
  if (file !== undefined && file !== '-') {
    const path = resolve(context.folder, file);
    const bytes = await writeWhole(path, all.pieces, { isForced: options.force === true });
    const text = `${printable(path)}: ${grouped(all.keys)} keys, ${grouped(bytes)} bytes.`;
    context.out(options.json ? json({ path: folder, file: path, keys: all.keys, bytes }) : text);
    return;
  }
  // After the reader has gone away the stream may say so again.
  process.stdout.on('error', () => {});
  try {
    await pipeline(all.pieces, process.stdout, { end: false });
  } catch (error) {
    // Whoever reads no further, as `head` does, wants no more and no message.
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
    process.exitCode = 1;
  }
}

/** The bytes of a file, its name in what goes wrong. */
async function* named(source: AsyncIterable<Uint8Array>, file: string): AsyncGenerator<Uint8Array> {
  try {
    yield* source;
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new RegistryError(
      isMissing ? 'NOT_FOUND' : 'INVALID_ARGUMENT',
      isMissing ? `There is no file ${file}.` : `${file} can't be read: ${messageOf(cause)}.`,
      { cause },
    );
  }
}
