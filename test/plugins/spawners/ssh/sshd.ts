import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { needsPackages } from '../../../support/needs.js';
import { QUIET_HOST } from '../../checkers/raw-peer.js';

const SSHD = '/usr/sbin/sshd';

/** Looked for and not run: without arguments it would serve this machine. */
export const sshd = needsPackages('openssh-server', 'test', '-x', SSHD);

/** An sshd of its own on loopback, with a home for what is started there. */
export interface TestSshd {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** The file of a key that it lets in. */
  readonly privateKey: string;
  /** The line of its own key's .pub file. */
  readonly hostKey: string;
  readonly fingerprint: string;
  /** A folder there, for `folder`. */
  readonly folder: string;
  /** Ends the server and all its connections, as a network that goes away does. */
  cut(): Promise<void>;
  start(): Promise<void>;
}

/** Starts one in a folder. Whoever asked for it calls `cut` at the end. */
export async function startSshd(root: string, lines: readonly string[] = []): Promise<TestSshd> {
  const keys = join(root, 'keys');
  await mkdir(keys, { recursive: true });
  await chmod(root, 0o755);
  const privateKey = join(keys, 'client');
  const hostKeyFile = join(keys, 'host');
  for (const file of [privateKey, hostKeyFile]) {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', file]);
  }
  await writeFile(join(keys, 'authorized_keys'), await readFile(`${privateKey}.pub`), { mode: 0o600 });
  const host = QUIET_HOST;
  const port = await freePort(host);
  const config = join(keys, 'sshd_config');
  await writeFile(
    config,
    `${[
      `ListenAddress ${host}:${port}`,
      `HostKey ${hostKeyFile}`,
      `AuthorizedKeysFile ${join(keys, 'authorized_keys')}`,
      'PidFile none',
      'StrictModes no',
      'UsePAM no',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'PermitRootLogin prohibit-password',
      'PrintMotd no',
      'MaxStartups 100',
      // What this machine's user has a shell do at each start is none of our business.
      `SetEnv HOME=${root}`,
      ...lines,
    ].join('\n')}\n`,
  );
  // Debian's sshd, run by root, insists on it; its service makes it.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  const [, blob = ''] = (await readFile(`${hostKeyFile}.pub`, 'utf8')).split(' ');
  const listing = execFileSync('ssh-keygen', ['-lf', `${hostKeyFile}.pub`], { encoding: 'utf8' });
  let server: ChildProcess | undefined;
  const start = async () => {
    server = spawn(SSHD, ['-D', '-e', '-f', config], { stdio: 'ignore' });
    await once(server, 'spawn');
    while (!(await isListening(host, port))) {
      if (server.exitCode !== null) throw new Error(`sshd ended with code ${server.exitCode}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const cut = async () => {
    const { pid } = server ?? {};
    if (server === undefined || pid === undefined) return;
    const exited = once(server, 'exit');
    const group = connections(pid);
    server.kill('SIGKILL');
    for (const each of group) tryKill(each);
    await exited;
    server = undefined;
  };
  await start();
  return {
    host,
    port,
    user: userInfo().username,
    privateKey,
    hostKey: `ssh-ed25519 ${blob}`,
    fingerprint: listing.split(' ')[1] ?? '',
    folder: join(root, 'state'),
    cut,
    start,
  };
}

/** A port on which nobody listens, outside of tests too. */
export async function freePort(host: string): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** The processes of sshd's connections: its children, and theirs of the same name (one a privilege). */
function connections(pid: number): number[] {
  const output = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,comm='], { encoding: 'utf8' });
  const rows = output.split('\n').map((line) => line.trim().split(/\s+/));
  const found = [pid];
  for (const parent of found) {
    for (const [child, of, name = ''] of rows) {
      if (Number(of) === parent && name.startsWith('sshd')) found.push(Number(child));
    }
  }
  return found.slice(1);
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended with its parent.
  }
}

function isListening(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
