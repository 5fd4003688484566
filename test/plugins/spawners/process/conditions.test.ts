import { chmod, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { needs } from '../../../support/needs.js';
import { createSubject, type Subject, using } from './subject.js';

const prlimit = needs('prlimit', '--version');
const setpriv = needs('setpriv', '--version');
const isRoot = process.geteuid?.() === 0;
const root = { isMet: isRoot, note: isRoot ? '' : ' (skipped: needs root)' };
const NOBODY = 65_534;

/** What the program printed, and how it ended. */
async function run({ spawner, input }: Subject, spec: object, overrides: object = {}) {
  const given = await input(overrides);
  const handle = await spawner.spawn({ ...given, spec: spawner.spec.parse(spec) });
  const exit = await handle.exited;
  return { ...exit, pid: handle.pid, out: (await readFile(given.logFile, 'utf8')).trim() };
}

const fails = (subject: Subject, spec: object, expected: RegExp) =>
  expect(run(subject, spec)).rejects.toThrow(
    expect.objectContaining({ code: 'SPAWN_FAILED', message: expect.stringMatching(expected) }),
  );

/** Does something as another user than root. */
async function asNobody({ folder }: Subject, work: () => Promise<void>): Promise<void> {
  await chmod(folder, 0o777);
  process.seteuid?.(NOBODY);
  try {
    await work();
  } finally {
    process.seteuid?.(0);
  }
}

/** A PATH of its own: a folder with `files`, and links to these programs of the machine. */
async function pathWith(
  { folder }: Subject,
  files: { [name: string]: string },
  links: readonly string[] = [],
) {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  for (const [name, text] of Object.entries(files)) await writeFile(join(bin, name), text, { mode: 0o755 });
  for (const name of links) await symlink(`/usr/bin/${name}`, join(bin, name));
  return bin;
}

describe.skipIf(!prlimit.isMet)(`limits${prlimit.note}`, () => {
  test('are those of the program, whose pid is the one that is known', () =>
    using(async (subject) => {
      const limits = {
        nofile: 123,
        nproc: 5_000,
        memory: '3G',
        stack: '4M',
        memlock: '64K',
        core: 0,
        fsize: 'unlimited',
        cpu: '90s',
      };
      const command = ['sh', '-c', 'echo $$; cat /proc/self/limits'];
      const { out, pid, code } = await run(subject, { command, limits });
      expect(code).toBe(0);
      const [first, ...lines] = out.split('\n');
      expect(Number(first)).toBe(pid);
      const rows = lines.map((line) => line.split(/ {2,}/));
      const limit = (name: string) => rows.find(([row]) => row === name)?.slice(1, 3);
      expect(limit('Max open files')).toEqual(['123', '123']);
      expect(limit('Max processes')).toEqual(['5000', '5000']);
      expect(limit('Max address space')).toEqual([String(3 * 2 ** 30), String(3 * 2 ** 30)]);
      expect(limit('Max stack size')).toEqual([String(2 ** 22), String(2 ** 22)]);
      expect(limit('Max locked memory')).toEqual(['65536', '65536']);
      expect(limit('Max core file size')).toEqual(['0', '0']);
      expect(limit('Max file size')).toEqual(['unlimited', 'unlimited']);
      expect(limit('Max cpu time')).toEqual(['90', '91']);
    }));

  test('end a program that takes too much of the processor, by a signal that says so', () =>
    using(async (subject) => {
      const { signal } = await run(subject, {
        command: ['sh', '-c', 'while :; do :; done'],
        limits: { cpu: '1s' },
      });
      expect(signal).toBe('SIGXCPU');
    }));

  test('leave a stop, the whole group and adoption as they are', () =>
    using(async (subject) => {
      const spec = { command: ['node', '-e', 'setInterval(() => {}, 1000)'], limits: { core: 0 }, nice: 1 };
      const handle = await subject.spawner.spawn(
        await subject.input({ spec: subject.spawner.spec.parse(spec) }),
      );
      expect((await subject.spawner.adopt(handle.ref))?.pid).toBe(handle.pid);
      await handle.stop('SIGTERM');
      expect(await handle.exited).toEqual({ code: null, signal: 'SIGTERM' });
    }));

  test.each([
    ['a program that is not on the PATH', ['no-such-program'], /no "no-such-program" is on the PATH/],
    ['a file that is not there', ['./nothing.sh'], /there is no file \.\/nothing\.sh/],
    ['a folder', ['/tmp'], /"\/tmp" is not executable/],
    [
      'a script whose interpreter is not there',
      ['./odd.sh'],
      /the interpreter that its first line names is missing/,
    ],
    ['a file that is not executable', ['./plain.txt'], /not executable.*chmod/],
  ])('do not hide that the program is %s', (_, command, expected) =>
    using(async (subject) => {
      await writeFile(join(subject.folder, 'odd.sh'), '#! /no/such/shell -e\n', { mode: 0o755 });
      await writeFile(join(subject.folder, 'plain.txt'), 'text', { mode: 0o600 });
      await fails(subject, { command, limits: { core: 0 } }, expected);
    }),
  );

  test('are looked for on the program’s own PATH, and `node` is found without one', () =>
    using(async (subject) => {
      const bin = await pathWith(subject, { mine: '#!/bin/sh\necho mine\n' });
      const limits = { core: 0 };
      expect(await run(subject, { command: ['mine'], limits, env: { PATH: bin } })).toMatchObject({
        out: 'mine',
      });
      expect(
        await run(subject, { command: ['node', '-p', '1+1'], limits, env: { PATH: bin } }),
      ).toMatchObject({ out: expect.stringMatching(/2$/) });
    }));

  test.skipIf(!root.isMet)(`that only root may raise are refused with what the system says${root.note}`, () =>
    using(async (subject) => {
      await asNobody(subject, async () => {
        await fails(
          subject,
          { command: ['true'], limits: { nofile: 900_000 } },
          /NOFILE.*not permitted.*Only root/i,
        );
        // One that works is not spoilt by it.
        expect(await run(subject, { command: ['true'], limits: { nofile: 100 } })).toMatchObject({ code: 0 });
      });
    }),
  );

  test('that leave no room for the program itself are refused', () =>
    using(async (subject) => {
      await fails(subject, { command: ['true'], limits: { memory: 1_000 } }, /can't be set: /);
    }));
});

test('limits where prlimit is missing name the package that has it', async () => {
  const subject = await createSubject(undefined, '/nowhere');
  const { ConditionMaker } = await import('../../../../plugins/spawners/process/conditions.js');
  const maker = new ConditionMaker('/nowhere', '/nowhere');
  await expect(maker.make({ command: ['x'], limits: { core: '0' } })).rejects.toThrow(
    /`limits` needs prlimit\(1\).*package util-linux/,
  );
  await expect(maker.make({ command: ['x'], nice: 1 })).rejects.toThrow(/`nice` needs nice\(1\).*coreutils/);
  await subject.dispose();
});

describe('nice', () => {
  test('is that of the program', () =>
    using(async (subject) => {
      const { out, code } = await run(subject, { command: ['nice'], nice: 7 });
      expect({ out, code }).toEqual({ out: '7', code: 0 });
    }));

  test.skipIf(!root.isMet)(`below 0 is refused to all but root${root.note}`, () =>
    using(async (subject) => {
      expect(await run(subject, { command: ['nice'], nice: -3 })).toMatchObject({ out: '-3' });
      await asNobody(subject, async () => {
        await fails(subject, { command: ['nice'], nice: -4 }, /ermission denied.*Only root/);
      });
    }),
  );
});

const WHO = ['sh', '-c', 'echo $(id -u) $(id -g) $(id -G) $HOME $USER'];

describe.skipIf(!root.isMet)(`a user${root.note}`, () => {
  test.each([
    ['nobody', /^65534 65534 65534 \/\S+ nobody$/],
    ['65534', /^65534 65534 65534 \/\S+ nobody$/],
    [65_534, /^65534 65534 65534 \/\S+ nobody$/],
    ['65534:1', /^65534 1 1 \/\S+ nobody$/],
    ['54321:54322', /^54321 54322 54322 \/ 54321$/],
    ['root', /^0 0 \S+ \/root root$/],
  ])('%s is whose rights, home and name the program has', (user, expected) =>
    using(async (subject) => {
      expect((await run(subject, { command: WHO, user })).out).toMatch(expected);
    }),
  );

  test('has HOME and USER of the spec before those of the system', () =>
    using(async (subject) => {
      const { out } = await run(subject, { command: WHO, user: 'nobody', env: { HOME: '/elsewhere' } });
      expect(out).toMatch(/ \/elsewhere nobody$/);
    }));

  test('writes to the log file, which stays that of the registry', () =>
    using(async (subject) => {
      const given = await subject.input();
      const spec = subject.spawner.spec.parse({ command: ['echo', 'hello'], user: 'nobody' });
      await (await subject.spawner.spawn({ ...given, spec })).exited;
      expect(await readFile(given.logFile, 'utf8')).toBe('hello\n');
      expect((await stat(given.logFile)).uid).toBe(0);
    }));

  test.skipIf(!setpriv.isMet)(`is in all of its groups${setpriv.note}`, async () => {
    const first = await createSubject();
    const bin = await pathWith(first, { id: '#!/bin/sh\necho 65534 1 2\n' });
    await using(async (subject) => {
      const command = ['sh', '-c', '/usr/bin/id -u; /usr/bin/id -G'];
      const { out } = await run(subject, { command, user: 'nobody' });
      expect(out.split('\n')).toEqual(['65534', '65534 1 2']);
    }, `${bin}:${process.env.PATH}`);
    await first.dispose();
  });

  test.skipIf(!setpriv.isMet || !prlimit.isMet)(
    `may have limits and a niceness that it may not set itself${setpriv.note}`,
    () =>
      using(async (subject) => {
        const spec = { command: ['sh', '-c', 'id -u; nice; ulimit -Hn; echo $$'], user: 'nobody', nice: -2 };
        const { out, pid } = await run(subject, { ...spec, limits: { nofile: 300 } });
        expect(out.split('\n')).toEqual(['65534', '-2', '300', String(pid)]);
      }),
  );

  test('that is not there is a start that fails, and says what to do', () =>
    using(async (subject) => {
      await fails(subject, { command: ['true'], user: 'no-such-user' }, /no user "no-such-user".*useradd/);
      await fails(
        subject,
        { command: ['true'], user: 54_321 },
        /no user "54321".*its group too \("54321:54321"\)/,
      );
    }));

  test('is found in the file of users where there is no getent', () =>
    using(async (subject) => {
      const bin = await pathWith(subject, {}, ['id']);
      const { lookUpUser } = await import('../../../../plugins/spawners/process/user.js');
      expect(await lookUpUser('nobody', bin)).toMatchObject({ uid: 65_534, gid: 65_534, name: 'nobody' });
      await expect(lookUpUser('no-such-user', bin)).rejects.toThrow('there is no user "no-such-user"');
    }));

  test('may only be another one where the registry is root', () =>
    using(async (subject) => {
      await asNobody(subject, async () => {
        const mine = await run(subject, { command: ['true'], user: `${NOBODY}:${process.getegid?.()}` });
        expect(mine.code).toBe(0);
        await fails(
          subject,
          { command: ['true'], user: '54321:54321' },
          /only root may start a program as another user.*runs as user 65534/,
        );
      });
    }));

  test('who may not run the program is told so', () =>
    using(async (subject) => {
      await chmod(subject.folder, 0o755);
      await writeFile(join(subject.folder, 'own.sh'), '#!/bin/sh\n', { mode: 0o700 });
      await fails(
        subject,
        { command: ['./own.sh'], user: 'nobody' },
        /"\.\/own\.sh" is not executable for this user/,
      );
    }));
});

describe('the spec', () => {
  test.each([
    [{ user: '' }, "expected a user's name"],
    [{ user: '-x' }, "expected a user's name"],
    [{ user: 'a:b' }, "expected a user's name"],
    [{ user: 'a b' }, "expected a user's name"],
    [{ user: -1 }, 'user'],
    [{ user: '4294967295' }, 'at most 4294967294'],
    [{ user: '1:4294967295' }, 'at most 4294967294'],
    [{ nice: 20 }, 'nice'],
    [{ nice: 1.5 }, 'from -20 to 19'],
    [{ limits: { nofiles: 1 } }, 'nofiles'],
    [{ limits: { nofile: -1 } }, 'nofile'],
    [{ limits: { nofile: '--pid=1' } }, 'expected a whole number'],
    [{ limits: { memory: '1.5G' } }, 'expected a size'],
    [{ limits: { memory: '999999999999999T' } }, 'expected a size'],
    [{ limits: { memory: '' } }, 'expected a size'],
    [{ limits: { cpu: 10 } }, 'expected a duration from 1000 ms'],
  ])('refuses %j', (spec, message) =>
    using(async ({ spawner }) => {
      const result = spawner.spec.safeParse({ command: ['true'], ...spec });
      expect(JSON.stringify(result.error?.issues)).toContain(message);
    }),
  );
});
