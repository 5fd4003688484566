import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { createRegistry, definePlugin, type PluginApi, silentLogger } from '../../../../core/index.js';
import httpChecker from '../../../../plugins/checkers/http/index.js';
import tcpChecker from '../../../../plugins/checkers/tcp/index.js';

const PROGRAM = `
  const server = require('node:http').createServer((_request, response) => response.end('ok'));
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

async function startProgram(): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(process.execPath, ['-e', PROGRAM], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, port: Number(line.toString()) };
}

async function startRegistry(): Promise<PluginApi> {
  let given: PluginApi | undefined;
  const onlooker = definePlugin({
    name: 'onlooker',
    setup: (api) => {
      given = api;
    },
  });
  const registry = await createRegistry({
    config: { store: 'memory', plugins: [httpChecker, tcpChecker, onlooker] },
    logger: silentLogger,
  });
  onTestFinished(() => registry.stop());
  await registry.start();
  return given as PluginApi;
}

test.skipIf(process.platform === 'win32')(
  'a program that is stopped (SIGSTOP) is an error over http, while tcp finds it running',
  async () => {
    const { child, port } = await startProgram();
    const api = await startRegistry();
    const target = { host: '127.0.0.1', port };
    const check = (kind: string, timeoutMs: number) => api.check(kind, target, { timeoutMs });

    expect(await check('http', 10_000)).toMatchObject({ status: 'running' });
    child.kill('SIGSTOP');
    await expect
      .poll(() => execFileSync('ps', ['-o', 'state=', '-p', `${child.pid}`]).toString())
      .toMatch(/^T/);
    expect(await check('http', 300)).toMatchObject({ status: 'error', output: 'no answer within 300 ms' });
    expect(await check('tcp', 10_000)).toMatchObject({ status: 'running' });
    child.kill('SIGCONT');
    expect(await check('http', 10_000)).toMatchObject({ status: 'running' });
  },
);
