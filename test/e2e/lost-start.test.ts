import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { readProcessStart } from '../../core/index.js';
import { RollcallProcess, rollcall } from '../support/rollcall-process.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const WAIT = { timeout: 15_000, interval: 20 };
const ECHO = JSON.stringify(resolve('docs/examples/echo-service.js'));

/** Its registry is killed between the start of a program and the note of it, the first time. */
const CONFIG = `
  import { existsSync, writeFileSync } from 'node:fs';
  const fatal = {
    name: 'fatal',
    setup: (api) => api.hooks.spawned.tap(({ pid }) => {
      if (existsSync('lost')) return;
      writeFileSync('lost', String(pid));
      process.kill(process.pid, 'SIGKILL');
    }),
  };
  export default {
    plugins: [
      ['xml-rpc', { port: 0 }], 'tcp-checker', 'process-spawner', fatal,
      ['supervisor', { services: { echo: { command: ['node', ${ECHO}] } } }],
    ],
  };`;

test.runIf(process.platform === 'linux')(
  'a registry that is killed in the moment of a start finds the program again, and starts no second one',
  async () => {
    const registry = await RollcallProcess.create(CONFIG);
    cleanups.push(() => registry.dispose());
    await registry.start().catch(() => {});
    const lost = join(registry.folder, 'lost');
    await expect.poll(() => existsSync(lost), WAIT).toBe(true);
    await registry.kill('SIGKILL');
    const pid = Number(await readFile(lost, 'utf8'));

    await registry.start();
    const ps = async () => JSON.parse((await rollcall(['ps', '--json', '--url', registry.url])).out);
    await expect.poll(ps, WAIT).toMatchObject([{ service: 'echo', state: 'RUNNING', pid, restarts: 0 }]);
    const log = () => readFile(join(registry.folder, 'data/logs/echo/1.log'), 'utf8');
    await expect.poll(async () => (await log()).match(/ listens on /g), WAIT).toHaveLength(1);

    expect(await registry.kill('SIGTERM')).toBe(0);
    expect(readProcessStart(pid)?.isZombie ?? true).toBe(true);
  },
);
