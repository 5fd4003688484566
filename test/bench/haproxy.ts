import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';

export function hasHaproxy(): boolean {
  return spawnSync('haproxy', ['-v'], { stdio: 'ignore' }).error === undefined;
}

/** HAProxy, which checks ports of loopback, in one backend or several that check in different ways. */
export class Haproxy {
  readonly #folder: string;
  readonly #child: ChildProcess;

  private constructor(folder: string, child: ChildProcess) {
    this.#folder = folder;
    this.#child = child;
  }

  /** `backends` are what a line `server` says of its checks, by the name of the backend. */
  static async start(
    ports: readonly number[],
    backends: { readonly [name: string]: string },
  ): Promise<Haproxy> {
    const folder = await mkdtemp(join(tmpdir(), 'rollcall-haproxy-'));
    const lines = Object.entries(backends).flatMap(([name, check]) => [
      `backend ${name}`,
      ...ports.map((port) => `  server ${port} 127.0.0.1:${port} ${check}`),
    ]);
    const config = `
global
  stats socket ${folder}/stats
defaults
  mode tcp
  timeout connect 5s
  timeout client 5s
  timeout server 5s
listen nobody
  bind ${folder}/nobody
${lines.join('\n')}
`;
    await writeFile(join(folder, 'haproxy.cfg'), config);
    const child = spawn('haproxy', ['-db', '-q', '-f', join(folder, 'haproxy.cfg')], { stdio: 'ignore' });
    const haproxy = new Haproxy(folder, child);
    for (let tries = 0; tries < 100; tries++) {
      try {
        await haproxy.down('nobody');
        return haproxy;
      } catch {
        await wait(50);
      }
    }
    await haproxy.stop();
    throw new Error('haproxy did not start');
  }

  /** The ports that a backend takes for dead. */
  async down(backend: string): Promise<number[]> {
    const socket = connect(join(this.#folder, 'stats'));
    // Not ended: it would not answer who has hung up. It hangs up itself.
    socket.write('show stat\n');
    const rows = (await text(socket)).split('\n').map((line) => line.split(','));
    // The 18th column is the status: `DOWN`, or `UP 1/3` and the like. A backend has a row of its own, too.
    const down = rows.filter(([name, , ...rest]) => name === backend && rest[15] === 'DOWN');
    return down.flatMap(([, server]) => (server === 'BACKEND' ? [] : Number(server)));
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, 'exit');
      this.#child.kill('SIGKILL');
      await exited;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}
