import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { crashCopy, diskError, openStore, put, stored, TestDisk, tempFolder } from './support.js';

/** A folder as version 1 left it when it was killed: a snapshot, and a journal with commits that had no revision yet. */
const FILES: { readonly [name: string]: string } = JSON.parse(
  await readFile(join(import.meta.dirname, '../../../cases/file-store/format-1.json'), 'utf8'),
);
const VALUES = {
  a: { n: 1 },
  k0: { n: 10, text: 'ü\u2028' },
  k1: { n: 11, text: 'ü\u2028' },
  k2: { n: 7, text: 'ü\u2028' },
  k4: { n: 9, text: 'ü\u2028' },
  last1: { n: 1 },
  last2: { n: 2 },
};
const KEPT = 'format-1-before-4';

async function olderFolder(): Promise<string> {
  const path = await tempFolder();
  for (const [name, text] of Object.entries(FILES)) {
    await writeFile(join(path, name), Buffer.from(text, 'base64'));
  }
  return path;
}

async function valuesIn(path: string): Promise<object> {
  const { reader, store } = await openStore({ path });
  const values = Object.fromEntries(reader.state().map(({ key, value }) => [key, value]));
  await store.close();
  return values;
}

describe('a data folder of an older format', () => {
  it('opens with all it held, is brought to the present format, and is kept as it was', async () => {
    const path = await olderFolder();
    const { reader, store, state } = await openStore({ path });
    expect(state.notes?.[0]).toContain(KEPT);
    expect(state.home).toBe('cd6ae2aa-7fe6-4990-8c16-05dda1ed6c04');
    expect(reader.revisionOf('things', 'k0')).toBe(11);
    expect(await store.reserveIds(1)).toBe(101);
    await stored(put(store, 'later', 1));
    await store.close();
    expect((await readdir(path)).sort()).toEqual([KEPT, 'journal-4.log', 'snapshot-4.log']);
    for (const name of ['journal-4.log', 'snapshot-4.log']) {
      expect(await readFile(join(path, name), 'latin1')).toMatch(/^rollcall-\w+ 2 [0-9a-f]{8}\n/);
    }
    for (const [name, text] of Object.entries(FILES)) {
      expect((await readFile(join(path, KEPT, name))).toString('base64')).toBe(text);
    }
    const again = await openStore({ path });
    expect(again.state).toMatchObject({ epoch: state.epoch, notes: [] });
    expect(again.reader.state()).toEqual(reader.state());
  });

  it('loses nothing to a crash at any step of that, and is kept all the same', async () => {
    const path = await olderFolder();
    const disk = new TestDisk();
    const crashes: { step: string; copy: string }[] = [];
    disk.before = async (step, name) => {
      if (step !== 'write') crashes.push({ step: `${step} ${name}`, copy: await crashCopy(path) });
    };
    await openStore({ path, disk });
    expect(crashes.map(({ step }) => step)).toContain('rename snapshot-4.log');
    for (const { step, copy } of crashes) {
      const { store } = await openStore({ path: copy });
      await stored(put(store, 'later', 1));
      await store.close();
      expect(await valuesIn(copy), step).toEqual({ ...VALUES, later: { n: 1 } });
      const kept = (await readdir(copy)).filter((name) => name.startsWith('format-1'));
      expect(kept, step).toHaveLength(1);
      for (const [name, text] of Object.entries(FILES)) {
        const bytes = await readFile(join(copy, kept[0] ?? '', name));
        expect(bytes.toString('base64'), step).toBe(text);
      }
    }
  });

  it('stays as it is where the disk has no room for that, and the start says so', async () => {
    const path = await olderFolder();
    const disk = new TestDisk();
    disk.before = (step) => {
      if (step === 'write') throw diskError('ENOSPC');
    };
    await expect(openStore({ path, disk })).rejects.toMatchObject({ code: 'STORE_FULL' });
    expect((await readdir(path)).sort()).toEqual(['journal-3.log', 'snapshot-3.log']);
    for (const [name, text] of Object.entries(FILES)) {
      expect((await readFile(join(path, name))).toString('base64')).toBe(text);
    }
    expect(await valuesIn(path)).toEqual(VALUES);
  });
});
