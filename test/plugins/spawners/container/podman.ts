import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { needsPackages } from '../../../support/needs.js';
import { runProgram } from '../../../support/run-program.js';

export const podmanHere = needsPackages(
  'podman runc busybox-static catatonit, as root',
  'sh',
  '-c',
  'test "$(id -u)" = 0 && podman --version && runc --version && catatonit --version && test -x /bin/busybox',
);

export const IMAGE = 'localhost/rollcall-probe:latest';

/** What containers of the tests need on machines where limits can't be raised. */
export const ULIMITS = { nofile: 1_024, nproc: 1_024 };

/** Listens on HOST and PORT until it is told to end. */
export const LISTEN = `trap 'exit 0' TERM; httpd -f -p "$HOST:$PORT" & wait`;

/** A real engine of its own, in a folder of its own: Debian's podman, which speaks Docker's API. */
export class Podman {
  readonly folder: string;
  #service: ChildProcess | undefined;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** With one image, of busybox. */
  static async start(): Promise<Podman> {
    const podman = new Podman(await mkdtemp(join(tmpdir(), 'rollcall-podman-')));
    const bin = join(podman.folder, 'image/bin');
    await mkdir(bin, { recursive: true });
    await copyFile('/bin/busybox', join(bin, 'busybox'));
    for (const name of ['sh', 'httpd', 'cat', 'echo', 'sleep', 'id', 'env', 'pwd'])
      await symlink('busybox', join(bin, name));
    const tar = join(podman.folder, 'image.tar');
    await succeed(['tar', '-c', '-f', tar, '-C', join(podman.folder, 'image'), '.']);
    await podman.run('import', tar, IMAGE);
    await podman.serve();
    return podman;
  }

  get socket(): string {
    return join(this.folder, 'podman.sock');
  }

  /** Runs podman's own command on this engine; answers what it printed. */
  run(...args: string[]): Promise<string> {
    return succeed(['podman', ...this.#own(), ...args]);
  }

  /** Starts the service that speaks the API. */
  async serve(): Promise<void> {
    await rm(this.socket, { force: true });
    const args = [...this.#own(), 'system', 'service', '--time=0', `unix://${this.socket}`];
    this.#service = spawn('podman', args, { stdio: 'ignore' });
    while (!(await accepts({ path: this.socket }))) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  /** Ends the service. Containers run on, as they do without it. */
  async endService(): Promise<void> {
    const service = this.#service;
    this.#service = undefined;
    if (service === undefined) return;
    service.kill('SIGKILL');
    await once(service, 'exit');
  }

  async dispose(): Promise<void> {
    await this.run('rm', '--all', '--force', '--time', '0');
    await this.endService();
    await rm(this.folder, { recursive: true, force: true });
  }

  // vfs: overlay leaves mounts behind.
  #own(): string[] {
    const { folder } = this;
    const places = ['--root', join(folder, 'root'), '--runroot', join(folder, 'run')];
    return [...places, '--storage-driver', 'vfs', '--runtime', 'runc', '--cgroup-manager', 'cgroupfs'];
  }
}

async function succeed(command: readonly string[]): Promise<string> {
  const { code, out, err } = await runProgram(command);
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}: ${err}`);
  return out;
}

/** Whether somebody listens there. */
export function accepts(address: { path: string } | { host: string; port: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address as { path: string });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
