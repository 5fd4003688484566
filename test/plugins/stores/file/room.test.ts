import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commitOf } from '../../../contracts/store.js';
import { crashCopy, diskError, gate, openStore, put, stored, TestDisk } from './support.js';

const JOURNAL = 'journal-1.log';
const LEAST_ROOM = 2 ** 16;

function text(store: Parameters<typeof put>[0], key: string, length: number) {
  return store.commit(commitOf([{ key, value: { text: 'x'.repeat(length) } }]));
}

describe('room ahead of the end of a journal', () => {
  it('is there while the store is open, and given back when it is closed', async () => {
    const { store, path } = await openStore();
    await stored(put(store, 'a', 1));
    const file = join(path, JOURNAL);
    expect((await stat(file)).size).toBeGreaterThanOrEqual(LEAST_ROOM);
    await store.close();
    const bytes = await readFile(file);
    expect(bytes.at(-1)).toBe('}'.charCodeAt(0));
    const { reader } = await openStore({ path });
    expect(reader.valueOf('things', 'a')).toEqual({ n: 1 });
  });

  it('is used again after a crash', async () => {
    const { store, path } = await openStore();
    await stored(put(store, 'a', 1));
    const copy = await crashCopy(path);
    const before = (await stat(join(copy, JOURNAL))).size;
    const again = await openStore({ path: copy });
    await stored(put(again.store, 'b', 1));
    expect((await stat(join(copy, JOURNAL))).size).toBe(before);
  });

  it('is never zeroed over a record, however long those are and however slow the disk', async () => {
    const disk = new TestDisk();
    const slow = gate();
    const begun = gate();
    disk.before = (step) => {
      if (step !== 'zero') return undefined;
      begun.open();
      return slow.passed;
    };
    const { store, path } = await openStore({ disk });
    await begun.passed;
    const lengths = [10, 1_000, 40_000, 70_000, 10, 300_000, 5];
    const ends = lengths.map((length, n) => text(store, `k${n}`, length));
    slow.open();
    for (const end of ends) await stored(end);
    const { reader } = await openStore({ path: await crashCopy(path) });
    for (const [n, length] of lengths.entries()) {
      expect(String(reader.valueOf('things', `k${n}`)?.text)).toHaveLength(length);
    }
  });

  it('is given up where the disk has none to spare: what is half there is given back, and writes go on', async () => {
    const disk = new TestDisk();
    const cuts: string[] = [];
    disk.before = (step) => {
      if (step === 'truncate') cuts.push(step);
      if (step === 'zero') throw diskError('ENOSPC');
    };
    const { store, path } = await openStore({ disk });
    for (let n = 0; n < 20; n += 1) await stored(text(store, `k${n}`, 10_000));
    expect(cuts).toHaveLength(1);
    const bytes = await readFile(join(path, JOURNAL));
    expect(bytes.at(-1)).toBe('}'.charCodeAt(0));
    const { reader } = await openStore({ path: await crashCopy(path) });
    expect(reader.state()).toHaveLength(20);
  });
});

describe('after a busy time', () => {
  it('a flipped bit in the last commit is told from a write that a crash cut short', async () => {
    const { store, path } = await openStore();
    await stored(put(store, 'a', 1));
    await stored(put(store, 'needle', 7));
    const file = join(path, JOURNAL);
    await expect
      .poll(async () => (await readFile(file, 'latin1')).split('"given"').length, { timeout: 5_000 })
      .toBe(3);
    const copy = await crashCopy(path);
    const bytes = await readFile(join(copy, JOURNAL));
    const at = bytes.indexOf('needle');
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    await writeFile(join(copy, JOURNAL), bytes);
    await expect(openStore({ path: copy })).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  });
});
