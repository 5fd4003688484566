import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { type CommitOutcome, RegistryError } from '../../../../core/index.js';
import { commitOf } from '../../../contracts/store.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { crashCopy, diskError, gate, openStore, put, type Step, stored, TestDisk } from './support.js';

/** Lets everything settle that does not wait for the clock or a gate. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

function failOn(disk: TestDisk, failing: Step, code: string): void {
  disk.before = (step) => {
    if (step === failing) throw diskError(code);
  };
}

function heal(disk: TestDisk): void {
  disk.before = () => undefined;
}

describe('a full disk', () => {
  it('refuses writes with STORE_FULL, keeps nothing of them, and takes writes again once there is room', async () => {
    const disk = new TestDisk();
    const { store, reader, path } = await openStore({ disk });
    await stored(put(store, 'a', 1));
    for (const code of ['ENOSPC', 'EDQUOT', 'EFBIG']) {
      for (const partialBytes of [0, 20]) {
        disk.partialBytes = partialBytes;
        failOn(disk, 'write', code);
        expect(await put(store, 'b', 1)).toMatchObject({ kind: 'refused', code: 'STORE_FULL' });
        await expect(store.reserveIds(10)).rejects.toMatchObject({ code: 'STORE_FULL' });
        heal(disk);
        expect(reader.valueOf('things', 'b')).toBeUndefined();
        await stored(put(store, 'a', 2));
      }
    }
    expect(await store.reserveIds(1)).toBe(1);
    const { reader: found } = await openStore({ path: await crashCopy(path) });
    expect(found.state().map(({ key, value }) => [key, value])).toEqual([['a', { n: 2 }]]);
  });

  it('refuses what was built on a refused write, and takes the same built anew', async () => {
    const disk = new TestDisk();
    const { store, reader } = await openStore({ disk });
    failOn(disk, 'write', 'ENOSPC');
    const first = commitOf([{ key: 'a', value: { n: 1 } }]);
    const outcome = store.commit(first);
    await outcome;
    heal(disk);
    const built = commitOf([{ key: 'a', value: { n: 2 }, when: { kind: 'after', commit: first } }]);
    expect(await store.commit(built)).toMatchObject({ kind: 'refused', code: 'CONFLICT' });
    const anew = commitOf([{ key: 'a', value: { n: 2 }, when: { kind: 'absent' } }]);
    await stored(store.commit(anew));
    expect(reader.valueOf('things', 'a')).toEqual({ n: 2 });
  });

  it('does not hold up volatile changes, which are written once there is room', async () => {
    const disk = new TestDisk();
    const clock = new FakeClock();
    const { store, reader, path } = await openStore({ disk, clock });
    failOn(disk, 'write', 'ENOSPC');
    await put(store, 'a', 1);
    await stored(put(store, 'observed', 1, 'volatile'));
    expect(reader.valueOf('things', 'observed')).toEqual({ n: 1 });
    await clock.advanceAsync(3_000);
    let isSynced = false;
    disk.before = (step) => {
      if (step === 'datasync') isSynced = true;
    };
    while (!isSynced) await clock.advanceAsync(1_000);
    await stored(put(store, 'b', 1));
    const { reader: found } = await openStore({ path: await crashCopy(path) });
    expect(found.valueOf('things', 'observed')).toEqual({ n: 1 });
    expect(found.valueOf('things', 'a')).toBeUndefined();
  });

  it('at the start is an error that says so', async () => {
    const disk = new TestDisk();
    failOn(disk, 'write', 'ENOSPC');
    await expect(openStore({ disk })).rejects.toMatchObject({ code: 'STORE_FULL' });
  });

  it('under a new journal or snapshot leaves the old ones in use', async () => {
    const disk = new TestDisk();
    const { store, reader, path } = await openStore({ disk, snapshotBytes: 200 });
    disk.before = (step, name) => {
      if (step === 'create' && name.startsWith('snapshot')) throw diskError('ENOSPC');
    };
    for (let n = 0; n < 20; n += 1) await stored(put(store, `k${n}`, n));
    disk.before = (step) => {
      if (step === 'create') throw diskError('ENOSPC');
    };
    for (let n = 0; n < 20; n += 1) await stored(put(store, `l${n}`, n));
    heal(disk);
    await store.close();
    const again = await openStore({ path });
    expect(again.reader.state()).toEqual(reader.state());
  });
});

describe('a disk that fails', () => {
  it('refuses writes with STORE_FAILED, and takes them again when it works', async () => {
    const disk = new TestDisk();
    const { store } = await openStore({ disk });
    failOn(disk, 'write', 'EIO');
    expect(await put(store, 'a', 1)).toMatchObject({ kind: 'refused', code: 'STORE_FAILED' });
    heal(disk);
    await stored(put(store, 'a', 2));
  });

  it('goes on in a new journal where half a record could not be cut off', async () => {
    const disk = new TestDisk();
    const { store, reader, path } = await openStore({ disk });
    await stored(put(store, 'a', 1));
    disk.partialBytes = 30;
    disk.before = (step) => {
      if (step === 'write' || step === 'truncate') throw diskError('EIO');
    };
    expect(await put(store, 'b', 1)).toMatchObject({ kind: 'refused', code: 'STORE_FAILED' });
    heal(disk);
    await stored(put(store, 'c', 1));
    expect((await readdir(path)).filter((name) => name !== 'lock').sort()).toEqual([
      'journal-2.log',
      'snapshot-2.log',
    ]);
    const found = await openStore({ path: await crashCopy(path) });
    expect(found.reader.valueOf('things', 'b')).toBeUndefined();
    expect(found.reader.state().map(({ key }) => key)).toEqual(reader.state().map(({ key }) => key));
  });
});

describe('a sync that fails', () => {
  it('leaves its commits unknown, is not tried again on that file, and a new journal takes what comes', async () => {
    const disk = new TestDisk();
    const { store, reader, path } = await openStore({ disk });
    await stored(put(store, 'a', 1));
    failOn(disk, 'datasync', 'EIO');
    expect(await put(store, 'b', 1)).toMatchObject({ kind: 'unknown' });
    const touched: string[] = [];
    disk.before = (step, name) => {
      if (step === 'write' || step === 'datasync') touched.push(name);
    };
    await stored(put(store, 'c', 1));
    expect(touched).not.toContain('journal-1.log');
    expect(touched).toContain('journal-2.log.tmp');
    expect(reader.valueOf('things', 'b')).toBeUndefined();
    const found = await openStore({ path: await crashCopy(path) });
    expect(found.reader.state().map(({ key }) => key)).toEqual(['a', 'c']);
    await store.close();
    const again = await openStore({ path });
    expect(again.reader.state()).toEqual(reader.state());
  });

  it('refuses every write while no new journal can be made either, and tries once a second', async () => {
    const disk = new TestDisk();
    const clock = new FakeClock();
    const { store, path } = await openStore({ disk, clock });
    let tries = 0;
    disk.before = (step) => {
      if (step === 'create') tries += 1;
      if (step === 'datasync') throw diskError('EIO');
    };
    expect(await put(store, 'a', 1)).toMatchObject({ kind: 'unknown' });
    for (let n = 0; n < 5; n += 1) {
      expect(await put(store, 'a', n)).toMatchObject({ kind: 'refused', code: 'STORE_FAILED' });
    }
    expect(tries).toBe(1);
    clock.advance(1_000);
    expect(await put(store, 'a', 7)).toMatchObject({ kind: 'refused', code: 'STORE_FAILED' });
    expect(tries).toBe(2);
    heal(disk);
    clock.advance(1_000);
    await stored(put(store, 'a', 8));
    const { reader } = await openStore({ path: await crashCopy(path) });
    expect(reader.valueOf('things', 'a')).toEqual({ n: 8 });
  });

  it('followed by a crash at any step of the change to a new journal loses nothing that was stored', async () => {
    const disk = new TestDisk();
    const { store, path } = await openStore({ disk });
    await stored(put(store, 'a', 1));
    failOn(disk, 'datasync', 'EIO');
    expect(await put(store, 'b', 1)).toMatchObject({ kind: 'unknown' });
    const crashes: { step: string; copy: string }[] = [];
    disk.before = async (step, name) => {
      if (step !== 'write') crashes.push({ step: `${step} ${name}`, copy: await crashCopy(path) });
    };
    await stored(put(store, 'a', 2));
    const steps = crashes.map(({ step }) => step);
    expect(steps).toContain('rename snapshot-2.log');
    for (const { step, copy } of crashes) {
      const { reader } = await openStore({ path: copy });
      expect(reader.valueOf('things', 'a')?.n, step).toBeGreaterThanOrEqual(1);
      // Unknown until the new snapshot is there, without which the new journal does not count.
      const isDecided = steps.indexOf(step) > steps.indexOf('rename snapshot-2.log');
      if (isDecided) expect(reader.valueOf('things', 'b'), step).toBeUndefined();
    }
  });

  it('at any step of the change to a new journal, however often, leaves a folder that opens with all that was stored', async () => {
    const steps: Step[] = ['create', 'write', 'datasync', 'rename', 'syncFolder', 'remove'];
    for (const failing of steps) {
      for (let nth = 1; nth <= 3; nth += 1) {
        const disk = new TestDisk();
        const clock = new FakeClock();
        const { store, reader, path } = await openStore({ disk, clock });
        await stored(put(store, 'a', 1));
        failOn(disk, 'datasync', 'EIO');
        expect(await put(store, 'b', 1)).toMatchObject({ kind: 'unknown' });
        let left = nth;
        disk.before = (step) => {
          if (step !== failing) return;
          left -= 1;
          if (left === 0) throw diskError('EIO');
        };
        await put(store, 'a', 2);
        clock.advance(1_000);
        heal(disk);
        await stored(put(store, 'a', 3));
        const crashed = await openStore({ path: await crashCopy(path) });
        expect(crashed.reader.valueOf('things', 'a'), `${failing} ${nth}`).toEqual({ n: 3 });
        await store.close();
        const again = await openStore({ path });
        expect(again.reader.state(), `${failing} ${nth}`).toEqual(reader.state());
      }
    }
  });
});

describe('a disk that hangs', () => {
  it('ends what it has begun as unknown and what waits as refused after ten seconds, and delivers what it wrote', async () => {
    const disk = new TestDisk();
    const clock = new FakeClock();
    const { store, reader } = await openStore({ disk, clock });
    const hanging = gate();
    disk.before = (step) => (step === 'datasync' ? hanging.passed : undefined);
    const ends: { [name: string]: CommitOutcome } = {};
    const note = (name: string, outcome: CommitOutcome | Promise<CommitOutcome>) =>
      Promise.resolve(outcome).then((end) => {
        ends[name] = end;
      });
    const begun = note('begun', put(store, 'a', 1));
    await settle();
    const waiting = note('waiting', put(store, 'b', 1));
    await clock.advanceAsync(9_000);
    expect(ends).toEqual({});
    await clock.advanceAsync(2_000);
    await Promise.all([begun, waiting]);
    expect(ends.begun).toMatchObject({ kind: 'unknown' });
    expect(ends.waiting).toMatchObject({ kind: 'refused', code: 'STORE_FAILED' });
    await stored(put(store, 'c', 1, 'volatile'));

    hanging.open();
    heal(disk);
    await reader.passed((reader.revisionOf('things', 'c') ?? 0) + 1);
    expect(reader.valueOf('things', 'a')).toEqual({ n: 1 });
    await stored(put(store, 'd', 1));
    expect(reader.valueOf('things', 'b')).toBeUndefined();
  });

  it('does not hold up volatile changes, however many, and the feed still rises', async () => {
    const disk = new TestDisk();
    const { store, reader } = await openStore({ disk });
    const hanging = gate();
    disk.before = (step) => (step === 'datasync' ? hanging.passed : undefined);
    const durable = [put(store, 'a', 1), put(store, 'b', 1)];
    await settle();
    for (let n = 0; n < 5_000; n += 1) await stored(put(store, `v${n % 100}`, n, 'volatile'));
    expect(reader.feed).toHaveLength(5_000);
    hanging.open();
    for (const outcome of durable) await stored(outcome);
    const revisions = reader.feed.map(({ revision }) => revision);
    expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
    expect(new Set(revisions).size).toBe(5_002);
  });

  it('takes so many commits and no more', async () => {
    const disk = new TestDisk();
    const { store } = await openStore({ disk });
    const hanging = gate();
    disk.before = (step) => (step === 'datasync' ? hanging.passed : undefined);
    const begun = put(store, 'a', 0);
    await settle();
    const waiting = Array.from({ length: 10_000 }, (_, n) => put(store, `k${n}`, n));
    expect(await put(store, 'one too many', 1)).toMatchObject({ kind: 'refused', code: 'LIMIT_REACHED' });
    hanging.open();
    for (const outcome of [begun, ...waiting]) await stored(outcome);
  });

  it('does not hold up a close for longer than ten seconds', async () => {
    const disk = new TestDisk();
    const clock = new FakeClock();
    const { store } = await openStore({ disk, clock });
    const hanging = gate();
    disk.before = (step) => (step === 'datasync' ? hanging.passed : undefined);
    const begun = put(store, 'a', 0);
    await settle();
    const closing = store.close().catch((error: unknown) => error);
    await clock.advanceAsync(11_000);
    const error = await closing;
    expect(error).toBeInstanceOf(RegistryError);
    expect(error).toMatchObject({ code: 'STORE_FAILED' });
    expect(await begun).toMatchObject({ kind: 'unknown' });
    hanging.open();
    await settle();
  });
});

describe('a commit that is too long', () => {
  it('is refused, and harms no other', async () => {
    const { store } = await openStore();
    const long = commitOf([{ key: 'a', value: { text: 'x'.repeat(8_000_001) } }]);
    const [refused, other] = await Promise.all([store.commit(long), put(store, 'b', 1)]);
    expect(refused).toMatchObject({ kind: 'refused', code: 'LIMIT_REACHED' });
    await stored(other);
  });

  it('but within the limit is written, also where many are, in several writes', async () => {
    const { store, reader, path } = await openStore();
    const text = 'ü'.repeat(1_500_000);
    const outcomes = Array.from({ length: 8 }, (_, n) =>
      store.commit(commitOf([{ key: `k${n}`, value: { text } }])),
    );
    for (const outcome of outcomes) await stored(outcome);
    await store.close();
    const again = await openStore({ path });
    expect(again.reader.state()).toEqual(reader.state());
  });
});
