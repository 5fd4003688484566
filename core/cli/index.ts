#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { RegistryError } from '../errors.js';
import { addConfigCommand } from './config-check.js';
import { addOperationCommands } from './operations.js';
import { type CliContext, failure } from './output.js';
import { addWriteCommands } from './register.js';
import { addReadCommands } from './services.js';
import { addShowCommand } from './show.js';
import { addStartCommand } from './start.js';
import { addStoreCommands } from './store.js';

const context: CliContext = {
  folder: process.cwd(),
  env: process.env,
  out: (text) => process.stdout.write(`${text}\n`),
  err: (text) => process.stderr.write(`${text}\n`),
};

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('rollcall')
  .description('A microservices registry: which services exist, where each instance runs, and in what state.')
  .version(version)
  .showHelpAfterError('(rollcall --help says more)')
  .exitOverride()
  .addHelpText(
    'after',
    `
Examples:
  rollcall start                                  run the registry, configured by ./registry.config.js
  rollcall register payments 127.0.0.1 9000       tell it of an instance
  rollcall lookup payments                        where can it be called?
  rollcall show payments                          what ails it? its checks, leases, voices
  rollcall services --json                        everything, for a program
  rollcall unregister payments                    take it out again

Exit codes: 0 done, 1 failed, 2 used wrongly, 3 nothing of that name, 4 no registry answered.`,
  );

addStartCommand(program, context);
addReadCommands(program, context);
addShowCommand(program, context);
addWriteCommands(program, context);
addOperationCommands(program, context);
addConfigCommand(program, context);
addStoreCommands(program, context);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
  if (!(error instanceof CommanderError)) context.err(failure(error));
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  return error instanceof RegistryError && error.code === 'UNREACHABLE' ? 4 : 1;
}
