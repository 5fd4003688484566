import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createRegistry, type Registry, silentLogger } from '../../core/index.js';
import { builtins } from '../../plugins/index.js';
import { rollcall } from '../support/rollcall-process.js';

let registry: Registry;
let env: NodeJS.ProcessEnv;
let folder: string;

beforeAll(async () => {
  registry = await createRegistry({
    config: { store: 'memory', plugins: [['xml-rpc', { port: 0 }]] },
    builtins,
    logger: silentLogger,
  });
  await registry.start();
  env = { ROLLCALL_URL: registry.doors[0]?.url };
  folder = await mkdtemp(join(tmpdir(), 'rollcall-cli-'));
});
afterAll(async () => {
  await registry.stop();
  await rm(folder, { recursive: true, force: true });
});
afterEach(async () => {
  for (const { name } of [...registry.services.names()]) await registry.services.unregister(name);
});

const run = (...args: string[]) => rollcall(args, { env });

describe('the command line', () => {
  test('registers, lists, looks up and unregisters, with a table for people', async () => {
    const registered = await run('register', 'payments', '127.0.0.1', '9000');
    expect(registered).toMatchObject({ code: 0, err: '' });
    expect(registered.out).toMatch(/^\d+\n$/);
    const id = registered.out.trim();
    expect((await run('services')).out.split('\n')).toEqual([
      'NAME      ID  ADDRESS         STATUS   REASON'.replace('ID', 'ID'.padEnd(Math.max(2, id.length))),
      `payments  ${id.padEnd(2)}  127.0.0.1:9000  running`,
      '',
    ]);
    expect((await run('lookup', 'payments')).out).toContain('127.0.0.1:9000');
    expect(await run('unregister', 'payments')).toMatchObject({ code: 0, out: 'Removed "payments".\n' });
  });

  test('takes an empty ROLLCALL_URL for none, as its client does', async () => {
    const { err } = await rollcall(['call', 'no_such_method'], { env: { ROLLCALL_URL: '' } });
    // Either nothing listens at the default address, or whoever does has no such method.
    expect(err).toMatch(/^rollcall: (UNREACHABLE: .*127\.0\.0\.1:8800|METHOD_NOT_FOUND)/);
  });

  test('lists every instance, however many there are and however little the door answers at once', async () => {
    const many = await createRegistry({
      config: { store: 'memory', plugins: [['xml-rpc', { port: 0, maxAnswer: 256 * 1024 }]] },
      builtins,
      logger: silentLogger,
    });
    await many.start();
    try {
      // More than the registry sorts for a caller.
      for (let n = 0; n < 20_001; n++) {
        await many.services.register({ name: n % 2 ? 'b' : 'a', host: '127.0.0.1', port: 1 + n });
      }
      const { out, err } = await rollcall(['services', '--json'], {
        env: { ROLLCALL_URL: many.doors[0]?.url },
      });
      expect(err).toBe('');
      const rows = JSON.parse(out) as { name: string; port: number }[];
      expect(rows.map(({ port }) => port)).toEqual([
        ...Array.from({ length: 10_001 }, (_, at) => 1 + 2 * at),
        ...Array.from({ length: 10_000 }, (_, at) => 2 + 2 * at),
      ]);
    } finally {
      await many.stop();
    }
  });

  test('answers programs with JSON', async () => {
    await run(
      'register',
      'payments',
      '127.0.0.1',
      '9000',
      '--tag',
      'blue',
      '--instance',
      'one',
      '--ttl',
      '30s',
    );
    expect(JSON.parse((await run('services', '--json')).out)).toMatchObject([
      {
        name: 'payments',
        instance: 'one',
        host: '127.0.0.1',
        port: 9000,
        status: 'running',
        tags: ['blue'],
        ttl: 30_000,
      },
    ]);
    expect(JSON.parse((await run('lookup', 'payments', '--json')).out)).toHaveLength(1);
    expect(JSON.parse((await run('unregister', 'payments', '--json')).out)).toEqual({ removed: true });
  });

  test('tells by its exit code what became of the command', async () => {
    expect((await run('lookup', 'nobody')).code).toBe(3);
    expect((await run('unregister', 'nobody')).code).toBe(3);
    expect((await run('register', 'payments', '127.0.0.1', 'http')).code).toBe(1);
    expect((await run('register', 'payments')).code).toBe(2);
    expect((await run('regsiter')).code).toBe(2);
    expect(await run('services', '--status', 'runing')).toMatchObject({
      code: 2,
      err: expect.stringContaining('Expected one of running, stopped, error'),
    });
    const away = await run('services', '--url', 'http://127.0.0.1:1');
    expect(away.code).toBe(4);
    expect(away.err).toMatch(/UNREACHABLE: The registry at http:\/\/127\.0\.0\.1:1 .*rollcall start/);
    expect((await run('services', '--url', 'nonsense')).err).toContain(
      '"nonsense" is no address of a registry',
    );
  });

  test('does not let a name from outside draw on the terminal', async () => {
    await registry.services.register({ name: 'pay\u009b31mments', host: '127.0.0.1', port: 9000 });
    const { out } = await run('services');
    expect(out).toContain('pay\\x9b31mments');
  });

  test('explains itself', async () => {
    const { out, code } = await run('--help');
    expect(code).toBe(0);
    for (const word of ['start', 'services', 'lookup', 'register', 'unregister', 'config', 'Exit codes'])
      expect(out).toContain(word);
    expect((await run('--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test('says whether a configuration is right, and starts nothing', async () => {
    const right = join(folder, 'right.json');
    const wrong = join(folder, 'wrong.json');
    await writeFile(right, JSON.stringify({ store: 'memory', plugins: [['xml-rpc', { port: 0 }]] }));
    await writeFile(wrong, JSON.stringify({ store: 'memory', plugins: [['xml-rpc', { prot: 8800 }]] }));
    expect(await run('config', 'check', '--config', right)).toMatchObject({
      code: 0,
      out: `${right} is right. Store: memory. Plugins: xml-rpc.\n`,
    });
    const { code, err } = await run('config', 'check', '--config', wrong);
    expect(code).toBe(1);
    expect(err).toContain('PLUGIN_OPTIONS');
    for (const part of [wrong, '"xml-rpc"', '"prot"', 'Did you mean "port"?']) expect(err).toContain(part);
  });
});
