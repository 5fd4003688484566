import type { Command } from 'commander';
import { statusOfCode } from '../servicedb/record.js';
import { addConnectOptions, type ConnectOptions, connect } from './connect.js';
import { type CliContext, json, printable, table } from './output.js';
import { type Call, findAll } from './services.js';

/** What `describe` answers, as far as it is shown. */
interface Described {
  readonly id: number;
  readonly instance: string;
  readonly host: string;
  readonly port: number;
  readonly status: number;
  readonly reason: string;
  readonly stale: boolean;
  readonly version?: string;
  readonly tags: readonly string[];
  readonly owner: string;
  readonly registered_at: Date;
  readonly ttl?: number;
  readonly lease_left?: number;
  readonly voices: { readonly [voice: string]: { readonly status: number; readonly reason: string } };
  readonly checks: readonly {
    readonly kind: string;
    readonly status?: number;
    readonly output?: string;
    readonly latency?: number;
    readonly at?: Date;
    readonly failures?: number;
    readonly problem?: string;
  }[];
}

const CHECK_COLUMNS = ['CHECK', 'STATUS', 'IN A ROW', 'TOOK', 'AT', 'OUTPUT'];

/** `rollcall show`: all that is known of a service, and above all why it is as it is. */
export function addShowCommand(program: Command, context: CliContext): void {
  addConnectOptions(
    program
      .command('show')
      .description(
        'Show each instance of a service: status and why, lease, last checks. Exit code 3 where none is.',
      )
      .argument('<name>', 'the service'),
  ).action(async (name: string, options: ConnectOptions) => {
    const call = await connect(options, context);
    const instances = await describeAll(call, name);
    if (options.json) context.out(json(instances.map(named)));
    else if (instances.length > 0) context.out(instances.map(paragraph).join('\n\n'));
    else context.err(`"${name}" is not registered.`);
    if (instances.length === 0) process.exitCode = 3;
  });
}

async function describeAll(call: Call, name: string): Promise<Described[]> {
  const described: Described[] = [];
  for (const { id } of await findAll(call, { name })) {
    try {
      described.push((await call('describe', id)) as Described);
    } catch (error) {
      // Unregistered since.
      if ((error as { code?: unknown }).code !== 'NOT_FOUND') throw error;
    }
  }
  return described;
}

/** For programs: statuses by their names. */
function named(described: Described) {
  const checks = described.checks.map((check) => ({
    ...check,
    ...(check.status !== undefined && { status: statusName(check.status) }),
  }));
  const voices = Object.entries(described.voices).map(([voice, said]) => [
    voice,
    { ...said, status: statusName(said.status) },
  ]);
  return { ...described, status: statusName(described.status), checks, voices: Object.fromEntries(voices) };
}

function paragraph(described: Described): string {
  const { id, instance, host, port, status, reason, stale, checks } = described;
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const at = instance === address ? '' : `  at ${address}`;
  const why = reason === '' ? '' : `: ${reason}`;
  const lines = [
    printable(`${instance}  (id ${id})${at}  ${statusName(status)}${stale ? ' (stale)' : ''}${why}`),
    ...facts(described).map((fact) => printable(`  ${fact}`)),
  ];
  if (checks.length === 0) return [...lines, '  no checks'].join('\n');
  const rows = checks.map(({ kind, status, failures, latency, at, output, problem }) => [
    kind,
    status === undefined ? 'not yet' : statusName(status),
    failures === undefined || failures === 0 ? '' : failures,
    latency === undefined ? '' : `${latency < 10 ? latency.toFixed(1) : latency.toFixed(0)} ms`,
    at === undefined ? '' : time(at),
    problem === undefined ? output : `no verdict: ${problem}`,
  ]);
  return [...lines, indented(table(CHECK_COLUMNS, rows))].join('\n');
}

/** What is worth a line of its own, in words. */
function facts(described: Described): string[] {
  const { version, tags, owner, registered_at, ttl, lease_left, voices } = described;
  const lease = lease_left === undefined ? 'has ended' : `runs for another ${seconds(lease_left)}`;
  const said = Object.entries(voices)
    .filter(([voice, { status }]) => voice !== 'reported' || statusName(status) !== 'running')
    .map(([voice, { status, reason }]) => `${voice}: ${statusName(status)}${reason && `, ${reason}`}`);
  return [
    `registered ${time(registered_at)} by ${owner}`,
    ...(version === undefined ? [] : [`version ${version}`]),
    ...(tags.length === 0 ? [] : [`tags ${tags.join(', ')}`]),
    ...(ttl === undefined ? [] : [`lease of ${seconds(ttl)} ${lease}`]),
    // One voice has said what stands in the first line already.
    ...(said.length > 1 ? said : []),
  ];
}

function statusName(code: number): string {
  return statusOfCode(code) ?? String(code);
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}

function time(at: Date): string {
  return at.toISOString().replace('T', ' ').replace('.000Z', 'Z');
}

function indented(text: string): string {
  return text.replace(/^/gm, '    ');
}
