import { spawn as spawnChild } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { SpawnInput } from '../../../../core/index.js';
import { type ProcessTable, procTable, psTable } from '../../../../plugins/spawners/process/process-table.js';
import { describeSpawner } from '../../../contracts/spawner.js';
import { needs } from '../../../support/needs.js';
import { createSubject, LISTEN, untilOpen, using } from './subject.js';

const ps = needs('ps', '-p', '1');

describe('process spawner, by /proc', () => describeSpawner({ test, create: () => createSubject() }));
describe.skipIf(!ps.isMet)(`process spawner, by ps${ps.note}`, () =>
  describeSpawner({ test, create: () => createSubject(psTable()) }),
);

describe('a program', () => {
  test('writes its output and its errors to the log file, after what is there', () =>
    using(async (subject) => {
      const input = await subject.program("console.log('to out'); console.error('to err')");
      for (let times = 0; times < 2; times++) await (await subject.spawner.spawn(input)).exited;
      expect(await readFile(input.logFile, 'utf8')).toBe('to out\nto err\nto out\nto err\n');
    }));

  test('gets of the environment what it was given, and no secrets of the registry', () =>
    using(async (subject) => {
      process.env.SECRET_OF_THE_REGISTRY = 'x';
      const spec = {
        command: ['node', '-p', 'JSON.stringify(process.env)'],
        env: { COLOUR: 'red', PORT: '1' },
      };
      const input = await subject.input({ spec });
      await (await subject.spawner.spawn(input)).exited;
      delete process.env.SECRET_OF_THE_REGISTRY;
      const env = JSON.parse(await readFile(input.logFile, 'utf8'));
      expect(Object.keys(env).sort()).toEqual([
        ...['COLOUR', 'HOST', 'INSTANCE_ID', 'PATH', 'PORT', 'SERVICE_NAME'],
      ]);
      expect(env.PORT).toBe(String(input.port));
    }));

  test('runs in the folder of the config file, or in `cwd` relative to it', () =>
    using(async (subject) => {
      const input = await subject.input({ spec: { command: ['node', '-p', 'process.cwd()'] } });
      await (await subject.spawner.spawn(input)).exited;
      expect((await readFile(input.logFile, 'utf8')).trim()).toBe(subject.folder);
    }));

  test('takes what it started with it when it is stopped: the whole group is signalled', () =>
    using(async (subject) => {
      const parent = `const { spawn } = require('child_process'); spawn(process.execPath, ['-e', ${JSON.stringify(LISTEN)}]);
        setInterval(() => {}, 1000);`;
      const handle = await subject.spawner.spawn(await subject.program(parent));
      await untilOpen(handle.port, true);
      await handle.stop('SIGKILL');
      await handle.exited;
      await untilOpen(handle.port, false);
    }));

  test('that was killed tells the signal', () =>
    using(async (subject) => {
      const handle = await subject.spawner.spawn(await subject.input());
      await handle.stop('SIGKILL');
      expect(await handle.exited).toEqual({ code: null, signal: 'SIGKILL' });
    }));
});

describe('a start that fails says what to do', () => {
  const start = (spec: object, expected: RegExp, overrides: Partial<SpawnInput<unknown>> = {}) =>
    using(async (subject) => {
      await expect(subject.spawner.spawn(await subject.input({ spec, ...overrides }))).rejects.toThrow(
        expected,
      );
    });

  test('for a program that is not on the PATH', () =>
    start(
      { command: ['no-such-program'] },
      /"no-such-program".*of service "probe".*no "no-such-program" is on the PATH/,
    ));
  test('for a file that does not exist', () =>
    start({ command: ['./nothing.sh'] }, /there is no file \.\/nothing\.sh/));
  test('for a folder that does not exist', () =>
    start({ command: ['node'], cwd: 'gone' }, /gone: that folder does not exist.*`cwd`/));
  test('for a file that is not executable', () =>
    using(async (subject) => {
      await writeFile(join(subject.folder, 'plain.txt'), 'text', { mode: 0o600 });
      const input = await subject.input({ spec: { command: ['./plain.txt'] } });
      await expect(subject.spawner.spawn(input)).rejects.toThrow(/not executable.*chmod/);
    }));
  test('for a log file that cannot be opened', () =>
    start({ command: ['node'] }, /log file.*Set `logs`/, { logFile: '/dev/null/x.log' }));
  test('for a command that is too long', () =>
    start({ command: ['node', ...Array.from({ length: 1_000 }, () => 'x'.repeat(32_000))] }, /too long/));
});

