import { appendFile, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { RegistryError, silentLogger, systemClock } from '../../../../core/index.js';
import { nodeDisk } from '../../../../plugins/stores/file/disk.js';
import { FileStore } from '../../../../plugins/stores/file/file-store.js';
import { recover } from '../../../../plugins/stores/file/recover.js';
import { commitOf, MapReader } from '../../../contracts/store.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { crashCopy, gate, type Opened, openStore, put, stored, TestDisk, tempFolder } from './support.js';

const JOURNAL = 'journal-1.log';

/** The error that opening a folder ends in. */
async function openingError(path: string): Promise<RegistryError> {
  const store = new FileStore({ path, clock: systemClock, logger: silentLogger });
  try {
    await store.open(new MapReader());
  } catch (error) {
    expect(error).toBeInstanceOf(RegistryError);
    return error as RegistryError;
  }
  await store.close();
  throw new Error('the folder was opened');
}

async function flipBit(file: string, bit: number): Promise<void> {
  const bytes = await readFile(file);
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  await writeFile(file, bytes);
}

/** Where the last record ends: behind it there are only zeros. */
async function endOf(file: string): Promise<number> {
  const bytes = await readFile(file);
  return bytes.findLastIndex((byte) => byte !== 0) + 1;
}

/** A journal of a few commits, as it lies there without a close, and where each of its records ends. */
async function journalOf(commits: number): Promise<{ opened: Opened; path: string; ends: number[] }> {
  const opened = await openStore();
  const file = join(opened.path, JOURNAL);
  const ends = [await endOf(file)];
  for (let n = 1; n <= commits; n += 1) {
    await stored(put(opened.store, `k${n}`, n));
    ends.push(await endOf(file));
  }
  return { opened, path: await crashCopy(opened.path), ends };
}

describe('after a crash', () => {
  it('everything that was answered is there, under the revisions it was answered with', async () => {
    const { opened, path } = await journalOf(5);
    const { reader } = await openStore({ path });
    expect(reader.state().slice(0, 4)).toEqual(opened.reader.state().slice(0, 4));
    expect(reader.valueOf('things', 'k5')).toEqual({ n: 5 });
  });

  it('watchers begin a new epoch, the home stays, and revisions go on far above what was seen', async () => {
    const { opened, path } = await journalOf(2);
    const last = await stored(put(opened.store, 'observed', 1, 'volatile'));
    const { store, state } = await openStore({ path });
    expect(state.epoch).not.toBe(opened.state.epoch);
    expect(state.home).toBe(opened.state.home);
    expect(state.revision).toBeGreaterThan(last + 900_000);
    expect(await stored(put(store, 'a', 1))).toBeGreaterThan(state.revision);
  });

  it('a crash that follows a clean end and nothing else is told from that end', async () => {
    const first = await openStore();
    await stored(put(first.store, 'a', 1));
    await first.store.close();
    const second = await openStore({ path: first.path });
    expect(second.state.epoch).toBe(first.state.epoch);
    await stored(put(second.store, 'a', 2, 'volatile'));
    const third = await openStore({ path: await crashCopy(first.path) });
    expect(third.state.epoch).not.toBe(first.state.epoch);
    expect(third.state.revision).toBeGreaterThan(second.reader.revisionOf('things', 'a') ?? Infinity);
  });

  it('what was found is found again with the same revisions, however often that crashes', async () => {
    const { path } = await journalOf(3);
    const once = await openStore({ path });
    const twice = await openStore({ path: await crashCopy(path) });
    expect(twice.reader.state()).toEqual(once.reader.state());
  });

  it('volatile changes are kept once a durable one was written after them, or a tenth of a second passed', async () => {
    const { store, path, reader } = await openStore();
    await stored(put(store, 'a', 1, 'volatile'));
    await stored(put(store, 'a', 2, 'volatile'));
    await stored(put(store, 'b', 1));
    const copy = await openStore({ path: await crashCopy(path) });
    expect(copy.reader.valueOf('things', 'a')).toEqual({ n: 2 });
    expect(copy.reader.revisionOf('things', 'a')).toBe(reader.revisionOf('things', 'a'));
  });

  it('ids that were handed out are not handed out again', async () => {
    const { store, path } = await openStore();
    const first = await store.reserveIds(100);
    const copy = await openStore({ path: await crashCopy(path) });
    expect(await copy.store.reserveIds(1)).toBe(first + 100);
  });
});

describe('a journal that ends in the middle of a record', () => {
  it('opens where the end was never written: its room holds zeros, or anything but a record', async () => {
    for (const rest of [Buffer.alloc(100_000), Buffer.alloc(50_000, 'x')]) {
      const { path } = await journalOf(2);
      await appendFile(join(path, JOURNAL), rest);
      const { reader, state } = await openStore({ path });
      expect(reader.state().map(({ key }) => key)).toEqual(['k1', 'k2']);
      expect(state.notes?.some((note) => note.includes('cut off'))).toBe(rest[0] !== 0);
      const again = await openStore({ path: await crashCopy(path) });
      expect(again.state.notes?.some((note) => note.includes('cut off'))).toBe(false);
    }
  });

  it('is taken up behind zeros that lie ahead of its end', async () => {
    const { path } = await journalOf(2);
    await appendFile(join(path, JOURNAL), Buffer.alloc(10_000));
    const { store } = await openStore({ path });
    await stored(put(store, 'k3', 3));
    const { reader } = await openStore({ path: await crashCopy(path) });
    expect(reader.state().map(({ key }) => key)).toEqual(['k1', 'k2', 'k3']);
  });
});

describe('a damaged data folder', () => {
  it('names the file, the place and what to do, and is left as it is', async () => {
    const { path, ends } = await journalOf(3);
    const [, first = 0, second = 0] = ends;
    await flipBit(join(path, JOURNAL), (first + 30) * 8);
    const damaged = await readFile(join(path, JOURNAL));
    const { message } = await openingError(path);
    expect(await readdir(path)).toEqual([JOURNAL]);
    expect(await readFile(join(path, JOURNAL))).toEqual(damaged);
    expect(message).toContain(`${JOURNAL} is damaged at byte ${first}`);
    expect(message).toContain(`at byte ${second}`);
    expect(message).toContain('backup');
  });

  it('is refused where a journal or a part of the snapshot is missing', async () => {
    const opened = await openStore({ snapshotBytes: 1 });
    for (let n = 0; n < 20; n += 1) await stored(put(opened.store, `k${n}`, n));
    await opened.store.close();
    const names = await readdir(opened.path);
    const snapshot = names.find((name) => name.startsWith('snapshot')) ?? '';
    const journal = names.find((name) => name.startsWith('journal')) ?? '';

    const cut = await crashCopy(opened.path);
    await truncate(join(cut, snapshot), (await stat(join(cut, snapshot))).size - 1);
    expect(await openingError(cut)).toMatchObject({ code: 'STORE_CORRUPT' });

    const empty = await crashCopy(opened.path);
    await truncate(join(empty, journal), 0);
    expect(await openingError(empty)).toMatchObject({ code: 'STORE_CORRUPT' });

    const bits = (await stat(join(opened.path, snapshot))).size * 8;
    const flipped = await crashCopy(opened.path);
    for (let bit = 0; bit < bits; bit += 3) {
      await flipBit(join(flipped, snapshot), bit);
      const error = await recover(nodeDisk, flipped, new MapReader(), systemClock).catch((thrown) => thrown);
      expect(error?.code, `bit ${bit}`).toMatch(/^STORE_(CORRUPT|VERSION)$/);
      await flipBit(join(flipped, snapshot), bit);
    }
  });

  it('of a newer format is refused as such', async () => {
    const { path } = await journalOf(1);
    const text = await readFile(join(path, JOURNAL), 'latin1');
    const newer = 'rollcall-journal 3';
    const line = `${newer} ${crc32(newer).toString(16).padStart(8, '0')}\n`;
    await writeFile(join(path, JOURNAL), text.replace(/^.*\n/, line), 'latin1');
    expect(await openingError(path)).toMatchObject({ code: 'STORE_VERSION' });
  });
});

describe('a crash while snapshots are written', () => {
  it('loses nothing that was answered, at whatever step of the disk it comes', async () => {
    const disk = new TestDisk();
    const { path, store } = await openStore({ disk, snapshotBytes: 300 });
    const answered = new Map<string, number>();
    const crashes: { copy: string; answered: Map<string, number>; step: string }[] = [];
    disk.before = async (step, name) => {
      // A write can't wait for a copy; what it leaves is seen at the next step.
      if (step === 'write') return;
      const then = new Map(answered);
      crashes.push({ copy: await crashCopy(path), answered: then, step: `${step} ${name}` });
    };
    for (let n = 0; n < 60; n += 1) {
      const key = `k${n % 10}`;
      const changes = [
        { key, value: n % 7 === 3 ? null : { n } },
        { key: `${key}-twin`, value: { n } },
      ];
      await stored(store.commit(commitOf(changes)));
      answered.set(key, n);
    }
    disk.before = () => undefined;
    expect(crashes.some(({ step }) => step.startsWith('rename snapshot'))).toBe(true);
    expect(crashes.some(({ step }) => step.startsWith('remove journal'))).toBe(true);
    for (const crash of crashes) {
      const found = await openStore({ path: crash.copy });
      for (const [key, n] of crash.answered) {
        const twin = found.reader.valueOf('things', `${key}-twin`)?.n as number;
        // The commit on its way may be there or not, but all of it or nothing.
        expect(twin, `${key} after a crash at ${crash.step}`).toBeGreaterThanOrEqual(n);
        expect(found.reader.valueOf('things', key)).toEqual(twin % 7 === 3 ? undefined : { n: twin });
      }
      await found.store.close();
    }
  });

  it('comes after all is on disk that it would leave in use', async () => {
    const disk = new TestDisk();
    const { store } = await openStore({ disk, snapshotBytes: 300 });
    const steps: string[] = [];
    disk.before = (step, name) => {
      if (step !== 'write' && !name.startsWith('journal-1')) steps.push(`${step} ${name}`);
    };
    const removed = new Promise<void>((resolve) => {
      const { before } = disk;
      disk.before = (step, name) => {
        before(step, name);
        if (step === 'remove') resolve();
      };
    });
    while (!steps.some((step) => step.startsWith('rename journal-2'))) await stored(put(store, 'a', 1));
    await removed;
    const at = (step: string) => steps.findIndex((one) => one.startsWith(step));
    const folderSyncs = steps.flatMap((step, index) => (step.startsWith('syncFolder') ? [index] : []));
    expect(at('datasync journal-2')).toBeLessThan(at('rename journal-2'));
    expect(at('rename journal-2')).toBeLessThan(folderSyncs[0] ?? -1);
    expect(at('datasync snapshot-2')).toBeLessThan(at('rename snapshot-2'));
    expect(at('rename snapshot-2')).toBeLessThan(folderSyncs[1] ?? -1);
  });

  it('keeps the newer value of a key where the journal beside the snapshot has an older one', async () => {
    const disk = new TestDisk();
    const { store, path } = await openStore({ disk, clock: new FakeClock(), snapshotBytes: 300 });
    const walk = gate();
    const published = gate();
    const begun = new Promise<void>((resolve) => {
      disk.before = (step, name) => {
        if (step === 'remove') published.open();
        if (step !== 'create' || !name.startsWith('snapshot')) return undefined;
        resolve();
        return walk.passed;
      };
    });
    while ((await readdir(path)).length < 3) await stored(put(store, 'filler', 1));
    await begun;
    await stored(put(store, 'a', 1));
    await stored(put(store, 'b', 1));
    await stored(put(store, 'a', 2, 'volatile'));
    walk.open();
    await published.passed;
    const { reader } = await openStore({ path: await crashCopy(path) });
    expect(reader.valueOf('things', 'a')).toEqual({ n: 2 });
  });

  it('leaves no file behind that is no longer needed', async () => {
    const { path, store } = await openStore({ snapshotBytes: 300 });
    for (let n = 0; n < 100; n += 1) await stored(put(store, `k${n % 5}`, n));
    await store.close();
    await writeFile(join(path, 'snapshot-3.log.tmp'), 'half');
    const again = await openStore({ path });
    await again.store.close();
    const names = await readdir(path);
    expect(names.filter((name) => name.startsWith('snapshot'))).toHaveLength(1);
    expect(names.filter((name) => name.endsWith('.tmp'))).toEqual([]);
    expect(names.length).toBeLessThanOrEqual(3);
  });
});

describe('a snapshot while commits go on', () => {
  it('opens to the very state that was closed', async () => {
    const path = await tempFolder();
    const { store, reader } = await openStore({ path, snapshotBytes: 20_000 });
    const outcomes = [];
    for (let n = 0; n < 5_000; n += 1) {
      const key = `k${(n * 7919) % 613}`;
      const durability = n % 3 === 0 ? 'volatile' : 'durable';
      outcomes.push(store.commit(commitOf([{ key, value: n % 11 === 5 ? null : { n } }], durability)));
      if (n % 50 === 0) await outcomes.at(-1);
    }
    for (const outcome of outcomes) await stored(outcome);
    await store.close();
    expect((await readdir(path)).some((name) => name.startsWith('snapshot'))).toBe(true);
    const again = await openStore({ path });
    expect(again.reader.state()).toEqual(reader.state());
  });
});
