import type { Command } from 'commander';
import { type Status, statusOfCode } from '../servicedb/record.js';
import { parseStatus } from './arguments.js';
import { addConnectOptions, type ConnectOptions, connect } from './connect.js';
import { type CliContext, json, table } from './output.js';

/** An instance as the registry's structs show it, of which a table shows a part. */
interface Row {
  readonly id: number;
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly status: number;
  readonly reason: string;
  readonly stale?: boolean;
}

export type Call = Awaited<ReturnType<typeof connect>>;

const PAGE = 1_000;

/** `rollcall services` and `rollcall lookup`: what is registered, and what may be called. */
export function addReadCommands(program: Command, context: CliContext): void {
  addConnectOptions(
    program
      .command('services')
      .description('List every registered instance, whatever its status.')
      .option('--status <status>', 'only those that are this', parseStatus),
  ).action(async (options: ConnectOptions & { status?: Status }) => {
    const call = await connect(options, context);
    const query = options.status === undefined ? {} : { status: options.status };
    const rows = await findAll(call, query);
    print(rows, options.json === true, context);
    if (rows.length > 0 || options.json) return;
    if (options.status === undefined) {
      context.err('Nothing is registered. Try: rollcall register payments 127.0.0.1 9000');
    } else {
      context.err(`No instance is ${options.status}.`);
    }
  });

  addConnectOptions(
    program
      .command('lookup')
      .description('List the instances of a service that may be called. Exit code 3 where there is none.')
      .argument('<name>', 'the service'),
  ).action(async (name: string, options: ConnectOptions) => {
    const call = await connect(options, context);
    const rows = (await call('lookup', name)) as Row[];
    print(rows, options.json === true, context);
    if (rows.length > 0) return;
    if (!options.json) context.err(`No instance of "${name}" is running.`);
    process.exitCode = 3;
  });
}

/**
 * All instances that a query asks for, by name and then by id. They are read in the order of ids: a registry sorts only so
 * many, and what comes and goes between two pages shifts none of the others.
 */
export async function findAll(
  call: Call,
  query: { readonly status?: Status; readonly name?: string },
): Promise<Row[]> {
  const rows: Row[] = [];
  let limit = PAGE;
  for (;;) {
    let page: Row[];
    try {
      page = (await call('find', query, { limit, after: rows.at(-1)?.id ?? 0 })) as Row[];
    } catch (error) {
      // Long instances, or a door that was told to answer little at once: ask for fewer.
      if ((error as { code?: unknown }).code !== 'ANSWER_TOO_LARGE' || limit === 1) throw error;
      limit = Math.ceil(limit / 4);
      continue;
    }
    rows.push(...page);
    if (page.length < limit) break;
  }
  return rows.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.id - b.id));
}

function print(rows: readonly Row[], asJson: boolean, context: CliContext): void {
  const named = rows.map((row) => ({ ...row, status: statusOfCode(row.status) ?? row.status }));
  if (asJson) {
    context.out(json(named));
    return;
  }
  if (rows.length === 0) return;
  const cells = named.map(({ name, id, host, port, status, reason, stale }) => [
    name,
    id,
    `${host.includes(':') ? `[${host}]` : host}:${port}`,
    stale === true ? `${status} (stale)` : status,
    reason,
  ]);
  context.out(table(['NAME', 'ID', 'ADDRESS', 'STATUS', 'REASON'], cells));
}