describe('the spec', () => {
  test.each([
    [{}, 'command'],
    [{ command: [] }, 'at least the name'],
    [{ command: [''] }, 'not an empty text'],
    [{ command: 'node app.js' }, 'expected an array'],
    [{ command: ['a\u0000b'] }, 'U+0000'],
    [{ command: ['a'], env: { 'A=B': 'x' } }, 'variable name'],
    [{ command: ['a'], shell: true }, 'shell'],
  ])('refuses %j', (spec, message) =>
    using(async ({ spawner }) => {
      const result = spawner.spec.safeParse(spec);
      expect(result.success).toBe(false);
      expect(JSON.stringify(result.error?.issues)).toContain(message);
    }),
  );
});

describe('adoption', () => {
  test('never takes another process for ours: the same pid, begun at another time or in another boot', () =>
    using(async (subject) => {
      const handle = await subject.spawner.spawn(await subject.input());
      expect(await subject.spawner.adopt({ ...handle.ref, startTime: '1' })).toBeUndefined();
      expect(await subject.spawner.adopt({ ...handle.ref, bootId: 'another' })).toBeUndefined();
      expect(await subject.spawner.adopt(handle.ref)).toBeDefined();
      await handle.stop('SIGKILL');
      await handle.exited;
    }));

  test('does not signal another process that got the pid of an adopted one meanwhile', () =>
    using(async (subject) => {
      let isAnother = false;
      const real = procTable();
      const startTimes: ProcessTable['startTimes'] = (pids) =>
        isAnother ? new Map(pids.map((pid) => [pid, '1'])) : real.startTimes(pids);
      const other = await createSubject({ ...real, startTimes });
      const handle = await subject.spawner.spawn(await subject.input());
      const adopted = await other.spawner.adopt(handle.ref);
      isAnother = true;
      await adopted?.stop('SIGKILL');
      isAnother = false;
      await untilOpen(handle.port, true);
      await adopted?.stop('SIGKILL');
      expect(await handle.exited).toEqual({ code: null, signal: 'SIGKILL' });
      await other.dispose();
    }));

  test.each([
    ['/proc', procTable()],
    ...(ps.isMet ? ([['ps', psTable()]] as [string, ReturnType<typeof psTable>][]) : []),
  ])('takes a zombie, which its parent has not waited for, for gone (%s)', async (_, table) => {
    // sh starts a child, and turns into a program that never waits for it. Only then may the child end: sh would wait.
    const parent = spawnChild('sh', ['-c', 'read line <&3 & echo $!; exec sleep 60 3<&-'], {
      stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
    });
    const [line] = await once(parent.stdout as Readable, 'data');
    const pid = Number(String(line));
    while (!(await readFile(`/proc/${parent.pid}/stat`, 'latin1')).includes('(sleep)')) {
      await new Promise(setImmediate);
    }
    parent.stdio[3]?.destroy();
    while (!(await readFile(`/proc/${pid}/stat`, 'latin1')).includes(') Z ')) await new Promise(setImmediate);
    expect([...(await table.startTimes([pid, parent.pid as number])).keys()]).toEqual([parent.pid]);
    parent.kill('SIGKILL');
  });

  test('reads the start time of a program whose name has blanks and brackets', async () => {
    const program = 'process.title = "a) S 1 (b"; console.log(1); setInterval(() => {}, 1000)';
    const child = spawnChild(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'ignore'] });
    const pid = child.pid as number;
    const before = await procTable().startTimes([pid]);
    await once(child.stdout, 'data');
    expect(await readFile(`/proc/${pid}/stat`, 'latin1')).toContain('(a) S 1 (b)');
    expect(await procTable().startTimes([pid])).toEqual(before);
    expect(before.size).toBe(1);
    child.kill('SIGKILL');
  });
});
