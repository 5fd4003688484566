import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentLogger, systemClock } from '../../../../core/index.js';
import { FileStore } from '../../../../plugins/stores/file/file-store.js';
import { MapReader } from '../../../contracts/store.js';
import { openStore, put, stored, tempFolder } from './support.js';

function opening(path: string): Promise<unknown> {
  return new FileStore({ path, clock: systemClock, logger: silentLogger }).open(new MapReader());
}

describe('the lock of a data folder', () => {
  it('keeps a second registry out, which says who holds it, and harms nothing', async () => {
    const { path, store } = await openStore();
    await expect(opening(path)).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      message: expect.stringContaining(`process ${process.pid} on ${hostname()}`),
    });
    await stored(put(store, 'a', 1));
  });

  it('is free again after a close', async () => {
    const { path, store } = await openStore();
    await store.close();
    expect(await readdir(path)).not.toContain('lock');
    await openStore({ path });
  });

  it('is free again after an opening that failed', async () => {
    const path = await tempFolder();
    await writeFile(join(path, 'journal-1.log'), 'something else');
    await expect(opening(path)).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    expect(await readdir(path)).not.toContain('lock');
  });

  it('is taken over from a process that has died', async () => {
    const path = await tempFolder();
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    await writeFile(join(path, 'lock'), JSON.stringify({ pid, host: hostname(), since: 'yesterday' }));
    await openStore({ path });
    expect(JSON.parse(await readFile(join(path, 'lock'), 'utf8'))).toMatchObject({ pid: process.pid });
  });

  it.runIf(process.platform === 'linux')(
    'is taken over from a process that has ended but that its parent has not waited for',
    async () => {
      const { path, store } = await openStore();
      const mine = JSON.parse(await readFile(join(path, 'lock'), 'utf8'));
      await store.close();
      // sh starts a child that ends, then turns into a program that never waits for it.
      const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      try {
        const pid = Number(String((await once(parent.stdout, 'data'))[0]));
        let stat = '';
        while (!stat.includes(') Z ')) {
          stat = await readFile(`/proc/${pid}/stat`, 'latin1');
          await new Promise(setImmediate);
        }
        const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
        await writeFile(join(path, 'lock'), JSON.stringify({ ...mine, pid, started }));
        await openStore({ path });
      } finally {
        parent.kill('SIGKILL');
      }
    },
  );

  it.runIf(process.platform === 'linux')(
    'is taken over where the process id now belongs to another',
    async () => {
      const { path, store } = await openStore();
      const mine = JSON.parse(await readFile(join(path, 'lock'), 'utf8'));
      await store.close();
      for (const change of [{ started: '1' }, { boot: 'another' }]) {
        await writeFile(join(path, 'lock'), JSON.stringify({ ...mine, ...change }));
        await (await openStore({ path })).store.close();
      }
      await writeFile(join(path, 'lock'), JSON.stringify(mine));
      await expect(opening(path)).rejects.toMatchObject({ code: 'STORE_LOCKED' });
    },
  );

  it('is not taken from another machine, since nobody here knows whether that lives', async () => {
    const path = await tempFolder();
    await writeFile(join(path, 'lock'), JSON.stringify({ pid: 1, host: 'elsewhere', since: 'now' }));
    await expect(opening(path)).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      message: expect.stringContaining('elsewhere'),
    });
  });

  it('is taken over where a crash left it empty', async () => {
    const path = await tempFolder();
    await writeFile(join(path, 'lock'), '');
    await openStore({ path });
  });

  it('goes to one of many that start at the same time', async () => {
    const path = await tempFolder();
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    await writeFile(join(path, 'lock'), JSON.stringify({ pid, host: hostname(), since: 'yesterday' }));
    const made = Array.from(
      { length: 8 },
      () => new FileStore({ path, clock: systemClock, logger: silentLogger }),
    );
    const openings = await Promise.allSettled(made.map((store) => store.open(new MapReader())));
    expect(openings.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const store of made) await store.close();
  });
});

describe('the data folder', () => {
  it('and its files can be read by their owner only', async () => {
    const path = join(await tempFolder(), 'deep', 'data');
    await openStore({ path });
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    for (const name of await readdir(path)) {
      expect((await stat(join(path, name))).mode & 0o777, name).toBe(0o600);
    }
  });

  it('that can not be made is an error that names it', async () => {
    const path = join(await tempFolder(), 'file');
    await writeFile(path, '');
    await expect(opening(path)).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining(path),
    });
  });
});
