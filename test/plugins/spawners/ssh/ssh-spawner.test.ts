import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SpawnInput } from '../../../../core/index.js';
import { describeSpawner } from '../../../contracts/spawner.js';
import { sshd } from './sshd.js';
import { type Box, createBox, createSubject, isRunning, type Subject, spawnerFor } from './subject.js';

describe.skipIf(!sshd.isMet)(`ssh spawner${sshd.note}`, () => {
  let box: Box;
  beforeAll(async () => {
    box = await createBox();
  });
  afterAll(() => box.dispose());

  async function using(run: (subject: Subject) => Promise<void>): Promise<void> {
    const subject = await createSubject(box);
    try {
      await run(subject);
    } finally {
      await subject.dispose();
    }
  }

  describe('holds the contract', () => describeSpawner({ test, create: () => createSubject(box) }));

  describe('a program there', () => {
    test('gets its arguments and variables to the letter, whatever a shell would make of them', () =>
      using(async (subject) => {
        const nasty = [
          ...[
            "'",
            "it's",
            `"`,
            '$HOME',
            '$(id)',
            '`id`',
            '\\',
            "\\'",
            "'\\''",
            '\n',
            'a\nb\n',
            '',
            ' ',
            '-n',
            '--',
          ],
          ...[
            '*',
            '?',
            '~',
            '!',
            '!!',
            '#',
            '&',
            ';',
            '|',
            '>',
            '<',
            '{a,b}',
            '[a]',
            '%s',
            '\t',
            '\r',
            '\u0001',
          ],
          ...[
            '\u007f',
            'é',
            'ā',
            'Á',
            '\u{1f600}',
            "';exit;'",
            "'\n}\nexit\n{'",
            '\\000',
            'EOF',
            'x=y',
            '=',
            '${x',
          ],
          ...["'".repeat(1_000), `${'\\'.repeat(999)}'`, 'x'.repeat(32_000)],
        ];
        const env = Object.fromEntries(nasty.map((value, index) => [`V${index}`, value.slice(0, 9_000)]));
        const code = 'console.log(JSON.stringify([process.argv.slice(1), process.env]))';
        const input = await subject.input({
          // Without `--`, node would take one of them for its own option.
          spec: {
            on: 'box',
            command: [process.execPath, '-e', code, '--', ...nasty],
            env: { 'odd.name-1': 'x' },
          },
          env,
        });
        const { exited } = await subject.spawner.spawn(input);
        expect(await exited).toEqual({ code: 0, signal: null });
        const [args, given] = JSON.parse(await subject.log(input));
        expect(args).toEqual(nasty);
        expect(given).toMatchObject({ ...env, 'odd.name-1': 'x' });
      }));

    test('gets variables that a shell keeps for itself too', () =>
      using(async (subject) => {
        const env = {
          IFS: 'x',
          OPTIND: 'x',
          UID: 'x',
          PPID: '7',
          _: 'x',
          PWD: '/x',
          'a-b': 'x',

          BASH_ENV: 'x',
        };
        const input = await subject.program('console.log(JSON.stringify(process.env))', {}, { env });
        await (await subject.spawner.spawn(input)).exited;
        expect(JSON.parse(await subject.log(input))).toMatchObject(env);
      }));

    test('has its secrets in no command line, and in no file', () =>
      using(async (subject) => {
        const input = await subject.input({
          env: { TOKEN: 's3cret-value' },
          spec: { on: 'box', command: ['sleep', '600'] },
        });
        const handle = await subject.spawner.spawn(input);
        expect(execFileSync('ps', ['-A', '-ww', '-o', 'args='], { encoding: 'utf8' })).not.toContain(
          's3cret-value',
        );
        const run = join(box.server.folder, 'run', input.instance);
        expect((await stat(run)).mode & 0o777).toBe(0o700);
        expect((await readdir(run)).sort()).toEqual(['ref', 'wait']);
        await handle.stop('SIGKILL');
        await handle.exited;
      }));

    test('gets no variables but its own and what names its user and place', () =>
      using(async (subject) => {
        const input = await subject.program('console.log(JSON.stringify(process.env))');
        await (await subject.spawner.spawn(input)).exited;
        const own = ['HOME', 'HOST', 'INSTANCE_ID', 'LANG', 'PATH', 'PORT', 'TMPDIR', 'TZ', 'USER'];
        expect(own).toEqual(expect.arrayContaining(Object.keys(JSON.parse(await subject.log(input)))));
      }));

    test('appends to its log file, errors too, and has `cwd` and `log` where they are said', () =>
      using(async (subject) => {
        const input = await subject.program("console.log('out'); console.error('err')");
        for (let times = 0; times < 2; times++) await (await subject.spawner.spawn(input)).exited;
        expect(await subject.log(input)).toBe('out\nerr\nout\nerr\n');
        const [cwd, log] = [join(subject.folder, "a 'place'"), join(subject.folder, "l'og/x y.log")];
        await mkdir(cwd);
        const other = await subject.program('console.log(process.cwd())', { cwd, log });
        await (await subject.spawner.spawn(other)).exited;
        expect(await readFile(log, 'utf8')).toBe(`${cwd}\n`);
      }));

    test('listens where callers are told, and hears of a registry only by an address that means something there', () =>
      using(async (subject) => {
        const code = 'console.log(JSON.stringify(process.env))';
        const told = async (env: { [name: string]: string }) => {
          const input = await subject.program(code, {}, { env });
          await (await subject.spawner.spawn(input)).exited;
          return JSON.parse(await subject.log(input));
        };
        expect(await told({ HOST: 'localhost', ROLLCALL_URL: 'http://127.0.0.1:8800/' })).toMatchObject({
          HOST: '127.0.0.1',
        });
        expect(await told({ ROLLCALL_URL: 'http://[::1]:8800/' })).not.toHaveProperty('ROLLCALL_URL');
        const far = { HOST: '192.0.2.1', ROLLCALL_URL: 'http://192.0.2.2:8800/' };
        expect(await told(far)).toMatchObject(far);
      }));

    test('can be ended by SIGINT, which background jobs of a shell ignore, with all that it started', () =>
      using(async (subject) => {
        const code = `const child = require('child_process').spawn('sleep', ['600'], { stdio: 'ignore' });
          console.log(child.pid); setInterval(() => {}, 1000);`;
        const input = await subject.program(code);
        const handle = await subject.spawner.spawn(input);
        await expect.poll(() => subject.log(input)).toMatch(/^\d+\n$/);
        const pid = Number(await subject.log(input));
        await handle.stop('SIGINT');
        expect(await handle.exited).toEqual({ code: null, signal: 'SIGINT' });
        await expect.poll(() => isRunning(pid)).toBe(false);
      }));

    test('is in a session and group of its own, and leaves no folder behind when it has ended', () =>
      using(async (subject) => {
        const handle = await subject.spawner.spawn(await subject.input());
        const ids = execFileSync('ps', ['-o', 'pid=,pgid=,sess=', '-p', String(handle.pid)], {
          encoding: 'utf8',
        });
        expect(new Set(ids.trim().split(/\s+/))).toEqual(new Set([String(handle.pid)]));
        await handle.stop('SIGKILL');
        expect(await handle.exited).toEqual({ code: null, signal: 'SIGKILL' });
        const run = join(box.server.folder, 'run', String(handle.ref.id));
        await expect.poll(() => readFile(join(run, 'ref')).catch(({ code }) => code)).toBe('ENOENT');
      }));

    test('that lost the shell which waits for it is still seen to end, but not how', () =>
      using(async (subject) => {
        const handle = await subject.spawner.spawn(await subject.input());
        const waiter = Number(
          execFileSync('ps', ['-o', 'ppid=', '-p', String(handle.pid)], { encoding: 'utf8' }),
        );
        process.kill(waiter, 'SIGKILL');
        await handle.stop('SIGKILL');
        expect(await handle.exited).toEqual({ code: null, signal: null });
      }));
  });

  describe('a start that fails says what to do', () => {
    const start = (spec: object, expected: RegExp, overrides: Partial<SpawnInput<unknown>> = {}) =>
      using(async (subject) => {
        const input = await subject.input({ spec: { on: 'box', command: ['true'], ...spec }, ...overrides });
        await expect(subject.spawner.spawn(input)).rejects.toThrow(expected);
      });

    test('for a program that is not there', () =>
      start(
        { command: ['no-such'] },
        /"no-such".*of service "probe" on "box".*no program "no-such".*full path/,
      ));
    test('for one that is a built-in of shells only', () =>
      start({ command: ['export'] }, /no program "export"/));
    test('for a folder that is not there', () =>
      start({ cwd: '/proc/none' }, /no folder "\/proc\/none".*`cwd`/));
    test('for a log file that cannot be written', () =>
      start({ log: '/proc/x/y.log' }, /\/proc\/x\/y\.log.*Set `log`/));
    test('for a command that is too long', () =>
      start(
        { command: Array.from({ length: 1_000 }, () => 'x'.repeat(32_000)) },
        /longer than 1 MiB.*Shorten/,
      ));
    test('for one that is not executable, or whose interpreter is missing', () =>
      using(async (subject) => {
        const path = join(subject.folder, 'tool');
        await writeFile(path, '#!/proc/no/interpreter\n', { mode: 0o600 });
        const spawn = async () =>
          subject.spawner.spawn(
            await subject.input({ spec: { on: 'box', command: ['./tool'], cwd: subject.folder } }),
          );
        await expect(spawn()).rejects.toThrow(/"\.\/tool" is not executable.*chmod/);
        await chmod(path, 0o700);
        await expect(spawn()).rejects.toThrow(/"\.\/tool" ended at once with code 127: the interpreter/);
      }));
    test('for an instance that runs there already', () =>
      using(async (subject) => {
        const input = await subject.input();
        const handle = await subject.spawner.spawn(input);
        await expect(subject.spawner.spawn(input)).rejects.toThrow(/of that name has its folder there/);
        await handle.stop('SIGKILL');
        await handle.exited;
      }));
  });

  test('another process with the same pid is neither adopted nor signalled', () =>
    using(async (subject) => {
      const handle = await subject.spawner.spawn(await subject.input());
      const { spawner, close } = await spawnerFor(box.server);
      const name = { ...handle.ref, id: 'another' };
      expect(await spawner.adopt({ ...name, startTime: '1' })).toBeUndefined();
      expect(await spawner.adopt({ ...name, bootId: 'x' })).toBeUndefined();
      await expect(spawner.adopt({ ...name, on: 'bix' })).rejects.toThrow(/no host "bix" any more: box/);
      close();
      expect(isRunning(handle.pid as number)).toBe(true);
      await handle.stop('SIGKILL');
      await handle.exited;
    }));

  test('a name that is no name of a folder is started, found and kept apart all the same', () =>
    using(async (subject) => {
      const instance = "../../x y'$(id)";
      const input = await subject.input({ instance });
      const handle = await subject.spawner.spawn(input);
      expect((await subject.spawner.find?.(input))?.ref).toEqual(handle.ref);
      expect(await subject.spawner.find?.({ ...input, instance: '../../x' })).toBeUndefined();
      await handle.stop('SIGKILL');
      await handle.exited;
    }));

  test('sixteen are started, seen and ended at once over the one connection', () =>
    using(async (subject) => {
      const inputs = await Promise.all(
        Array.from({ length: 16 }, () => subject.input({ spec: { on: 'box', command: ['sleep', '600'] } })),
      );
      const handles = await Promise.all(inputs.map((input) => subject.spawner.spawn(input)));
      await Promise.all(handles.map((handle) => handle.stop('SIGTERM')));
      const exits = await Promise.all(handles.map(({ exited }) => exited));
      expect(new Set(exits.map(({ signal }) => signal))).toEqual(new Set(['SIGTERM']));
    }));
});
