import type { Command } from 'commander';
import { loadClient } from '../../plugins/index.js';
import { systemClock } from '../clock.js';
import type { CliContext } from './output.js';

export interface ConnectOptions {
  readonly url?: string;
  readonly json?: boolean;
}

const DEFAULT_URL = 'http://127.0.0.1:8800';

/** The options of every command that asks a running registry. */
export function addConnectOptions(command: Command): Command {
  return command
    .option('--url <url>', `the registry (default: $ROLLCALL_URL, else ${DEFAULT_URL})`)
    .option('--json', 'answer with JSON, for programs');
}

/** A function that calls a method of the running registry, which has `timeoutMs` to answer; 10 s unless given. */
export async function connect(options: ConnectOptions, { env }: CliContext, timeoutMs = 10_000) {
  const { createCaller } = await loadClient();
  const caller = createCaller(options.url ?? (env.ROLLCALL_URL || DEFAULT_URL), {
    clock: systemClock,
    timeoutMs,
  });
  return caller.call;
}
