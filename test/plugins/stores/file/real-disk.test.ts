import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../core/index.js';
import { createCaller } from '../../../../plugins/transports/xml-rpc/client/caller.js';
import { needs } from '../../../support/needs.js';
import { RollcallProcess } from '../../../support/rollcall-process.js';
import { openStore } from './support.js';

const unshare = needs('unshare', '-rm', 'true');
const prlimit = needs('prlimit', '--version');
const CONFIG = `export default {
  store: ['file', { path: './data/registry', snapshotBytes: 65536 }],
  plugins: [['xml-rpc', { port: 0 }]],
};`;
const STORE_FULL = 1102;
/** So long that the last bytes of a full disk are not enough for one more. */
const DETAILS = { meta: { padding: 'x'.repeat(1_000) } };

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function create(): Promise<RollcallProcess> {
  const registry = await RollcallProcess.create(CONFIG);
  cleanups.push(() => registry.dispose());
  return registry;
}

/** Registers ever new names until that fails; answers the names that were answered, and the fault. */
async function fill(registry: RollcallProcess): Promise<{ names: string[]; fault: unknown }> {
  const { call } = createCaller(registry.url, { clock: systemClock, timeoutMs: 10_000 });
  const names: string[] = [];
  for (let n = 0; n < 20_000; n += 1) {
    const name = `service-${n}`;
    try {
      await call('register', name, '127.0.0.1', 9000, 1, DETAILS);
    } catch (fault) {
      return { names, fault };
    }
    names.push(name);
  }
  return { names, fault: undefined };
}

/** What a registry must do whose disk takes no more, and takes more again after `relieve`. */
async function checkFullDisk(
  registry: RollcallProcess,
  data: string,
  relieve: () => Promise<unknown>,
): Promise<void> {
  const { call } = createCaller(registry.url, { clock: systemClock, timeoutMs: 10_000 });
  const { names, fault } = await fill(registry);
  expect(fault).toMatchObject({ faultCode: STORE_FULL });
  expect(names.length).toBeGreaterThan(20);
  for (let n = 0; n < 5; n += 1) {
    await expect(call('register', `more-${n}`, '127.0.0.1', 1, 1, DETAILS)).rejects.toMatchObject({
      faultCode: STORE_FULL,
    });
  }
  // Reads go on, and nothing of what was refused is there.
  expect(await call('lookup', names[0] ?? '')).toHaveLength(1);
  expect(await call('lookup', `service-${names.length}`)).toEqual([]);
  expect(await call('lookup', 'more-0')).toEqual([]);

  await relieve();
  // After a failure a new journal is tried at most once a second.
  await expect
    .poll(() => call('register', 'afterwards', '127.0.0.1', 1, 1).catch(String), { timeout: 10_000 })
    .toBeTypeOf('number');

  const copy = await mkdtemp(join(tmpdir(), 'rollcall-'));
  cleanups.push(() => rm(copy, { recursive: true, force: true }));
  await cp(data, copy, { recursive: true, filter: (path) => !path.endsWith('lock') });
  const { reader } = await openStore({ path: copy });
  const kept = new Set(reader.state().map(({ key }) => key.split('\u0000')[0]));
  for (const name of [...names, 'afterwards']) expect(kept.has(name), name).toBe(true);
  expect([...kept].filter((name) => name?.startsWith('more-'))).toEqual([]);
}

describe('a real disk', () => {
  it.runIf(unshare.isMet)(
    `that is full refuses writes, serves reads, and takes writes again once there is room${unshare.note}`,
    async () => {
      const registry = await create();
      // A file system of its own, which nobody but the registry sees.
      const mount = 'mkdir data && mount -t tmpfs -o size=900k none data && exec "$@"';
      await registry.start('unshare', '-rm', 'sh', '-c', mount, 'sh');
      const data = `/proc/${registry.pid}/root${join(registry.folder, 'data')}`;
      const filler = join(data, 'filler');
      await writeFile(filler, Buffer.alloc(400_000));
      await checkFullDisk(registry, join(data, 'registry'), () => rm(filler));
    },
  );

  it.runIf(prlimit.isMet)(`with a limit on the size of files does the same${prlimit.note}`, async () => {
    const registry = await create();
    await registry.start('prlimit', '--fsize=60000:', '--');
    const data = join(registry.folder, 'data', 'registry');
    await checkFullDisk(registry, data, async () => {
      spawnSync('prlimit', ['--pid', String(registry.pid), '--fsize=unlimited:'], { stdio: 'ignore' });
    });
  });
});
