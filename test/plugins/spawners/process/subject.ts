import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SpawnInput, systemClock } from '../../../../core/index.js';
import { createProcessSpawner } from '../../../../plugins/spawners/process/process-spawner.js';
import { type ProcessTable, procTable } from '../../../../plugins/spawners/process/process-table.js';
import type { SpawnerUnderTest } from '../../../contracts/spawner.js';

/** A program that listens until it is told to end. */
export const LISTEN =
  "const s = require('net').createServer().listen(+process.env.PORT, process.env.HOST); process.on('SIGTERM', () => s.close());";

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** A spawner of real processes in a folder of its own. */
export async function createSubject(table: ProcessTable = procTable(), path = process.env.PATH ?? '') {
  const folder = await mkdtemp(join(tmpdir(), 'rollcall-process-'));
  const disposal = new AbortController();
  const spawner = createProcessSpawner({
    clock: systemClock,
    table,
    environment: { PATH: path },
    resolvePath: (path) => join(folder, path),
    signal: disposal.signal,
  });
  let count = 0;
  const input = async (overrides: Partial<SpawnInput<unknown>> = {}): Promise<SpawnInput<unknown>> => {
    const port = await freePort();
    const instance = `probe-${++count}`;
    return {
      service: 'probe',
      instance,
      spec: { command: ['node', '-e', LISTEN] },
      port,
      env: { PORT: String(port), HOST: '127.0.0.1', INSTANCE_ID: instance },
      logFile: join(folder, `${instance}.log`),
      signal: new AbortController().signal,
      ...overrides,
    };
  };
  return {
    spawner: spawner as SpawnerUnderTest['spawner'],
    folder,
    input,
    program: (code: string, overrides = {}) =>
      input({ spec: { command: ['node', '-e', code] }, ...overrides }),
    crashing: () => input({ spec: { command: ['node', '-e', 'process.exit(3)'] } }),
    missing: () => input({ spec: { command: ['no-such-program-here'] } }),
    async dispose() {
      disposal.abort();
      await rm(folder, { recursive: true });
    },
  };
}

export type Subject = Awaited<ReturnType<typeof createSubject>>;

/** Runs a test with one, and cleans up after it. */
export async function using(run: (subject: Subject) => Promise<void>, path?: string): Promise<void> {
  const subject = await createSubject(procTable(), path);
  try {
    await run(subject);
  } finally {
    await subject.dispose();
  }
}

/** Waits until something listens on the port, or nothing does. */
export async function untilOpen(port: number, isOpen: boolean): Promise<void> {
  for (;;) {
    const socket = connect({ port, host: '127.0.0.1' });
    const found = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.on('error', () => resolve(false));
    });
    socket.destroy();
    if (found === isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
