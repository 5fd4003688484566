import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import xmlrpc from 'xmlrpc';
import { needs } from '../support/needs.js';
import { RollcallProcess, rollcall } from '../support/rollcall-process.js';

const echoService = fileURLToPath(new URL('../../docs/examples/echo-service.js', import.meta.url));

/** The repository's own configuration, but for the port and for checks that do not let a test wait. */
const CONFIG = `export default {
  store: ['file', { path: './data' }],
  plugins: [
    ['xml-rpc', { port: 0 }],
    ['monitor', { interval: '100ms', timeout: '1s', failures: 3 }],
    'tcp-checker',
    ['supervisor', { services: { echo: { spawner: 'process', command: ['node', ${JSON.stringify(echoService)}], instances: 1 } } }],
    'process-spawner',
  ],
};`;
const WAIT = { timeout: 15_000, interval: 20 };

interface Found {
  readonly id: number;
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly status: string;
  readonly reason: string;
}
interface Process {
  readonly pid: number;
  readonly state: string;
  readonly instance: string;
}

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function started(config = CONFIG): Promise<RollcallProcess> {
  const registry = await RollcallProcess.create(config);
  cleanups.push(() => registry.dispose());
  await registry.start();
  return registry;
}

async function json<T>(registry: RollcallProcess, ...args: string[]): Promise<T> {
  const { out, err, code } = await rollcall([...args, '--url', registry.url, '--json']);
  if (out === '') throw new Error(`exit ${code}: ${err}`);
  return JSON.parse(out) as T;
}

const lookup = (registry: RollcallProcess, name: string) => json<Found[]>(registry, 'lookup', name);
const services = (registry: RollcallProcess) => json<Found[]>(registry, 'services');
const ps = (registry: RollcallProcess) => json<Process[]>(registry, 'ps');

async function running(registry: RollcallProcess): Promise<Process> {
  await expect.poll(async () => (await ps(registry))[0]?.state, WAIT).toBe('RUNNING');
  const [process] = await ps(registry);
  if (process === undefined) throw new Error('no process');
  return process;
}

function listen(port = 0): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
const close = (server: Server) => new Promise((resolve) => server.close(resolve));
const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const python = needs('python3', '--version');

