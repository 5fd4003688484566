import { spawn as spawnChild } from 'node:child_process';
import { once } from 'node:events';
import { chown, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { type JsonObject, readProcessStart, type SpawnName } from '../../../../core/index.js';
import { psTable } from '../../../../plugins/spawners/process/process-table.js';
import { createSubject, type Subject, using } from './subject.js';

const isRoot = process.geteuid?.() === 0;
const NOBODY = 65_534;
const NAME: SpawnName = { service: 'lost', instance: `lost-${process.pid}`, port: 4_711 };
const ENV = {
  PATH: process.env.PATH ?? '',
  SERVICE_NAME: NAME.service,
  INSTANCE_ID: NAME.instance,
  PORT: String(NAME.port),
  HOST: '127.0.0.2',
};

const started: number[] = [];
afterEach(() => {
  for (const pid of started.splice(0)) {
    if (readProcessStart(pid)?.isZombie === false) process.kill(pid, 'SIGKILL');
  }
});

/**
 * A program that is nobody's child, as a registry leaves it that is killed right after the start, with its output in a
 * log file: it runs `command`, which prints the pids that are answered, `lines` in all.
 */
async function orphan(
  { folder }: Subject,
  command: readonly string[],
  { lines = 1, uid = 0, logOwner = 0 } = {},
): Promise<number[]> {
  const path = join(folder, 'lost.log');
  const log = await open(path, 'a', 0o640);
  if (logOwner !== 0) await chown(path, logOwner, logOwner);
  const options = { env: ENV, detached: true, ...(uid !== 0 && { uid, gid: uid }) };
  const code = `require('child_process').spawn(${JSON.stringify(command[0])}, ${JSON.stringify(command.slice(1))},
    { ...${JSON.stringify(options)}, stdio: ['ignore', 3, 3] }).unref()`;
  const registry = spawnChild(process.execPath, ['-e', code], {
    cwd: '/',
    stdio: ['ignore', 'inherit', 'inherit', log.fd],
  });
  await once(registry, 'exit');
  await log.close();
  let printed: number[] = [];
  while (printed.length < lines) {
    await new Promise(setImmediate);
    printed = (await readFile(path, 'utf8')).split('\n').slice(0, -1).map(Number);
  }
  started.push(...printed);
  return printed;
}

const WAIT = ['sh', '-c', 'echo $$; exec sleep 600'];
const find = (subject: Subject, name = NAME) => subject.spawner.find?.(name);
const pidOf = (found: { ref: JsonObject } | undefined) => found?.ref.pid;

async function kill(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL');
  while (readProcessStart(pid)?.isZombie === false) await new Promise(setImmediate);
}

describe('a program whose registry died before it noted the start', () => {
  test('is found by its name, and can be adopted and ended', () =>
    using(async (subject) => {
      const [pid] = await orphan(subject, WAIT);
      const found = await find(subject);
      expect(found).toMatchObject({ pid, host: '127.0.0.2', port: NAME.port });
      expect(pidOf(await subject.spawner.adopt(found?.ref as JsonObject))).toBe(pid);
      await found?.stop('SIGKILL');
      await found?.exited;
      expect(await find(subject)).toBeUndefined();
    }));

  test.each([{ service: 'other' }, { instance: 'lost-0' }, { port: 4_712 }])('is not taken for %j', (other) =>
    using(async (subject) => {
      await orphan(subject, WAIT);
      expect(await find(subject, { ...NAME, ...other })).toBeUndefined();
    }),
  );

  test('is found among those that are looked for at the same time', () =>
    using(async (subject) => {
      const [pid] = await orphan(subject, WAIT);
      const names = Array.from({ length: 50 }, (_, at) => `${NAME.instance}${at || ''}`);
      const all = await Promise.all(names.map((instance) => find(subject, { ...NAME, instance })));
      expect(all.map(pidOf)).toEqual(names.map((instance) => (instance === NAME.instance ? pid : undefined)));
    }));

  test('is found though it became a program with another environment in another order', () =>
    using(async (subject) => {
      const [pid] = await orphan(subject, ['sh', '-c', 'export A=1 Z=2; echo $$; exec sleep 600']);
      expect(pidOf(await find(subject))).toBe(pid);
    }));

  test.skipIf(!isRoot)('is found by root as another user, unless that user made the log file', () =>
    using(async (subject) => {
      const [pid] = await orphan(subject, WAIT, { uid: NOBODY });
      expect(pidOf(await find(subject))).toBe(pid);
      await kill(pid as number);
      await using(async (other) => {
        await orphan(other, WAIT, { uid: NOBODY, logOwner: NOBODY });
        expect(await find(other)).toBeUndefined();
      });
    }),
  );
});

describe('what has the name of the program, but is another, is not found', () => {
  test('its child in the same group, also when it is dead', () =>
    using(async (subject) => {
      const [child, pid = 0] = await orphan(subject, ['sh', '-c', 'sleep 600 & echo $!; echo $$; wait'], {
        lines: 2,
      });
      expect(pidOf(await find(subject))).toBe(pid);
      await kill(pid);
      expect(readProcessStart(child as number)?.isZombie).toBe(false);
      expect(await find(subject)).toBeUndefined();
    }));

  test('its child with a session of its own', () =>
    using(async (subject) => {
      const code = `const child = require('child_process').spawn('sleep', ['600'], { detached: true, stdio: 'inherit' });
        console.log(child.pid + '\\n' + process.pid);`;
      const [, pid] = await orphan(subject, ['node', '-e', code], { lines: 2 });
      expect(pidOf(await find(subject))).toBe(pid);
    }));

  test('what a child of it started in a session of its own, when it is dead', () =>
    using(async (subject) => {
      const child = `const one = require('child_process').spawn('sleep', ['600'], { detached: true, stdio: 'inherit' });
        console.log(one.pid + '\\n' + process.pid);`;
      const code = `require('child_process').spawn('node', ['-e', ${JSON.stringify(child)}], { stdio: 'inherit' });
        require('fs').writeSync(1, process.pid + '\\n');`;
      const pids = await orphan(subject, ['node', '-e', code], { lines: 3 });
      const pid = pidOf(await find(subject)) as number;
      expect(pid).toBe(pids[0]);
      await kill(pid);
      expect(pids.filter((one) => readProcessStart(one)?.isZombie === false)).toHaveLength(2);
      expect(await find(subject)).toBeUndefined();
    }));

  test('a daemon that it left behind, which writes to no log', () =>
    using(async (subject) => {
      const code = `const child = require('child_process').spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
        console.log(child.pid + '\\n' + process.pid);`;
      const [daemon, pid = 0] = await orphan(subject, ['node', '-e', code], { lines: 2 });
      await kill(pid);
      expect(readProcessStart(daemon as number)?.isZombie).toBe(false);
      expect(await find(subject)).toBeUndefined();
    }));

  test('a child of this registry that is no instance', () =>
    using(async (subject) => {
      const log = await open(join(subject.folder, 'check.log'), 'a', 0o640);
      const check = spawnChild('sleep', ['600'], {
        env: ENV,
        detached: true,
        stdio: ['ignore', log.fd, log.fd],
      });
      await once(check, 'spawn');
      started.push(check.pid as number);
      await log.close();
      expect(await find(subject)).toBeUndefined();
    }));
});

test('without /proc nothing is found, and the spawner says so', async () => {
  const { spawner, dispose } = await createSubject(psTable());
  expect(spawner.find).toBeUndefined();
  await dispose();
});
