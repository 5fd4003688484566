import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  createRegistry,
  definePlugin,
  type PluginApi,
  type ServiceRecord,
  silentLogger,
} from '../../../../core/index.js';
import { builtins } from '../../../../plugins/index.js';
import { describeChecker } from '../../../contracts/checker.js';
import { needsPackages } from '../../../support/needs.js';
import { tempFolder } from '../../../support/temp-folder.js';
import { createChecker, run, sh } from './support.js';

const [WELL, ILL, SILENT] = [1, 2, 3];

describeChecker({
  test,
  create: async () => ({
    checker: createChecker(),
    options: { command: ['sh', '-c', 'case $PORT in 1) exit 0;; 2) exit 2;; *) exec sleep 60;; esac'] },
    healthy: async () => ({ host: '127.0.0.1', port: WELL as number }),
    dead: async () => ({ host: '127.0.0.1', port: ILL as number }),
    silent: async () => ({ host: '127.0.0.1', port: SILENT as number }),
    dispose: async () => {},
  }),
});

describe('the exit code is the verdict', () => {
  test.each([
    ['echo fine', 'running', 'fine'],
    ['echo slow; exit 1', 'degraded', 'slow'],
    ['echo broken; exit 2', 'error', 'broken'],
    ['echo unclear; exit 3', 'error', 'unclear'],
    ['no-such-program-here 2>/dev/null', 'error', 'exit 127, and printed nothing'],
    ['echo odd; exit 4', 'error', 'exit 4: odd'],
    ['exit 255', 'error', 'exit 255, and printed nothing'],
    ['exit 0', 'running', 'exit 0, and printed nothing'],
    ['echo dying; kill -SEGV $$', 'error', 'killed by SIGSEGV: dying'],
    ['kill -KILL $$', 'error', 'killed by SIGKILL, and printed nothing'],
  ])('%s: %s', async (source, status, output) => {
    expect(await sh(source)).toMatchObject({ status, output });
  });
});

describe('what it says is the first line', () => {
  test.each([
    [
      'without what is for machines',
      `echo 'PING OK - 0.80 ms|rta=0.80ms;1;2 pl=0%'; echo more`,
      'PING OK - 0.80 ms',
    ],
    ['that is not blank', String.raw`printf '\n  \r\n\t\nsecond\nthird\n'`, 'second'],
    ['also without an end', `printf unended`, 'unended'],
    ['of stderr where stdout has none', `echo why >&2; exit 2`, 'why'],
    ['of stdout, whatever stderr said before', `echo noise >&2; echo said`, 'said'],
    [
      'without control characters',
      String.raw`printf '\033[31mred\033[0m\007 a\000b\001\302\205c\n'`,
      'red a b c',
    ],
    ['without marks that turn the text around', String.raw`printf 'a\342\200\256b\342\200\250c'`, 'a b c'],
    ['with what is no UTF-8 replaced', String.raw`printf 'caf\351 \377\n'`, 'caf\ufffd \ufffd'],
    ['in any language', `echo 'läuft 😀'`, 'läuft 😀'],
  ])('%s', async (_, source, output) => {
    expect((await sh(source)).output).toBe(output);
  });

  test('up to 256 characters', async () => {
    const { output } = await sh(`printf '😀%.0s' $(seq 300)`);
    expect(output).toBe('😀'.repeat(256));
  });
});

test('no shell reads the arguments', async () => {
  const args = ['a b', '$HOME', '"q\'', '; exit 2', '*', '', '\\', 'ü'];
  const { output } = await run([
    process.execPath,
    '-p',
    'JSON.stringify(process.argv.slice(1))',
    '--',
    ...args,
  ]);
  expect(JSON.parse(output)).toEqual(args);
});

describe('a script that can not be started is an error that says why', () => {
  test('a missing command', async () => {
    expect(await run(['no-such-program-here'])).toMatchObject({
      status: 'error',
      output: expect.stringMatching(
        /^can't be started: no "no-such-program-here" is on the PATH .+ \(ENOENT\)$/,
      ),
    });
    expect((await run(['/no/such/file'])).output).toContain('there is no file "/no/such/file"');
  });

  test('one that is not executable, a folder, a missing interpreter', async () => {
    const folder = await tempFolder({ plain: '#!/bin/sh\n', strange: '#!/no/such/interpreter\n' });
    await chmod(join(folder, 'strange'), 0o755);
    expect((await run([join(folder, 'plain')])).output).toMatch(
      /is not executable for this user \(EACCES\)$/,
    );
    expect((await run([folder])).output).toMatch(/\(EACCES\)$/);
    expect((await run([join(folder, 'strange')])).output).toMatch(/or no interpreter/);
  });

  test('a missing working folder, arguments that are too long', async () => {
    expect((await run(['true'], { cwd: '/no/such/folder' })).output).toContain('no folder /no/such/folder');
    const long = Array.from({ length: 1_000 }, () => 'x'.repeat(32_000));
    expect(await run(['true', ...long])).toMatchObject({
      status: 'error',
      output: `can't be started: "true" (E2BIG)`,
    });
  });

  test('and no slot is lost by it', async () => {
    const checker = createChecker({ inFlight: 1 });
    const long = Array.from({ length: 1_000 }, () => 'x'.repeat(32_000));
    for (const command of [['no-such-program-here'], ['true', ...long], ['no-such-program-here']]) {
      await run(command, { checker });
    }
    expect(await sh('echo here', { checker })).toMatchObject({ output: 'here' });
  });
});

