import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import xmlrpc from 'xmlrpc';
import {
  type AccessRequest,
  createRegistry,
  definePlugin,
  type Registry,
  type RegistryPlugin,
  silentLogger,
} from '../../../../core/index.js';
import xmlRpc from '../../../../plugins/transports/xml-rpc/index.js';
import type { ChangesStruct } from '../../../../plugins/transports/xml-rpc/methods/types.js';
import { needs } from '../../../support/needs.js';

const python = needs('python3', '--version');
const registries: Registry[] = [];
const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const gone = once(child, 'exit');
    child.kill();
    await gone;
  }
  for (const registry of registries.splice(0)) await registry.stop();
});

async function start(...plugins: RegistryPlugin[]) {
  const config = { store: 'memory', plugins: [[xmlRpc, { port: 0 }], ...plugins] as never };
  const registry = await createRegistry({ config, logger: silentLogger });
  registries.push(registry);
  await registry.start();
  const url = registry.doors[0]?.url ?? '';
  const client = xmlrpc.createClient({ url: `${url}/RPC2` });
  const call = (method: string, ...params: unknown[]): Promise<unknown> =>
    promisify(client.methodCall.bind(client))(method, params);
  return {
    registry,
    url,
    call,
    wait: (...params: [string, number, string?]) =>
      call('wait_for_change', ...(params as string[])) as Promise<ChangesStruct>,
  };
}

const ECHO = { name: 'echo', instance: 'a', host: '10.0.0.1', port: 9000 };

describe('over HTTP', () => {
  it('the stock client of Node waits, is told of a change, and of another with its next call', async () => {
    const { registry, wait } = await start();
    const { cursor, reset } = await wait('', 30, 'echo');
    expect(reset).toBe(true);
    const first = wait(cursor, 30, 'echo');
    await registry.services.register(ECHO);
    const answer = await first;
    expect(answer).toMatchObject({
      reset: false,
      changes: [{ kind: 'registered', instance: { id: 1, port: 9000, status: 1 } }],
    });
    const second = wait(answer.cursor, 30, 'echo');
    registry.services.exited('echo', 'a', 'killed');
    expect((await second).changes).toMatchObject([
      { kind: 'changed', instance: { status: 0, reason: 'killed' } },
    ]);
  });

  it('a hundred clients that wait get the same change', async () => {
    const { registry, wait } = await start();
    const { cursor } = await wait('', 30);
    const waits = Array.from({ length: 100 }, () => wait(cursor, 30));
    // Their calls have been read once this one is answered, which came last.
    await wait(cursor, 0);
    await registry.services.register(ECHO);
    for (const { changes } of await Promise.all(waits)) expect(changes).toHaveLength(1);
  });

  it('who waits when the registry stops is told so at once', async () => {
    const { registry, wait } = await start();
    const { cursor } = await wait('', 30);
    const waiting = wait(cursor, 300);
    await wait(cursor, 0);
    const stopped = registry.stop();
    await expect(waiting).rejects.toMatchObject({ faultCode: 1010 });
    await stopped;
  });

  it.each([
    [['', 301], /timeout_s must be from 0 to 300, not 301/],
    [['', -1], /timeout_s must be from 0 to 300, not -1/],
    [['', 1, ''], /name/],
    [['', 1, 'x'.repeat(257)], /name/],
    [['', '1'], /timeout_s must be/],
    [[''], /takes 2 to 3 parameters, not 1/],
  ])('a wrong call (%j) is told what is expected', async (params, message) => {
    const { call } = await start();
    await expect(call('wait_for_change', ...(params as string[]))).rejects.toMatchObject({
      faultCode: -32602,
      message: expect.stringMatching(message),
    });
  });

  it('is refused within system.multicall, whose other calls would wait for it', async () => {
    const { call } = await start();
    const calls = [{ methodName: 'wait_for_change', params: ['', 30] }];
    expect(await call('system.multicall', calls)).toEqual([
      { faultCode: -32602, faultString: expect.stringContaining('cannot be called within system.multicall') },
    ]);
  });

  it('an access plugin is told which service is waited for', async () => {
    const asked: AccessRequest[] = [];
    const access = definePlugin({
      name: 'access',
      setup: (api) =>
        api.hooks.authorize.tap((request) => {
          asked.push(request);
          return request.service === 'echo'
            ? { allow: true, who: 'me' }
            : { allow: false, reason: 'Not yours.' };
        }),
    });
    const { wait } = await start(access);
    expect((await wait('', 0, 'echo')).reset).toBe(true);
    await expect(wait('', 0, 'other')).rejects.toThrow('Not yours.');
    await expect(wait('', 0)).rejects.toThrow('Not yours.');
    expect(asked.map(({ verb, service }) => [verb, service])).toEqual([
      ['read', 'echo'],
      ['read', 'other'],
      ['read', undefined],
    ]);
  });
});

describe('the Python of the docs', () => {
  it.skipIf(!python.isMet)(`keeps a list that is as the registry has it${python.note}`, async () => {
    const { registry, url } = await start();
    const page = readFileSync(new URL('../../../../docs/xml-rpc.md', import.meta.url), 'utf8');
    // `py`, not `python`: the page's other blocks are run together, and this one never ends.
    const [, script = ''] = /## Waiting for changes\n[\s\S]*?```py\n([\s\S]*?)```/.exec(page) ?? [];
    const child = spawn('python3', ['-c', script.replace('http://127.0.0.1:8800', url)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const until = async (ports: number[]) => {
      for (;;) {
        const { value, done } = await lines.next();
        if (done === true) throw new Error('the script has ended');
        if (value === JSON.stringify(ports).replaceAll(',', ', ')) return;
      }
    };
    await until([]);
    const payments = { name: 'payments', host: '10.0.0.1' };
    await registry.services.register({ ...payments, port: 9000 });
    await until([9000]);
    await registry.services.register({ ...payments, port: 9001 });
    await registry.services.register({ ...payments, name: 'other', port: 9002 });
    await until([9000, 9001]);
    registry.services.exited('payments', '10.0.0.1:9000', 'killed');
    await until([9001]);
    await registry.services.unregister('payments');
    await until([]);
  });
});
