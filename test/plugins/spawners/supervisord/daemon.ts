import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Logger, type SpawnInput, silentLogger, systemClock } from '../../../../core/index.js';
import type { ServerOptions } from '../../../../plugins/spawners/supervisord/options.js';
import { Programs } from '../../../../plugins/spawners/supervisord/programs.js';
import { Rpc } from '../../../../plugins/spawners/supervisord/rpc.js';
import { createSupervisordSpawner } from '../../../../plugins/spawners/supervisord/supervisord-spawner.js';
import type { SpawnerUnderTest } from '../../../contracts/spawner.js';

const LISTENERS = 40;
const LISTEN = `const s = require('net').createServer().listen(+process.argv[2], '127.0.0.1');
process.on('SIGTERM', () => s.close()); console.log('up');`;

/** Ports on which nobody listens. They are all held until the last is known, so that each is another. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

/** A supervisord with programs that listen on known ports, each of which is handed out once. */
export async function startSupervisord() {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'rollcall-sv-')));
  const [door = 0, nowhere = 0, ...ports] = await freePorts(LISTENERS + 2);
  await writeFile(join(folder, 'listen.cjs'), LISTEN);
  const calm = 'autostart = false\nautorestart = false\nstartsecs = 0\nstartretries = 0\n';
  const node = process.execPath;
  const program = (name: string, command: string, more = calm) =>
    `[program:${name}]\ncommand = ${command}\n${more}`;
  const auth = 'username = ann\npassword = secret\n';
  const config = join(folder, 'supervisord.conf');
  await writeFile(
    config,
    [
      `[supervisord]\nnodaemon = true\nlogfile = /dev/null\nlogfile_maxbytes = 0\npidfile = %(here)s/pid\nchildlogdir = %(here)s\n`,
      `[inet_http_server]\nport = 127.0.0.1:${door}\n${auth}`,
      `[unix_http_server]\nfile = %(here)s/socket\n${auth}`,
      '[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n',
      ...ports.map((port, index) =>
        program(`listen-${index}`, `${node} ${join(folder, 'listen.cjs')} ${port}`),
      ),
      program('crashing', 'sh -c "exit 3"'),
      program('missing', '/no-such-folder/program'),
      program('stubborn', 'sleep 600', 'autostart = false\nautorestart = true\nstartsecs = 0\n'),
      program(
        'hasty',
        'sh -c "exit 4"',
        'autostart = false\nautorestart = false\nstartsecs = 5\nstartretries = 50\n',
      ),
      program('inner', 'sleep 600'),
      '[group:outer]\nprograms = inner\n',
    ].join('\n'),
  );
  let child: ChildProcess | undefined;
  const url = `http://127.0.0.1:${door}`;
  const server: ServerOptions = { url, user: 'ann', password: 'secret' };
  const rpc = new Rpc('main', server, systemClock);
  const start = async () => {
    child = spawn('supervisord', ['-c', config], { stdio: 'ignore' });
    await once(child, 'spawn');
    while (
      !(await rpc.call('getState').then(
        () => true,
        () => false,
      ))
    ) {
      if (child.exitCode !== null) throw new Error(`supervisord ended with code ${child.exitCode}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  /** As gently as its programs need: they end with it. */
  const end = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (child === undefined) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
    child = undefined;
  };
  await start();
  let next = 0;
  let count = 0;
  const input = async (
    overrides: Partial<SpawnInput<unknown>> = {},
    name?: string,
  ): Promise<SpawnInput<unknown>> => {
    const index = next % LISTENERS;
    if (name === undefined) next += 1;
    return {
      service: 'probe',
      instance: `probe-${++count}`,
      spec: { program: name ?? `listen-${index}` },
      port: name === undefined ? (ports[index] ?? 0) : nowhere,
      env: { HOST: '127.0.0.1' },
      logFile: '/not/here',
      signal: new AbortController().signal,
      ...overrides,
    };
  };
  return {
    server,
    rpc,
    socket: `unix://${join(folder, 'socket')}`,
    input,
    start,
    end,
    async dispose() {
      await end();
      await rm(folder, { recursive: true });
    },
  };
}

export type Daemon = Awaited<ReturnType<typeof startSupervisord>>;

/** A spawner for that supervisord; `close` ends its looks. */
export function spawnerFor(
  daemon: Daemon,
  overrides: Partial<ServerOptions> = {},
  logger: Logger = silentLogger,
) {
  const rpc = new Rpc('main', { ...daemon.server, ...overrides }, systemClock);
  const programs = new Programs(rpc, systemClock, logger);
  const spawner = createSupervisordSpawner(new Map([['main', programs]])) as SpawnerUnderTest['spawner'];
  return { spawner, close: () => programs.close() };
}

/** What the contract of spawners wants. */
export function subjectFor(daemon: Daemon, overrides: Partial<ServerOptions> = {}): SpawnerUnderTest {
  const { spawner, close } = spawnerFor(daemon, overrides);
  return {
    spawner,
    input: (given) => daemon.input(given),
    crashing: () => daemon.input({}, 'crashing'),
    missing: () => daemon.input({}, 'missing'),
    dispose: async () => close(),
  };
}