describe('a script is told', () => {
  const NAMES = `tr '\\0' '\\n' < /proc/$$/environ | cut -d = -f 1 | sort | tr '\\n' ' '`;

  test('the target, what the check says, and nothing else', async () => {
    const record = { name: 'pay', instance: 'a; b' } as ServiceRecord;
    const given = { record, env: { KEY: 'k', HOST: 'mine' } };
    expect((await sh(NAMES, given)).output).toBe('HOST INSTANCE_ID KEY PATH PORT SERVICE_NAME');
    expect((await sh('echo "$KEY,$HOST,$PORT,$SERVICE_NAME,$INSTANCE_ID"', given)).output).toBe(
      'k,127.0.0.1,9,pay,a; b',
    );
    expect((await sh(NAMES)).output).toBe('HOST PATH PORT');
  });

  test('no more in a whole registry, where its folder is that of the config file', async () => {
    process.env.ROLLCALL_TEST_SECRET = 'x';
    let api: PluginApi | undefined;
    const asker = definePlugin({
      name: 'asker',
      setup(given) {
        api = given;
      },
    });
    const folder = await tempFolder({ 'check.sh': `#!/bin/sh\n${NAMES}` });
    await chmod(join(folder, 'check.sh'), 0o755);
    const registry = await createRegistry({
      config: { store: 'memory', plugins: ['script-checker', asker] },
      folder,
      builtins,
      logger: silentLogger,
    });
    try {
      await registry.start();
      const verdict = await api?.check(
        'script',
        { host: '127.0.0.1', port: 9 },
        { options: { command: ['./check.sh'] }, timeoutMs: 10_000 },
      );
      expect(verdict?.output.replace('LANG ', '')).toBe('HOST PATH PORT');
    } finally {
      delete process.env.ROLLCALL_TEST_SECRET;
      await registry.stop();
    }
  });

  test('nothing to read', async () => {
    expect(await sh('cat; echo read it')).toMatchObject({ output: 'read it' });
  });
});

test('it says that it runs programs, so that it is not taken from a registration as it stands', () => {
  expect(createChecker().runsCommands).toBe(true);
});

test.each([
  [{}],
  [{ command: 'true' }],
  [{ command: [] }],
  [{ command: [''] }],
  [{ command: ['true', 'a\0b'] }],
  [{ command: ['true'], env: { 'A=B': 'c' } }],
  [{ command: ['true'], env: { A: 'c\0' } }],
  [{ command: ['true'], cwd: '' }],
])('refuses %j', (given) => {
  expect(createChecker().options.safeParse(given).success).toBe(false);
});

const CHECK_TCP = '/usr/lib/nagios/plugins/check_tcp';
const nagios = needsPackages('monitoring-plugins-basic', CHECK_TCP);

test.skipIf(!nagios.isMet)(`a plugin of Nagios is understood${nagios.note}`, async () => {
  const server = createServer((socket) => socket.on('error', () => {}).end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const ask = (...more: string[]) => run([CHECK_TCP, '-H', '127.0.0.1', '-p', String(port), ...more]);
  expect(await ask()).toMatchObject({
    status: 'running',
    output: expect.stringMatching(/^TCP OK - [\d.]+ second response time on 127.0.0.1 port \d+$/),
  });
  expect(await ask('-w', '0')).toMatchObject({
    status: 'degraded',
    output: expect.stringMatching(/^TCP WARNING/),
  });
  expect(await ask('-w', '0', '-c', '0')).toMatchObject({
    status: 'error',
    output: expect.stringMatching(/^TCP CRITICAL/),
  });
  server.close();
  await once(server, 'close');
  expect(await ask()).toMatchObject({ status: 'error', output: expect.stringContaining('refused') });
  expect(await ask('--no-such-option')).toMatchObject({ status: 'error' });
});
