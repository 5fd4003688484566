import type { Command } from 'commander';
import { STATUS_CODES, type Status } from '../servicedb/record.js';
import { parseId, parseStatus } from './arguments.js';
import { addConnectOptions, type ConnectOptions, connect } from './connect.js';
import { type CliContext, json } from './output.js';

interface RegisterOptions extends ConnectOptions {
  readonly status: Status;
  readonly instance?: string;
  readonly ttl?: string;
  readonly tag: readonly string[];
}

/** `rollcall register` and `rollcall unregister`. */
export function addWriteCommands(program: Command, context: CliContext): void {
  addConnectOptions(
    program
      .command('register')
      .description('Register an instance of a service, or renew it, and print its id.')
      .argument('<name>', 'the service')
      .argument('<host>', 'where it listens')
      .argument('<port>', 'and on which port')
      .option('--status <status>', 'what it is', parseStatus, 'running')
      .option('--instance <name>', 'which instance it is (default: HOST:PORT)')
      .option('--ttl <duration>', "take it for silent unless it heartbeats this often, such as '30s'")
      .option(
        '--tag <tag>',
        'a tag; may be repeated',
        (tag: string, tags: readonly string[]) => [...tags, tag],
        [],
      ),
  ).action(async (name: string, host: string, port: string, options: RegisterOptions) => {
    const { instance, ttl, tag } = options;
    const details = {
      ...(instance !== undefined && { instance }),
      ...(ttl !== undefined && { ttl }),
      ...(tag.length > 0 && { tags: tag }),
    };
    const call = await connect(options, context);
    const id = await call(
      'register',
      name,
      host,
      /^\d+$/.test(port) ? Number(port) : port,
      STATUS_CODES[options.status],
      details,
    );
    context.out(options.json ? json({ id }) : String(id));
  });

  addConnectOptions(
    program
      .command('unregister')
      .description('Remove a service: all its instances, or one. Exit code 3 where there is none.')
      .argument('<name>', 'the service')
      .option('--id <id>', 'only the instance with this id', parseId),
  ).action(async (name: string, options: ConnectOptions & { id?: number }) => {
    const call = await connect(options, context);
    const isRemoved =
      (await call('unregister', name, ...(options.id === undefined ? [] : [options.id]))) === true;
    if (options.json) context.out(json({ removed: isRemoved }));
    else if (isRemoved) context.out(`Removed "${name}".`);
    else context.err(`"${name}" is not registered.`);
    if (!isRemoved) process.exitCode = 3;
  });
}
