import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../../../core/index.js';
import { inspect } from '../../../../../plugins/stores/file/tools/index.js';
import { memoryFolder } from '../../../../support/memory-folder.js';
import { openStore, put, stored, tempFolder } from '../support.js';
import { changed, filesOf, folderOfThree } from './support.js';

describe('inspect', () => {
  it('says what a folder holds, whoever has it, without a change to it', async () => {
    const { path, store, state } = await openStore();
    await store.reserveIds(100);
    await stored(put(store, 'a', 1));
    await stored(put(store, 'b', 22));
    await stored(put(store, 'a', 333));
    const names = await readdir(path);
    const inUse = await inspect(path, systemClock);
    expect(await readdir(path)).toEqual(names);
    expect(inUse).toMatchObject({ lock: { kind: 'alive', holder: { pid: process.pid } }, damage: undefined });
    expect(inUse.state).toMatchObject({ isClean: false, revision: 2, unnumbered: 1, nextId: 101 });
    await store.close();
    expect(await inspect(path, systemClock)).toMatchObject({
      path,
      lock: { kind: 'free' },
      files: [{ name: 'journal-1.log', records: 6 }],
      state: {
        epoch: state.epoch,
        home: state.home,
        revision: 3,
        unnumbered: 0,
        nextId: 101,
        isClean: true,
        torn: 0,
        collections: [{ name: 'things', keys: 2, bytes: '{"n":333}{"n":22}'.length }],
      },
      leftovers: [],
      others: [],
    });
  });

  it('names what the next start removes, and what is not the store’s', async () => {
    const path = await folderOfThree();
    for (const name of ['snapshot-9.log.tmp', 'journal-1.log', 'notes.txt'])
      await writeFile(join(path, name), '');
    const { leftovers, others, files } = await inspect(path, systemClock);
    expect(leftovers.toSorted()).toEqual(['journal-1.log', 'snapshot-9.log.tmp']);
    expect(others).toEqual(['notes.txt']);
    expect(files.map(({ name }) => name)).toEqual(['snapshot-2.log', 'journal-2.log', 'journal-3.log']);
  });

  it('says why a damaged folder is refused, and what it can', async () => {
    const files = await filesOf(await folderOfThree());
    const damaged = new Map(files).set('journal-2.log', changed(files.get('journal-2.log'), 60));
    const found = await inspect('/nowhere', systemClock, memoryFolder(damaged));
    expect(found.damage).toMatch(/^STORE_CORRUPT: journal-2.log is damaged at byte \d+/);
    expect(found.state).toBeUndefined();
    expect(found.files).toHaveLength(3);
  });

  it('refuses what is no data folder, and says so', async () => {
    const path = await tempFolder();
    await expect(inspect(join(path, 'nothing'), systemClock)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringMatching(/There is no folder .*nothing.*--path/),
    });
    await expect(inspect(path, systemClock)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('holds no catalogue'),
    });
    await writeFile(join(path, 'file'), '');
    await expect(inspect(join(path, 'file'), systemClock)).rejects.toMatchObject({ code: 'STORE_FAILED' });
  });
});
