import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createRegistry, type Registry, silentLogger } from '../../core/index.js';
import { builtins } from '../../plugins/index.js';
import { tempFolder } from '../support/temp-folder.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

let registry: Registry;
let url = '';
beforeAll(async () => {
  registry = await createRegistry({
    config: { store: 'memory', plugins: [['xml-rpc', { port: 0 }]] },
    builtins,
    logger: silentLogger,
  });
  await registry.start();
  url = registry.doors[0]?.url ?? '';
});
afterAll(() => registry.stop());

const children: ChildProcess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await registry.services.unregister('payments');
});

/** A program that registers `payments` as it is installed with Rollcall, and says so. */
async function program(after: string, options = '') {
  const code = `
    import { RegistryClient } from 'rollcall/client';
    const reg = new RegistryClient();
    const me = await reg.register('payments', { port: 9000, ${options} });
    ${after}
    console.log('registered');
  `;
  const folder = await tempFolder({ 'program.mjs': code });
  await mkdir(join(folder, 'node_modules'));
  await symlink(root, join(folder, 'node_modules', 'rollcall'));
  const child = spawn(process.execPath, ['program.mjs'], {
    cwd: folder,
    env: { ...process.env, ROLLCALL_URL: url },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  children.push(child);
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output += chunk;
  });
  const ended = once(child, 'exit');
  const said = async (text: string) => {
    while (!output.includes(text))
      await Promise.race([
        once(child.stdout, 'data'),
        ended.then(() => {
          if (!output.includes(text)) throw new Error(output);
        }),
      ]);
  };
  return { child, said, ended, output: () => output };
}

const registered = () => [...registry.services.instances('payments')];
/** As if nothing came back any more. */
const HANGS = `
  process.stdin.resume();
  const { default: http } = await import('node:http');
  http.Agent.prototype.addRequest = () => console.log('hangs');
`;
const STAYS = 'process.stdin.resume();';

describe('a program that registered is unregistered', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('at %s, and ends by it as it would have', async (signal) => {
    const { child, said, ended } = await program(STAYS);
    await said('registered');
    expect(registered()).toMatchObject([{ host: '127.0.0.1', port: 9000, ttlMs: 15_000 }]);
    child.kill(signal);
    expect(await ended).toEqual([null, signal]);
    expect(registered()).toEqual([]);
  });

  test.each([
    ['when it has nothing left to do: the registration does not keep it alive', '', [0, null]],
    [
      'when it has nothing left to do, though it follows names',
      "await reg.lookup('payments'); await reg.choose('payments');",
      [0, null],
    ],
    ['when it closes its registration', 'await me.close();', [0, null]],
    ['when it closes its client', 'await reg.close();', [0, null]],
    ['when it calls process.exit', 'process.exit(3);', [3, null]],
    [
      'when it calls process.exit, also with several',
      "await reg.register('payments', { port: 9001 }); process.exit(3);",
      [3, null],
    ],
    ['when it throws what nobody catches', "queueMicrotask(() => { throw new Error('bug'); });", [1, null]],
    [
      'when it listens to SIGTERM itself and then exits',
      `process.on('SIGTERM', () => process.exit(5)); process.kill(process.pid, 'SIGTERM'); ${STAYS}`,
      [5, null],
    ],
    [
      'with another registration of another client, each',
      `await new RegistryClient().register('payments', { port: 9001 }); ${STAYS} process.kill(process.pid, 'SIGTERM');`,
      [null, 'SIGTERM'],
    ],
    [
      'when signal-exit ends it, which must believe to be alone to do so',
      `
      globalThis[Symbol.for('signal-exit emitter')] = { count: 1 };
      const listener = () => {
        if (process.listeners('SIGTERM').length !== 1) return;
        process.off('SIGTERM', listener);
        process.kill(process.pid, 'SIGTERM');
      };
      process.on('SIGTERM', listener);
      ${STAYS}
      process.kill(process.pid, 'SIGTERM');
      `,
      [null, 'SIGTERM'],
    ],
  ])('%s', async (_, after, end) => {
    const { ended } = await program(after);
    expect(await ended).toEqual(end);
    await expect.poll(registered).toEqual([]);
  });
});

describe('a program that registered', () => {
  test('stays registered at a signal that it handles and survives, and is unregistered at the next end', async () => {
    const { child, said, ended } = await program(`${STAYS}
      process.on('SIGTERM', () => {
        if (process.listenerCount('SIGTERM') !== 1) throw new Error('a listener that the program does not know');
        console.log('not now');
      });
      process.stdin.on('end', () => process.exit(0));`);
    await said('registered');
    child.kill('SIGTERM');
    await said('not now');
    expect(registered()).toHaveLength(1);
    child.stdin.end();
    expect(await ended).toEqual([0, null]);
    await expect.poll(registered).toEqual([]);
  });

  test('stays registered at its end where it asked for that, and leaves signals alone', async () => {
    const { child, said, ended } = await program(
      `${STAYS} if (process.listenerCount('SIGTERM') + process.listenerCount('SIGINT') > 0) process.exit(9);`,
      'unregisterOnExit: false',
    );
    await said('registered');
    child.kill('SIGTERM');
    expect(await ended).toEqual([null, 'SIGTERM']);
    expect(registered()).toHaveLength(1);
  });

  test('goes on running for its registration where it asked for that', async () => {
    const { child, said, ended } = await program(
      "setTimeout(() => console.log('still here'), 300).unref();",
      'keepAlive: true',
    );
    await said('still here');
    child.kill('SIGTERM');
    expect(await ended).toEqual([null, 'SIGTERM']);
  });

  test('that is killed is in error when its ttl has passed', async () => {
    const { child, said } = await program(STAYS, 'ttlMs: 1_000');
    await said('registered');
    child.kill('SIGKILL');
    await expect.poll(() => registered()[0]?.status, { timeout: 10_000 }).toBe('error');
    expect(registered()[0]?.reason).toContain('no heartbeat');
  });

  test('has none of our listeners left when it is closed', async () => {
    const { ended, output } = await program(`
      const count = () => ['SIGTERM', 'SIGINT', 'exit', 'beforeExit'].map((name) => process.listenerCount(name));
      const before = count();
      await me.close();
      console.log(before.map((one, index) => one - count()[index]).join(), process.listenerCount('SIGTERM'));`);
    await ended;
    expect(output()).toContain('1,1,1,1 0\n');
  });

  test('ends soon at a signal while its registry hangs', async () => {
    const { child, said, ended } = await program(HANGS);
    await said('registered');
    child.kill('SIGTERM');
    expect(await ended).toEqual([null, 'SIGTERM']);
  });

  test('ends at once at a second signal, however long the first would take', async () => {
    const { child, said, ended } = await program(`${HANGS} globalThis.setTimeout = () => ({ unref() {} });`);
    await said('registered');
    child.kill('SIGTERM');
    await said('hangs');
    child.kill('SIGTERM');
    expect(await ended).toEqual([null, 'SIGTERM']);
  });
});
