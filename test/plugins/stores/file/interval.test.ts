import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../support/fake-clock.js';
import { crashCopy, diskError, gate, openStore, put, stored, TestDisk } from './support.js';

const INTERVAL = 100;

/** A store whose syncs are counted, and wait or fail as the test says. */
async function opened() {
  const disk = new TestDisk();
  const clock = new FakeClock();
  const made = await openStore({ disk, clock, intervalMs: INTERVAL });
  let syncs = 0;
  let onSync: () => unknown = () => undefined;
  disk.before = (step) => {
    if (step !== 'datasync') return undefined;
    syncs += 1;
    return onSync();
  };
  return {
    ...made,
    disk,
    clock,
    syncs: () => syncs,
    whenSyncing(what: () => unknown) {
      onSync = what;
    },
  };
}

/** Lets everything settle that does not wait for the clock or a gate. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe('durability "interval"', () => {
  it('answers without a sync, and syncs within the interval', async () => {
    const { store, clock, syncs } = await opened();
    for (let n = 0; n < 10; n += 1) await stored(put(store, `k${n}`, n));
    expect(syncs()).toBe(0);
    await clock.advanceAsync(INTERVAL);
    expect(syncs()).toBe(1);
    await clock.advanceAsync(10 * INTERVAL);
    expect(syncs()).toBe(1);
  });

  it('answers nobody later than an interval after what is not synced yet, should the disk be slow', async () => {
    const { store, clock, whenSyncing } = await opened();
    const slow = gate();
    whenSyncing(() => slow.passed);
    await stored(put(store, 'a', 1));
    await clock.advanceAsync(INTERVAL - 1);
    await stored(put(store, 'b', 1));
    await clock.advanceAsync(1);
    let isAnswered = false;
    const late = Promise.resolve(put(store, 'c', 1)).then((outcome) => {
      isAnswered = true;
      return outcome;
    });
    await settle();
    expect(isAnswered).toBe(false);
    slow.open();
    await stored(late);
  });

  it('loses nothing that was answered to a crash of the registry alone', async () => {
    const { store, path } = await opened();
    for (let n = 0; n < 10; n += 1) await stored(put(store, `k${n}`, n));
    const { reader } = await openStore({ path: await crashCopy(path) });
    expect(reader.state()).toHaveLength(10);
  });

  it('puts everything into a new journal and snapshot after a sync that failed', async () => {
    const { store, path, clock, whenSyncing, reader } = await opened();
    await stored(put(store, 'a', 1));
    whenSyncing(() => {
      throw diskError('EIO');
    });
    await clock.advanceAsync(INTERVAL);
    whenSyncing(() => undefined);
    await stored(put(store, 'b', 2));
    const found = await openStore({ path: await crashCopy(path) });
    expect(found.reader.state().map(({ key }) => key)).toEqual(['a', 'b']);
    await store.close();
    const again = await openStore({ path });
    expect(again.reader.state()).toEqual(reader.state());
  });

  it('brings all to disk after a sync that failed, also where nobody writes again', async () => {
    const { store, path, clock, whenSyncing } = await opened();
    await stored(put(store, 'a', 1));
    let hasFailed = false;
    whenSyncing(() => {
      if (hasFailed) return;
      hasFailed = true;
      throw diskError('EIO');
    });
    for (let n = 0; n < 40; n += 1) await clock.advanceAsync(INTERVAL);
    expect(hasFailed).toBe(true);
    const files = async () => (await readdir(path)).filter((name) => name !== 'lock').sort();
    await expect.poll(files, { timeout: 5_000 }).toEqual(['journal-2.log', 'snapshot-2.log']);
    expect((await openStore({ path: await crashCopy(path) })).reader.valueOf('things', 'a')).toEqual({
      n: 1,
    });
  });

  it('has all on disk once it is closed, also after a sync that failed', async () => {
    const { store, path, clock, whenSyncing, reader } = await opened();
    await stored(put(store, 'a', 1));
    const failing = gate();
    whenSyncing(async () => {
      await failing.passed;
      throw diskError('EIO');
    });
    await clock.advanceAsync(INTERVAL);
    whenSyncing(() => undefined);
    const closing = store.close();
    failing.open();
    await closing;
    expect((await openStore({ path })).reader.state()).toEqual(reader.state());
  });

  it('hands out no id before the disk knows of it, and none twice', async () => {
    const { store, path, syncs } = await opened();
    const first = await store.reserveIds(100);
    expect(syncs()).toBe(1);
    expect(await store.reserveIds(100)).toBe(first + 100);
    expect(syncs()).toBe(1);
    const copy = await openStore({ path: await crashCopy(path), intervalMs: INTERVAL });
    expect(await copy.store.reserveIds(1)).toBeGreaterThanOrEqual(first + 200);
    await store.close();
    const again = await openStore({ path, intervalMs: INTERVAL });
    expect(await again.store.reserveIds(1)).toBe(first + 200);
  });

  it('has all on disk once it is closed, under the same epoch', async () => {
    const { store, path, state, reader } = await opened();
    await stored(put(store, 'a', 1));
    await store.close();
    const again = await openStore({ path });
    expect(again.state.epoch).toBe(state.epoch);
    expect(again.reader.state()).toEqual(reader.state());
  });

  it('keeps its word over a change of journals', async () => {
    const disk = new TestDisk();
    const { store, path, reader } = await openStore({ disk, snapshotBytes: 300, intervalMs: INTERVAL });
    for (let n = 0; n < 100; n += 1) await stored(put(store, `k${n % 7}`, n));
    const found = await openStore({ path: await crashCopy(path) });
    const values = (of: typeof reader) => of.state().map(({ key, value }) => [key, value]);
    expect(values(found.reader)).toEqual(values(reader));
  });
});
