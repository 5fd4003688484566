import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRegistry, type Registry, type ServiceRecord, silentLogger } from '../../../core/index.js';
import tcpChecker from '../../../plugins/checkers/tcp/index.js';
import processSpawner from '../../../plugins/spawners/process/index.js';
import supervisor from '../../../plugins/supervisor/index.js';
import { KeptDisk } from './kept-store.js';

const ECHO = { command: ['node', resolve('docs/examples/echo-service.js')] };

let folder: string;
let disk: KeptDisk;
let registry: Registry;

async function boot(services: object, onExit = 'stop'): Promise<Registry> {
  registry = await createRegistry({
    config: {
      store: { name: 'kept', create: () => disk.store() } as never,
      plugins: [tcpChecker, processSpawner, [supervisor, { services, onExit }]] as never,
    },
    folder,
    logger: silentLogger,
  });
  await registry.start();
  return registry;
}

const pids = () => disk.entries('processes').map(({ pid }) => pid as number);

/** Waits for an instance other than the one given. */
async function another(name: string, than?: ServiceRecord): Promise<ServiceRecord> {
  const answer = await registry.services.resolve(name, { waitMs: 10_000 });
  expect(answer.instance).not.toBe(than?.instance);
  return answer;
}

const ask = async ({ host, port }: ServiceRecord, body: string) =>
  (await fetch(`http://${host}:${port}/hello`, { method: 'POST', body })).json();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rollcall-real-'));
  disk = new KeptDisk();
});
afterEach(async () => {
  await registry.stop();
  await rm(folder, { recursive: true });
});

test('the example service is started, answers, and writes its log', async () => {
  await boot({ echo: ECHO });
  const record = await another('echo');
  expect(await ask(record, 'hi')).toEqual({ instance: record.instance, path: '/hello', echo: 'hi' });
  const log = readFileSync(join(folder, 'data/logs/echo/1.log'), 'utf8');
  expect(log).toContain(`${record.instance} listens on 127.0.0.1:${record.port}`);
});

test('killed with SIGKILL it is replaced, and only the new one is known', async () => {
  await boot({ echo: ECHO });
  const first = await another('echo');
  const [pid] = pids();
  process.kill(pid as number, 'SIGKILL');
  const gone = new Promise((end) => {
    const look = () =>
      registry.services.lookup('echo').records.length === 0 ? end(true) : setImmediate(look);
    look();
  });
  expect(await gone).toBe(true);
  const second = await another('echo', first);
  expect(await ask(second, 'again')).toMatchObject({ instance: second.instance });
  expect(registry.services.count()).toBe(1);
});

test('left behind by one registry, it is adopted by the next, whose stop ends it', async () => {
  await boot({ echo: ECHO }, 'leave');
  const record = await another('echo');
  const [pid = 0] = pids();
  await registry.stop();
  expect(await ask(record, 'alone')).toMatchObject({ instance: record.instance });

  await boot({ echo: ECHO });
  expect(await another('echo')).toMatchObject({
    id: record.id,
    instance: record.instance,
    port: record.port,
  });
  expect(pids()).toEqual([pid]);
  await registry.stop();
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
});

test('a service that a thousand ask for at the same time starts, once', async () => {
  await boot({ echo: { ...ECHO, instances: { min: 0, max: 3 } } });
  expect(registry.services.count()).toBe(0);
  const answers = await Promise.all(
    Array.from({ length: 1_000 }, () => registry.services.resolve('echo', { waitMs: 10_000 })),
  );
  expect(new Set(answers.map(({ instance }) => instance)).size).toBe(1);
  expect(pids()).toHaveLength(1);
  // What answers has written its line.
  await ask(answers[0] as ServiceRecord, 'hi');
  const log = readFileSync(join(folder, 'data/logs/echo/1.log'), 'utf8');
  expect(log.match(/ listens on /g)).toHaveLength(1);
});

test('a command that does not exist stops no boot, and the reason is told', async () => {
  const lines: string[] = [];
  registry = await createRegistry({
    config: {
      store: 'memory',
      plugins: [
        tcpChecker,
        processSpawner,
        [supervisor, { services: { bad: { command: ['no-such-program'], restart: { attempts: 1 } } } }],
      ] as never,
    },
    folder,
    logger: {
      ...silentLogger,
      child: () => ({ ...silentLogger, error: (_, message) => void lines.push(message) }),
    },
  });
  await registry.start();
  while (lines.length === 0) await new Promise(setImmediate);
  expect(lines[0]).toMatch(/Service "bad" is given up.*no "no-such-program" is on the PATH/);
});
