import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ssh2 from 'ssh2';
import {
  type Logger,
  readProcessStart,
  type SpawnInput,
  silentLogger,
  systemClock,
} from '../../../../core/index.js';
import { parseHostKey } from '../../../../plugins/spawners/ssh/host-key.js';
import { HostPrograms } from '../../../../plugins/spawners/ssh/host-programs.js';
import type { Ssh2 } from '../../../../plugins/spawners/ssh/load-ssh2.js';
import { RemoteHost, type RemoteHostOptions } from '../../../../plugins/spawners/ssh/remote-host.js';
import { createSshSpawner } from '../../../../plugins/spawners/ssh/ssh-spawner.js';
import type { SpawnerUnderTest } from '../../../contracts/spawner.js';
import { freePort, startSshd, type TestSshd } from './sshd.js';

export const LISTEN =
  "const s = require('net').createServer().listen(+process.env.PORT, process.env.HOST); process.on('SIGTERM', () => s.close());";

const loaded = ((ssh2 as unknown as { default?: Ssh2 }).default ?? ssh2) as Ssh2;

/** A spawner whose one host, `box`, is that sshd. */
export async function spawnerFor(
  server: TestSshd,
  overrides: Partial<RemoteHostOptions> = {},
  logger: Logger = silentLogger,
) {
  const hostKey = parseHostKey(server.hostKey);
  if (hostKey === undefined) throw new Error('no host key');
  const { host, port, user } = server;
  const privateKey = await readFile(server.privateKey);
  const options = { name: 'box', host, port, user, privateKey, hostKey, ...overrides };
  const remote = new RemoteHost(loaded, systemClock, options);
  const settings = { address: '127.0.0.1', folder: server.folder, registryUrl: undefined };
  const programs = new HostPrograms(remote, settings, systemClock, logger);
  const spawner = createSshSpawner(new Map([['box', programs]]));
  return { spawner: spawner as SpawnerUnderTest['spawner'], remote, close: () => programs.close() };
}

/** A real sshd in a folder of its own, and a spawner that starts programs by it, over one connection. */
export async function createBox() {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'rollcall-sshd-')));
  const server = await startSshd(root);
  const { spawner, close } = await spawnerFor(server);
  return {
    root,
    server,
    spawner,
    close,
    async dispose() {
      close();
      await server.cut();
      await rm(root, { recursive: true, force: true });
    },
  };
}

export type Box = Awaited<ReturnType<typeof createBox>>;

let count = 0;

/** Inputs for the spawner of a box; a test's own folder. */
export async function createSubject({ server, spawner }: Box) {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'rollcall-ssh-')));
  const input = async (overrides: Partial<SpawnInput<unknown>> = {}): Promise<SpawnInput<unknown>> => {
    const port = await freePort('127.0.0.1');
    const instance = `probe-${++count}`;
    return {
      service: 'probe',
      instance,
      spec: { on: 'box', command: [process.execPath, '-e', LISTEN] },
      port,
      env: { PORT: String(port), HOST: '127.0.0.1', INSTANCE_ID: instance },
      logFile: join('/not/here', `${count}.log`),
      signal: new AbortController().signal,
      ...overrides,
    };
  };
  const program = (code: string, spec: object = {}, overrides: Partial<SpawnInput<unknown>> = {}) =>
    input({ spec: { on: 'box', command: [process.execPath, '-e', code], ...spec }, ...overrides });
  return {
    spawner,
    folder,
    input,
    program,
    log: ({ logFile }: SpawnInput<unknown>) =>
      readFile(join(server.folder, 'logs/probe', logFile.slice('/not/here/'.length)), 'utf8'),
    crashing: () => program('process.exit(3)'),
    missing: () => input({ spec: { on: 'box', command: ['no-such-program-here'] } }),
    dispose: () => rm(folder, { recursive: true, force: true }),
  };
}

export type Subject = Awaited<ReturnType<typeof createSubject>>;

/** A zombie, whose parent takes its time, has ended. */
export function isRunning(pid: number | undefined): boolean {
  return readProcessStart(pid ?? 0)?.isZombie === false;
}
