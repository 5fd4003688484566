import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { createRegistry, type Registry, silentLogger } from '../../core/index.js';
import { builtins } from '../../plugins/index.js';
import { needs } from '../support/needs.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const WAIT = { timeout: 15_000, interval: 20 };

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function startRegistry(port = 0): Promise<Registry> {
  const registry = await createRegistry({
    config: { store: 'memory', plugins: [['xml-rpc', { port }]] },
    builtins,
    logger: silentLogger,
  });
  cleanups.push(() => registry.stop());
  await registry.start();
  return registry;
}

/** Runs an example from the repository, as its first lines say. */
function run(url: string, command: string, ...args: string[]) {
  const child: ChildProcess = spawn(command, args, {
    cwd: root,
    env: { ...process.env, ROLLCALL_URL: url, PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
  }
  const isOver = () => child.exitCode !== null || child.signalCode !== null;
  const end = async (signal: NodeJS.Signals) => {
    if (isOver()) return [child.exitCode, child.signalCode];
    child.kill(signal);
    return once(child, 'exit');
  };
  cleanups.push(() => end('SIGKILL'));
  const says = async (text: string | RegExp) => {
    await expect
      .poll(() => {
        if (isOver() && !output.match(text)) throw new Error(`it ended: ${output}`);
        return output;
      }, WAIT)
      .toMatch(text);
    return output;
  };
  return { end, says };
}

const example = (name: string) => `docs/examples/${name}`;
const urlOf = (registry: Registry) => registry.doors[0]?.url ?? '';
const text = async (host: string, path = '/') => (await fetch(`http://${host}${path}`)).text();

describe('the examples of the client', () => {
  test('on node:http: two find each other, and are unregistered when they are stopped', async () => {
    const registry = await startRegistry();
    const { services } = registry;
    const first = run(urlOf(registry), process.execPath, example('client-http.js'));
    await first.says('hello listens on');
    const [one] = services.lookup('hello').records;
    expect(await text(`127.0.0.1:${one?.port}`, '/peer')).toBe('there is no other one\n');
    await run(urlOf(registry), process.execPath, example('client-http.js')).says('hello listens on');
    const other = services.lookup('hello').records.find(({ port }) => port !== one?.port);
    await expect
      .poll(() => text(`127.0.0.1:${one?.port}`, '/peer'), WAIT)
      .toBe(`hello from ${other?.port}\n`);
    expect(await first.end('SIGTERM')).toEqual([null, 'SIGTERM']);
    expect(services.count()).toBe(1);
  });

  test('on Fastify: it is called by what is registered, and ends by itself when it is stopped', async () => {
    const registry = await startRegistry();
    const { services } = registry;
    const service = run(urlOf(registry), process.execPath, example('client-fastify.js'));
    await service.says('payments listens on port');
    const [found] = services.lookup('payments').records;
    expect(found?.tags).toEqual(['fastify']);
    expect(await text(`localhost:${found?.port}`)).toBe('{"paid":true}');
    expect(await service.end('SIGTERM')).toEqual([0, null]);
    expect(services.count()).toBe(0);
  });

  test('that watches: it tells what is there, what changes, and when no registry answers', async () => {
    const registry = await startRegistry();
    const { services } = registry;
    const url = urlOf(registry);
    await services.register({ name: 'echo', host: '10.0.0.1', port: 1 });
    const { says } = run(url, process.execPath, example('client-watch.js'));
    await says('registered: 10.0.0.1:1 is running\n');
    await services.updateStatus('echo', 'draining');
    await says('changed: 10.0.0.1:1 is draining reported by the instance\n');
    await registry.stop();
    await says(/no registry answers: The registry at .* did not answer/);
    await startRegistry(Number(new URL(url).port));
    await says('answers again');
  });
});

const python = needs('python3', '-c', 'import xmlrpc.client');

describe.skipIf(!python.isMet)(`the example in Python${python.note}`, () => {
  async function freePort(): Promise<number> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    server.close();
    await once(server, 'close');
    return port;
  }

  test('registers, looks up from its cache while no registry answers, registers again, and unregisters', async () => {
    const port = await freePort();
    const first = await startRegistry(port);
    const service = run(urlOf(first), 'python3', example('python_service.py'));
    await service.says('hello-py listens on');
    const [me] = first.services.lookup('hello-py').records;
    expect(me?.ttlMs).toBe(15_000);
    const address = `127.0.0.1:${me?.port}`;
    await expect.poll(() => text(address), WAIT).toBe(`${address}\n`);

    await first.services.register({ name: 'hello-py', host: '10.0.0.1', port: 1 });
    await expect.poll(() => text(address), WAIT).toBe(`${address}\n10.0.0.1:1\n`);
    await first.services.updateStatus('hello-py', 'error', { instance: '10.0.0.1:1' });
    await expect.poll(() => text(address), WAIT).toBe(`${address}\n`);

    await first.stop();
    await service.says('is not followed');
    expect(await text(address)).toBe(`${address}\n`);
    // Something else answers there meanwhile, with a page: no reason to give up either.
    const stranger = createHttpServer((_, response) => response.end('<!doctype html><br>')).listen(
      port,
      '127.0.0.1',
    );
    await service.says('not registered: syntax error');
    await service.says('is not followed: syntax error');
    stranger.closeAllConnections();
    await new Promise((resolve) => stranger.close(resolve));
    const second = await startRegistry(port);
    await expect.poll(() => second.services.lookup('hello-py').records.length, WAIT).toBe(1);
    await expect.poll(() => text(address), WAIT).toBe(`${address}\n`);
    expect(await service.end('SIGTERM')).toEqual([0, null]);
    expect(second.services.count()).toBe(0);
  });
});