describe('a newcomer', () => {
  test('sees where each door listens, what is loaded, and one line to try', async () => {
    const { output, url } = await started();
    expect(output).toContain(url);
    for (const plugin of ['xml-rpc', 'monitor', 'tcp-checker', 'supervisor', 'process-spawner'])
      expect(output).toContain(plugin);
    expect(output).toContain(`npx rollcall register payments 127.0.0.1 9000 --url ${url}`);
  });

  test('registers from the npm xmlrpc client, at / and at /RPC2', async () => {
    const { url } = await started();
    for (const path of ['/', '/RPC2']) {
      const client = xmlrpc.createClient(url + path);
      const call = (method: string, ...params: unknown[]) =>
        new Promise((resolve, reject) => {
          client.methodCall(method, params, (error: unknown, value: unknown) =>
            error ? reject(error) : resolve(value),
          );
        });
      const id = await call('register', `from${path}`, '127.0.0.1', 9000, 1);
      expect(id).toBeGreaterThanOrEqual(1);
      expect(await call('get_service_details', `from${path}`)).toEqual(['127.0.0.1', 9000]);
    }
  });

  test.skipIf(!python.isMet)(`registers from Python's xmlrpc.client${python.note}`, async () => {
    const { url } = await started();
    const script = `
import json, xmlrpc.client as x
s = x.ServerProxy('${url}')
i = s.register('payments', '127.0.0.1', 9000, 1)
out = [i > 0, s.get_service_details('payments'), s.register('payments', '127.0.0.1', 9000) == i, s.update_status('payments', 0),
  s.update_status('nobody', 1), s.register('odd', 'http://127.0.0.1', '9001') > i, s.get_service_details('odd'), s.get_service_details('nobody'),
  sorted((v['name'], v['status'], v['id'] == int(k)) for k, v in json.loads(s.get_all_service_details()).items() if v['name'] != 'echo'),
  s.unregister('odd'), s.unregister('odd')]
try:
    s.register('payments')
except x.Fault as fault:
    out.append(fault.faultCode)
try:
    s.no_such_method()
except x.Fault as fault:
    out.append(fault.faultCode)
print(json.dumps(out))`;
    const { stdout, stderr } = spawnSync('python3', ['-c', script], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual([
      true,
      ['127.0.0.1', 9000],
      true,
      true,
      false,
      true,
      ['http://127.0.0.1', '9001'],
      false,
      [
        ['odd', 1, true],
        ['payments', 0, true],
      ],
      true,
      false,
      -32602,
      -32601,
    ]);
  });

  test("pastes the README's commands one after another, and each does what it says", async () => {
    const registry = await started(CONFIG.replace("interval: '100ms'", "interval: '10s'"));
    await running(registry);
    const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
    const commands = [...readme.matchAll(/^npx rollcall (.+?)(?:\s+#.*)?$/gm)].map(
      ([, command = '']) => command,
    );
    expect(commands.length).toBeGreaterThanOrEqual(7);
    for (const command of commands) {
      const { code, err } = await rollcall([...command.split(' '), '--url', registry.url]);
      expect({ command, code, err: err.replace('No instance is error.\n', '') }).toEqual({
        command,
        code: 0,
        err: '',
      });
    }
  });

  test.skipIf(!python.isMet)(`pastes the Python that the docs show${python.note}`, async () => {
    const page = await readFile(new URL('../../docs/xml-rpc.md', import.meta.url), 'utf8');
    const shown = [...page.matchAll(/```python\n([\s\S]*?)```/g)].map(([, block]) => block).join('\n');
    const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
    const [, line = ''] = /^python3 -c "(.*)"$/m.exec(readme) ?? [];
    for (const script of [shown, line]) {
      // One of its own, since both register payments, whose instances take turns.
      const { url } = await started();
      const { stdout, stderr } = spawnSync('python3', ['-c', script.replace('http://127.0.0.1:8800', url)], {
        encoding: 'utf8',
      });
      expect(stderr).toBe('');
      expect(stdout).toContain("['127.0.0.1', 9000]");
      if (script === shown) expect(stdout).toMatch(/\n127\.0\.0\.1 9000\n\[\d+, \d+\]\n$/);
    }
  });

  test('kills the example service: it is gone from lookups at once, and a new one runs', async () => {
    const registry = await started();
    const { pid, instance } = await running(registry);
    const [before] = await lookup(registry, 'echo');
    expect(await (await fetch(`http://${before?.host}:${before?.port}/`)).json()).toMatchObject({ instance });
    process.kill(pid, 'SIGKILL');
    await expect
      .poll(async () => (await lookup(registry, 'echo')).some(({ id }) => id === before?.id), WAIT)
      .toBe(false);
    await expect.poll(async () => (await lookup(registry, 'echo')).length, WAIT).toBe(1);
    expect((await running(registry)).pid).not.toBe(pid);
  });

  test('sees a service whose port dies turn to error with a reason, and back when it returns', async () => {
    const registry = await started();
    const server = await listen();
    const { port } = server.address() as { port: number };
    await rollcall(['register', 'payments', '127.0.0.1', String(port), '--url', registry.url]);
    expect(await lookup(registry, 'payments')).toHaveLength(1);
    await close(server);
    const find = async () => (await services(registry)).find(({ name }) => name === 'payments');
    await expect.poll(async () => (await find())?.status, WAIT).toBe('error');
    expect((await find())?.reason).toContain('ECONNREFUSED');
    expect(await lookup(registry, 'payments')).toEqual([]);
    const again = await listen(port);
    cleanups.push(() => close(again));
    await expect.poll(async () => (await find())?.status, WAIT).toBe('running');
  });

  test('kills the registry: every answered registration is there after a new start, and the example is adopted', async () => {
    const registry = await started();
    const { pid } = await running(registry);
    for (let index = 0; index < 20; index++) {
      const { code } = await rollcall([
        'register',
        `service-${index}`,
        '127.0.0.1',
        String(9_000 + index),
        '--url',
        registry.url,
      ]);
      expect(code).toBe(0);
    }
    await rollcall(['unregister', 'service-7', '--url', registry.url]);
    await registry.kill('SIGKILL');
    expect(isAlive(pid)).toBe(true);
    await registry.start();
    const names = (await services(registry)).map(({ name }) => name);
    for (let index = 0; index < 20; index++) expect(names.includes(`service-${index}`)).toBe(index !== 7);
    expect((await running(registry)).pid).toBe(pid);
    expect(await ps(registry)).toHaveLength(1);
    expect(await lookup(registry, 'echo')).toHaveLength(1);
  });

  test('stops the registry with SIGTERM: it ends with 0, and the service it started ends with it', async () => {
    const registry = await started();
    const { pid } = await running(registry);
    expect(await registry.kill('SIGTERM')).toBe(0);
    await expect.poll(() => isAlive(pid), WAIT).toBe(false);
  });

  test('starts a second registry on the same data: it is refused, and told who holds it', async () => {
    const registry = await started();
    const { code, err } = await rollcall(['start'], { folder: registry.folder });
    expect(code).toBe(1);
    expect(err).toContain('STORE_LOCKED');
    expect(err).toContain(String(registry.pid));
  });
});
