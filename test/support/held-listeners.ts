import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** Opens as many listeners as it is told and prints their ports. */
const PROGRAM = `
  const { createServer } = require('node:net');
  const { once } = require('node:events');
  const servers = Array.from({ length: Number(process.argv[1]) }, () =>
    createServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1'));
  Promise.all(servers.map((server) => once(server, 'listening'))).then(() =>
    console.log(JSON.stringify(servers.map((server) => server.address().port))));
  process.stdin.on('end', () => process.exit()).resume();
`;

/** Listeners on loopback, all of one process, so that they can really die, and all at once. */
export class HeldListeners {
  readonly ports: readonly number[];
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, ports: readonly number[]) {
    this.#child = child;
    this.ports = ports;
  }

  /** They are to be killed, but end with this process, too, however that ends: its stdin is a pipe from here. */
  static async open(count: number): Promise<HeldListeners> {
    const child = spawn(process.execPath, ['-e', PROGRAM, String(count)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    return new HeldListeners(child, JSON.parse(line) as number[]);
  }

  /** Resolves once the process is gone. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}
