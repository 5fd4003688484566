import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../../core/index.js';
import { recover } from '../../../../plugins/stores/file/recover.js';
import { commitOf, MapReader } from '../../../contracts/store.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { memoryFolder } from '../../../support/memory-folder.js';
import { crashCopy, openStore, put, stored } from './support.js';

const JOURNAL = 'journal-1.log';
const FRAME_BYTES = 16;

/** Where the records of a journal end, found as its README says; the first is the end of its first line. */
function endsOf(journal: Buffer): number[] {
  const ends = [journal.indexOf('\n') + 1];
  for (;;) {
    const at = ends.at(-1) ?? 0;
    if (at + FRAME_BYTES > journal.length) return ends;
    const end = at + FRAME_BYTES + journal.readUInt32LE(at);
    if (end > journal.length || crc32(journal.subarray(at + 8, end)) !== journal.readUInt32LE(at + 4))
      return ends;
    ends.push(end);
  }
}

/** What a registry finds that opens this journal: its keys with their values, and whether it says that some was cut off. */
async function found(journal: Buffer): Promise<{ values: string; isTorn: boolean } | { code: string }> {
  const reader = new MapReader();
  try {
    const { journal: end } = await recover(
      memoryFolder(new Map([[JOURNAL, journal]])),
      '',
      reader,
      systemClock,
    );
    return { values: valuesOf(reader), isTorn: (end?.torn ?? 0) > 0 };
  } catch (error) {
    return { code: String((error as { code?: unknown }).code) };
  }
}

function valuesOf(reader: MapReader): string {
  return JSON.stringify(reader.state().map(({ collection, key, value }) => [collection, key, value]));
}

/** As expect, for tens of thousands of times. */
function same(actual: object, expected: object, where: string): void {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) expect(actual, where).toEqual(expected);
}

type Store = Awaited<ReturnType<typeof openStore>>['store'];
type End = 'killed' | 'killed when all was quiet' | 'closed';

/** The journal of a registry that ended so, without the room behind its end. */
async function journalOf(write: (store: Store) => Promise<void>, end: End = 'killed') {
  const clock = new FakeClock();
  const { store, path } = await openStore({ clock });
  await write(store);
  if (end === 'closed') await store.close();
  if (end === 'killed when all was quiet') await clock.advanceAsync(1_000);
  const bytes = await readFile(join(await crashCopy(path), JOURNAL));
  return bytes.subarray(0, endsOf(bytes).at(-1));
}

describe('a journal cut at any byte of its last 4 KB', () => {
  const write = async (store: Store) => {
    for (let n = 0; n < 20; n += 1) {
      const filler = 'x'.repeat((n * 37) % 300);
      const value = n % 9 === 8 ? null : { n, filler };
      await stored(
        store.commit(
          commitOf([
            { key: `k${n % 16}`, value },
            { key: 'last', value: { n } },
          ]),
        ),
      );
    }
  };

  it.each([
    ['cut off', 0],
    ['lost to zeros', 5_000],
  ])(
    'holds exactly the records that are whole, and says what was lost, where the rest was %s',
    async (_, room) => {
      const journal = await journalOf(write);
      const ends = endsOf(journal);
      expect(journal.length).toBeGreaterThan(4_096 + (ends[1] ?? 0));
      const wholes = new Map<number, string>();
      for (const end of ends.slice(1)) {
        const whole = await found(journal.subarray(0, end));
        expect(whole).toMatchObject({ isTorn: false });
        wholes.set(end, 'values' in whole ? whole.values : '');
      }
      expect(new Set(wholes.values()).size).toBeGreaterThan(20);
      for (let cut = journal.length - 4_096; cut <= journal.length; cut += 1) {
        const end = ends.findLast((at) => at <= cut) ?? 0;
        const isTorn = journal.subarray(end, cut).some((byte) => byte !== 0);
        const left = Buffer.concat([journal.subarray(0, cut), Buffer.alloc(room)]);
        same(await found(left), { values: wholes.get(end), isTorn }, `cut at ${cut}`);
      }
    },
  );

  it('takes new writes, which are there after the next crash', async () => {
    const journal = await journalOf(write);
    const ends = endsOf(journal);
    const sample = Array.from({ length: 40 }, (_, at) => journal.length - at * 103);
    for (const cut of [...sample, ...ends.slice(-4).flatMap((end) => [end, end - 1, end - FRAME_BYTES])]) {
      const { path, store } = await openStore();
      await store.close();
      await writeFile(join(path, JOURNAL), journal.subarray(0, cut));
      const cutOff = await openStore({ path });
      expect(
        cutOff.state.notes?.some((note) => note.includes('cut off')),
        `cut at ${cut}`,
      ).toBe(!ends.includes(cut));
      await stored(put(cutOff.store, 'new', cut));
      const again = await openStore({ path: await crashCopy(path) });
      expect(valuesOf(again.reader), `cut at ${cut}`).toBe(valuesOf(cutOff.reader));
      expect(await readdir(path)).toEqual([JOURNAL, 'lock']);
      await cutOff.store.close();
      await again.store.close();
    }
  });
});

describe('a small journal of which one bit is flipped', () => {
  const write = async (store: Store) => {
    await store.reserveIds(100);
    await stored(put(store, 'a', 1));
    await stored(put(store, 'a', 2, 'volatile'));
    const more = { key: 'ü', value: { n: 4 } };
    await stored(store.commit(commitOf([{ key: 'b', value: { n: 3 } }, more])));
    await stored(
      store.commit(
        commitOf([
          { key: 'b', value: null },
          { key: 'a', value: { n: 5 } },
        ]),
      ),
    );
  };

  it.each<End>(['killed', 'killed when all was quiet', 'closed'])(
    'is refused, or lacks its last record and says so, and never holds a wrong value, where the registry was %s',
    async (end) => {
      const journal = await journalOf(write, end);
      const lastRecord = endsOf(journal).at(-2) ?? 0;
      const whole = await found(journal);
      const withoutLast = await found(journal.subarray(0, lastRecord));
      expect(withoutLast).toMatchObject({ isTorn: false });
      // Only a crash within a moment of it can take damage to the last commit for a half-written one.
      if (end !== 'killed') expect(withoutLast).toEqual(whole);
      for (const room of [0, 100]) {
        const bytes = Buffer.concat([journal, Buffer.alloc(room)]);
        for (let bit = 0; bit < journal.length * 8; bit += 1) {
          const at = bit >> 3;
          const byte = bytes[at] ?? 0;
          bytes[at] = byte ^ (1 << (bit & 7));
          const outcome = await found(bytes);
          bytes[at] = byte;
          if (at >= lastRecord) same(outcome, { ...withoutLast, isTorn: true }, `bit ${bit}`);
          else if (!('code' in outcome && /^STORE_(CORRUPT|VERSION)$/.test(outcome.code))) {
            expect.fail(`bit ${bit} went unnoticed: ${JSON.stringify(outcome)}`);
          }
        }
      }
    },
  );

  it('says so too where the bit lies in the room behind its end', async () => {
    const journal = await journalOf((store) => stored(put(store, 'a', 1)).then(() => {}));
    const whole = await found(journal);
    const bytes = Buffer.concat([journal, Buffer.alloc(200)]);
    for (let bit = journal.length * 8; bit < bytes.length * 8; bit += 1) {
      const at = bit >> 3;
      bytes[at] = 1 << (bit & 7);
      same(await found(bytes), { ...whole, isTorn: true }, `bit ${bit}`);
      bytes[at] = 0;
    }
  });
});
