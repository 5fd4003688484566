import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentLogger, systemClock } from '../../../../../core/index.js';
import { FileStore } from '../../../../../plugins/stores/file/file-store.js';
import { compact, inspect, verify } from '../../../../../plugins/stores/file/tools/index.js';
import { MapReader } from '../../../../contracts/store.js';
import { crashCopy, diskError, openStore, put, stored, TestDisk, tempFolder } from '../support.js';
import { changed, filesOf, folderOfThree } from './support.js';

/** Opens a folder, closes it again and answers all there was. */
async function contentOf(path: string) {
  const reader = new MapReader();
  const store = new FileStore({ path, clock: systemClock, logger: silentLogger });
  const { epoch, home, revision } = await store.open(reader);
  const nextId = await store.reserveIds(1);
  await store.close();
  return { epoch, home, revision, nextId, state: reader.state() };
}

async function closedFolder(): Promise<string> {
  const { path, store } = await openStore();
  await store.reserveIds(10);
  for (let n = 0; n < 50; n += 1) await stored(put(store, `k${n % 3}`, n));
  await stored(put(store, 'observed', 1, 'volatile'));
  await store.close();
  return path;
}

describe('compact', () => {
  it('makes one snapshot and an empty journal of everything, and the next start notices nothing', async () => {
    const path = await closedFolder();
    const before = await contentOf(await crashCopy(path));
    const done = await compact(path, systemClock);
    expect(await readdir(path)).toEqual(['journal-2.log', 'snapshot-2.log']);
    expect(done).toMatchObject({ keys: 4, isClean: true, files: ['snapshot-2.log', 'journal-2.log'] });
    expect(done.after).toBeLessThan(done.before / 5);
    expect((await verify(path, systemClock)).findings).toEqual([]);
    expect((await inspect(path, systemClock)).state?.isClean).toBe(true);
    expect(await contentOf(path)).toEqual(before);
  });

  it('may be done again and again', async () => {
    const path = await closedFolder();
    const first = await compact(path, systemClock);
    const second = await compact(path, systemClock);
    expect(second).toMatchObject({ before: first.after, keys: first.keys, isClean: true });
    expect(await readdir(path)).toEqual(['journal-3.log', 'snapshot-3.log']);
  });

  it('keeps a crash a crash: the next start begins a new epoch, and loses nothing', async () => {
    const path = await folderOfThree();
    const was = await inspect(path, systemClock);
    const before = await contentOf(await crashCopy(path));
    await compact(path, systemClock);
    const state = (await inspect(path, systemClock)).state;
    expect(state).toMatchObject({
      isClean: false,
      epoch: was.state?.epoch,
      home: was.state?.home,
      unnumbered: 0,
    });
    const after = await contentOf(path);
    expect(after.epoch).not.toBe(was.state?.epoch);
    expect(after.nextId).toBe(before.nextId);
    const values = ({ state: all }: typeof after) => all.map(({ key, value }) => ({ key, value }));
    expect(values(after)).toEqual(values(before));
    for (const [index, { revision }] of after.state.entries()) {
      expect(revision).toBeGreaterThanOrEqual(before.state[index]?.revision ?? Infinity);
    }
  });

  it('leaves revisions as they are after a crash in which none was lost', async () => {
    const { path, store } = await openStore();
    await stored(put(store, 'a', 1));
    await store.reserveIds(1);
    const copy = await crashCopy(path);
    await compact(copy, systemClock);
    expect((await inspect(copy, systemClock)).state).toMatchObject({ revision: 1, isClean: false });
  });

  it('leaves a folder alone that a registry uses, and says which', async () => {
    const { path, store } = await openStore();
    await stored(put(store, 'a', 1));
    const names = await readdir(path);
    await expect(compact(path, systemClock)).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      message: expect.stringContaining(`process ${process.pid}`),
    });
    expect(await readdir(path)).toEqual(names);
  });

  it('leaves a folder alone that is damaged, or holds nothing', async () => {
    const path = await folderOfThree();
    const files = await filesOf(path);
    await writeFile(join(path, 'journal-2.log'), changed(files.get('journal-2.log'), 60));
    const damaged = await filesOf(path);
    await expect(compact(path, systemClock)).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    expect(await filesOf(path)).toEqual(damaged);
    const empty = await tempFolder();
    await expect(compact(empty, systemClock)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await readdir(empty)).toEqual([]);
  });

  it('changes nothing that a start would see, at whatever step the machine or the disk fails', async () => {
    const path = await closedFolder();
    const before = await contentOf(await crashCopy(path));
    const disk = new TestDisk();
    const steps: string[] = [];
    const crashes: string[] = [];
    disk.before = async (step, name) => {
      steps.push(`${step} ${name}`);
      if (step !== 'write') crashes.push(await crashCopy(path));
    };
    const whole = await crashCopy(path);
    await compact(path, systemClock, disk);
    expect(steps.some((step) => step.startsWith('rename snapshot'))).toBe(true);
    for (const crash of crashes) expect(await contentOf(crash)).toEqual(before);

    for (let failing = 0; failing < steps.length; failing += 1) {
      // Without room ahead it goes on as well.
      if (/^(remove|zero)/.test(steps[failing] ?? '')) continue;
      const copy = await crashCopy(whole);
      let step = 0;
      disk.before = () => {
        if (step++ === failing) throw diskError('ENOSPC');
      };
      await expect(compact(copy, systemClock, disk)).rejects.toMatchObject({ code: 'STORE_FULL' });
      expect(await readdir(copy), steps[failing]).not.toContain('lock');
      expect(await contentOf(copy), steps[failing]).toEqual(before);
    }
  });
});
