import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createRegistry, silentLogger } from '../../../../core/index.js';
import xmlRpc from '../../../../plugins/transports/xml-rpc/index.js';
import { needs } from '../../../support/needs.js';
import { tempFolder } from '../../../support/temp-folder.js';
import { freePort, QUIET_HOST } from '../raw-peer.js';
import { check } from './calling.js';

const python = needs('python3', '-c', 'import xmlrpc.server');
const supervisord = needs('supervisord', '--version');

type Case = readonly [options: object, status: string, output: string | RegExp];

async function expectAll(target: { host: string; port: number }, cases: readonly Case[]): Promise<void> {
  for (const [options, status, output] of cases) {
    const verdict = await check(target, options);
    expect(verdict.output).toMatch(output);
    expect(verdict).toMatchObject({ status });
  }
}

/** Runs until the test ends. */
function start(command: string, args: readonly string[]) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const exited = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  return child;
}

test('a Rollcall registry is called as any registry may be', async () => {
  const registry = await createRegistry({
    config: { store: 'memory', plugins: [[xmlRpc, { port: 0 }]] },
    logger: silentLogger,
  });
  onTestFinished(() => registry.stop());
  await registry.start();
  const { port } = new URL(registry.doors[0]?.url ?? '');
  await expectAll({ host: '127.0.0.1', port: Number(port) }, [
    [{}, 'running', /^system\.listMethods: an array of \d+$/],
    [{ method: 'get_reg_count', expect: 0 }, 'running', 'get_reg_count: 0'],
    [{ method: 'get_reg_count', expect: 1 }, 'error', 'get_reg_count: 0, expected 1'],
    [{ method: 'none' }, 'error', /^none: fault -32601: /],
  ]);
});

const SERVER = `
import sys
from xmlrpc.server import SimpleXMLRPCServer
server = SimpleXMLRPCServer(('127.0.0.1', 0), logRequests=False, allow_none=True)
server.register_introspection_functions()
server.register_function(lambda *params: list(params), 'echo')
server.register_function(lambda: 1 / 0, 'fail')
print(server.server_address[1], flush=True)
server.serve_forever()
`;

describe.skipIf(!python.isMet)(`Python's xmlrpc.server${python.note}`, () => {
  test('is called, and what it says is understood', async () => {
    const child = start('python3', ['-c', SERVER]);
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const params = [1, 2.5, 'é<', null, true, { list: [1] }];
    await expectAll({ host: '127.0.0.1', port: Number(line.toString()) }, [
      [{}, 'running', 'system.listMethods: an array of 5'],
      [{ method: 'echo', params, expect: params }, 'running', 'echo: an array of 6'],
      [{ method: 'fail' }, 'error', /^fail: fault 1: .*ZeroDivisionError/],
      [{ path: '/other' }, 'error', 'system.listMethods: HTTP 404 Not Found'],
    ]);
  });
});

describe.skipIf(!supervisord.isMet)(`Supervisor's own door${supervisord.note}`, () => {
  test('is called, with its user and password, and what it says is understood', async () => {
    const { host, port } = await freePort(QUIET_HOST);
    const folder = await tempFolder({
      'supervisord.conf': `
[supervisord]
nodaemon = true
logfile = /dev/null
logfile_maxbytes = 0
pidfile = %(here)s/supervisord.pid
[inet_http_server]
port = ${host}:${port}
username = ann
password = secret
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[program:idle]
command = sleep 600
autostart = false
`,
    });
    start('supervisord', ['-c', join(folder, 'supervisord.conf')]);
    const target = { host, port };
    await expect
      .poll(() => check(target).then(({ output }) => output), { timeout: 15_000 })
      .not.toBe('ECONNREFUSED');
    const ann = { user: 'ann', password: 'secret' };
    await expectAll(target, [
      [{ ...ann }, 'running', /^system\.listMethods: an array of \d\d$/],
      [
        { ...ann, method: 'supervisor.getState', expect: { statecode: 1, statename: 'RUNNING' } },
        'running',
        /a struct of 2$/,
      ],
      [{ ...ann, method: 'supervisor.getProcessInfo', params: ['idle'] }, 'running', /a struct of \d+$/],
      [
        { ...ann, method: 'supervisor.getProcessInfo', params: ['none'] },
        'error',
        /fault 10: BAD_NAME: none$/,
      ],
      [{ user: 'ann', password: 'wrong' }, 'error', 'system.listMethods: HTTP 401 Unauthorized'],
      [{}, 'error', 'system.listMethods: HTTP 401 Unauthorized'],
    ]);
  });
});
