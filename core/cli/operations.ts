import type { Command } from 'commander';
import { addConnectOptions, type ConnectOptions, connect } from './connect.js';
import { type CliContext, json, table } from './output.js';

/** It answers when the last instance has been started again, each of which may take its whole start time. */
const RESTART_TIMEOUT_MS = 300_000;

/** `rollcall ps`, `rollcall restart` and `rollcall call`: what plugins contribute, served here too. */
export function addOperationCommands(program: Command, context: CliContext): void {
  addConnectOptions(
    program.command('ps').description('List what the supervisor runs: state, process id, restarts.'),
  ).action(async (options: ConnectOptions) => {
    const call = await connect(options, context);
    const rows = (await call('ps')) as Record<string, unknown>[];
    if (options.json) context.out(json(rows));
    else if (rows.length === 0) context.err('The supervisor runs nothing. Name services in its options.');
    else
      context.out(
        table(
          Object.keys(PS_COLUMNS),
          rows.map((row) => Object.values(PS_COLUMNS).map((key) => row[key])),
        ),
      );
  });

  addConnectOptions(
    program
      .command('restart')
      .description('Stop and start again every instance of a service that the supervisor runs.')
      .argument('<name>', 'the service'),
  ).action(async (name: string, options: ConnectOptions) => {
    const call = await connect(options, context, RESTART_TIMEOUT_MS);
    const answer = await call('restart', name);
    context.out(options.json ? json(answer) : `Restarted "${name}"; rollcall ps shows what runs.`);
  });

  addConnectOptions(
    program
      .command('call')
      .description('Call any method of the registry; docs/xml-rpc.md has them. Answers JSON.')
      .argument('<method>', 'its name, such as system.listMethods')
      .argument('[params...]', 'its parameters: JSON, or text as it is'),
  ).action(async (method: string, params: string[], options: ConnectOptions) => {
    const call = await connect(options, context);
    context.out(json(await call(method, ...params.map(jsonOrText))));
  });
}

const PS_COLUMNS = {
  SERVICE: 'service',
  INSTANCE: 'instance',
  STATE: 'state',
  PID: 'pid',
  PORT: 'port',
  RESTARTS: 'restarts',
  REASON: 'reason',
};

function jsonOrText(param: string) {
  try {
    return JSON.parse(param);
  } catch {
    return param;
  }
}
