import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { silentLogger } from '../../core/index.js';
import { FileStore } from '../../plugins/stores/file/file-store.js';
import { commitOf, MapReader } from '../contracts/store.js';
import { Chance } from '../support/chance.js';
import { FakeClock } from '../support/fake-clock.js';
import { tempFolder } from '../support/temp-folder.js';
import { type Faults, NO_FAULTS, PowerCutDisk } from './power-cut-disk.js';

/** The first of all choices, always: nothing survives a power cut, or a sync that fails, but what was synced before. */
class WorstChance extends Chance {
  override next(): number {
    return 0;
  }
}

const DATASYNC_FAILS: Faults = { rate: 1, codes: ['EIO'], onlySyncs: true };

/** One folder, opened by one process after the other. */
async function bench() {
  const path = await tempFolder();
  const disk = new PowerCutDisk(new WorstChance(0));
  const clock = new FakeClock();
  const open = async ({ ticks = Number.POSITIVE_INFINITY, faults = NO_FAULTS } = {}) => {
    rmSync(join(path, 'lock'), { force: true });
    const session = disk.begin(ticks, faults);
    const store = new FileStore({ path, clock, logger: silentLogger, snapshotBytes: 4_000, disk: session });
    const reader = new MapReader();
    const opening = store.open(reader).then(() => 'open' as const);
    return { store, reader, session, opened: await Promise.race([opening, session.over]) };
  };
  // Longer than a sector, so that a record can be lost though what follows it is not.
  const put = async (store: FileStore, key: string) =>
    store.commit(commitOf([{ key, value: { key, filler: 'x'.repeat(1_000) } }]));
  return { disk, open, put };
}

it('what is answered after a kill at any moment survives a power cut, which loses all that the killed one had not synced', async () => {
  for (let ticks = 1, isDone = false; !isDone; ticks += 1) {
    const { disk, open, put } = await bench();
    const first = await open({ ticks });
    const work = async () => {
      for (let n = 0; n < 6; n += 1) await put(first.store, `k${n}`);
      await first.store.close();
      return 'done' as const;
    };
    isDone = first.opened === 'open' && (await Promise.race([work(), first.session.over])) === 'done';
    disk.kill();

    const second = await open();
    const found = second.reader.state();
    expect(await put(second.store, 'answered')).toMatchObject({ kind: 'committed' });
    disk.cut();

    const third = await open();
    expect(third.reader.valueOf('things', 'answered'), `after a kill at ${ticks}`).toBeDefined();
    expect(third.reader.state().length, `after a kill at ${ticks}`).toBe(found.length + 1);
    await third.store.close();
  }
});

it.each([
  ['the next one', false],
  ['one that had failed to start in between', true],
])(
  'what a failed sync has left readable, but not on disk, does not break what %s writes behind it',
  async (_, failsInBetween) => {
    const { disk, open, put } = await bench();
    const faults = { ...NO_FAULTS };
    const first = await open({ faults });
    await put(first.store, 'kept');
    Object.assign(faults, DATASYNC_FAILS);
    expect(await put(first.store, 'unknown')).toMatchObject({ kind: 'unknown' });
    disk.kill();
    if (failsInBetween)
      await expect(open({ faults: DATASYNC_FAILS })).rejects.toMatchObject({ code: 'STORE_FAILED' });
    disk.kill();

    const second = await open();
    expect(await put(second.store, 'answered')).toMatchObject({ kind: 'committed' });
    disk.cut();

    const third = await open();
    expect(third.reader.valueOf('things', 'kept')).toBeDefined();
    expect(third.reader.valueOf('things', 'answered')).toBeDefined();
  },
);
