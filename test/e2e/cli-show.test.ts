import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRegistry, type Registry, silentLogger } from '../../core/index.js';
import { builtins } from '../../plugins/index.js';
import { rollcall } from '../support/rollcall-process.js';

const server = createServer();
let registry: Registry;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  registry = await createRegistry({
    config: {
      store: 'memory',
      plugins: [['xml-rpc', { port: 0 }], ['monitor', { interval: '200ms', failures: 2 }], 'tcp-checker'],
    },
    builtins,
    logger: silentLogger,
  });
  await registry.start();
  env = { ROLLCALL_URL: registry.doors[0]?.url };
});
afterAll(async () => {
  await registry.stop();
  server.close();
});

/** Resolves when an instance has become this. */
const until = (instance: string, status: string) =>
  new Promise<void>((resolve) => {
    const watch = registry.services.watch(undefined, ({ changes }) => {
      if (!changes.some(({ record }) => record?.instance === instance && record.status === status)) return;
      watch.close();
      resolve();
    });
  });
const show = (...args: string[]) => rollcall(['show', ...args], { env });

describe('rollcall show', () => {
  test('says why a service is as it is: checks, leases, and who has spoken', async () => {
    const { port } = server.address() as { port: number };
    const dead = until('dead', 'error');
    await registry.services.register({ name: 'payments', host: '127.0.0.1', port: 1, instance: 'dead' });
    await registry.services.register({
      ...{ name: 'payments', host: '127.0.0.1', port, instance: 'well', ttlMs: 600_000 },
      ...{ version: '2.1', tags: ['eu', 'blue'] },
      checks: [{ kind: 'tcp', interval: '1s' }, { kind: 'tpc' }],
    });
    await dead;
    const { out, code } = await show('payments');
    expect(code).toBe(0);
    const time = '\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\dZ';
    const lines = [
      'dead  \\(id \\d+\\)  at 127\\.0\\.0\\.1:1  error: tcp 127\\.0\\.0\\.1:1: ECONNREFUSED \\(2 failures\\)',
      `  registered ${time} by internal`,
      '    CHECK  STATUS  IN A ROW  TOOK +AT +OUTPUT',
      `    tcp    error   \\d+ +\\d\\.\\d ms +${time} +ECONNREFUSED`,
      '',
      `well  \\(id \\d+\\)  at 127\\.0\\.0\\.1:${port}  running`,
      `  registered ${time} by internal`,
      '  version 2\\.1',
      '  tags eu, blue',
      '  lease of 600 s runs for another \\d+(\\.\\d)? s',
      '    CHECK  STATUS +IN A ROW  TOOK +AT +OUTPUT',
      `    tcp    running +\\d+\\.\\d ms +${time} +connected`,
      '    tpc    not yet +no verdict: No plugin offers the checker "tpc"\\. Did you mean "tcp"\\?',
      '',
    ];
    expect(out).toMatch(new RegExp(`^${lines.join('\n')}$`));
  });

  test('answers programs with JSON, and says when there is nothing of that name', async () => {
    const { out } = await show('payments', '--json');
    expect(JSON.parse(out)).toMatchObject([
      {
        ...{ instance: 'dead', status: 'error', voices: { check: { status: 'error' } } },
        checks: [{ kind: 'tcp', status: 'error', output: 'ECONNREFUSED' }],
      },
      { instance: 'well', status: 'running', checks: [{ status: 'running' }, { kind: 'tpc' }] },
    ]);
    expect(await show('nobody')).toMatchObject({ code: 3, out: '', err: '"nobody" is not registered.\n' });
    expect(await show('nobody', '--json')).toMatchObject({ code: 3, out: '[]\n' });
  });

  test('tells who has spoken, where that is more than one, and draws nothing on the terminal', async () => {
    const name = 'or\u009b31mders';
    await registry.services.register({
      ...{ name, host: '127.0.0.1', port: 1, instance: 'a\u009b', checks: [{ kind: 'x\u009b' }] },
    });
    await registry.services.manage(name, 'a\u009b', { status: 'draining', reason: 'told to stop' });
    registry.services.observe(name, 'a\u009b', { status: 'degraded', reason: 'slow' });
    const { out } = await show(name);
    expect(out).toContain('  managed: draining, told to stop\n  check: degraded, slow\n');
    expect(out).not.toContain('\u009b');
  });
});
