import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../../../core/index.js';
import { nodeDisk } from '../../../../../plugins/stores/file/disk.js';
import { exportFolder } from '../../../../../plugins/stores/file/tools/index.js';
import { commitOf } from '../../../../contracts/store.js';
import { memoryFolder } from '../../../../support/memory-folder.js';
import { crashCopy, openStore, put, stored } from '../support.js';
import { boundsOf, changed, fileOf, filesOf, folderOfThree } from './support.js';

async function linesOf(path: string, disk = nodeDisk): Promise<{ [member: string]: unknown }[]> {
  let text = '';
  for await (const piece of exportFolder(path, systemClock, disk).pieces) text += piece;
  expect(text.endsWith('\n')).toBe(true);
  return text
    .slice(0, -1)
    .split('\n')
    .map((line) => JSON.parse(line));
}

describe('an export', () => {
  it('says what it is, gives every key with its revision, and counts them', async () => {
    const { path, store, state, reader } = await openStore();
    await store.reserveIds(100);
    await stored(put(store, 'a', 1));
    await stored(put(store, 'b', 2));
    await stored(put(store, 'c', 3, 'volatile'));
    await stored(store.commit(commitOf([{ key: 'a', value: null }])));
    await store.close();
    const [header, ...lines] = await linesOf(path);
    const { epoch, home } = state;
    expect(header).toEqual({ rollcall: 'export', format: 1, epoch, home, revision: 4, nextId: 101 });
    expect(lines).toEqual([...reader.state(), { end: 2 }]);
  });

  it('holds what a start would find, of snapshot and journals, each key once', async () => {
    const path = await folderOfThree();
    const lines = await linesOf(path);
    const { reader } = await openStore({ path: await crashCopy(path) });
    const byKey = (a: { key?: unknown }, b: { key?: unknown }) => (String(a.key) < String(b.key) ? -1 : 1);
    expect(lines.slice(1, -1).toSorted(byKey)).toEqual(reader.state());
    expect(lines.at(-1)).toEqual({ end: reader.state().length });
  });

  it('takes of a key what is newer, in the snapshot or in a journal', async () => {
    const identity = { epoch: 'e', home: 'h', revision: 20, nextId: 1 };
    const entry = (key: string, revision: number, n: number) => ['things', key, revision, { n }];
    const files = new Map([
      [
        'snapshot-2.log',
        fileOf('snapshot', [
          { snapshot: 2 },
          { entries: [entry('older', 3, 1), entry('newer', 9, 1), entry('gone', 3, 1), entry('back', 9, 1)] },
          { end: 4 },
        ]),
      ],
      [
        'journal-2.log',
        fileOf(
          'journal',
          [
            { state: 'begin', ...identity, revision: 2 },
            {
              volatile: [
                [5, 'w', 'd', 'things', 'older', { n: 2 }],
                [5, 'w', 'd', 'things', 'newer', { n: 2 }],
                [6, 'w', 'd', 'things', 'gone', null],
                [7, 'w', 'd', 'things', 'back', null],
                [8, 'w', 'd', 'things', 'new', { n: 2 }],
              ],
            },
            { state: 'close', ...identity },
          ],
          50,
        ),
      ],
    ]);
    const lines = await linesOf('/nowhere', memoryFolder(files));
    expect(lines.slice(1).map(({ key, value }) => [key, (value as { n?: number } | undefined)?.n])).toEqual([
      ['older', 2],
      ['newer', 1],
      ['back', 1],
      ['new', 2],
      [undefined, undefined],
    ]);
  });

  it('tells a key once that was removed and came back while the snapshot was written, and not one that is gone', async () => {
    const identity = { epoch: 'e', home: 'h', revision: 20, nextId: 1 };
    const entry = (key: string, revision: number, n: number) => ['things', key, revision, { n }];
    const entries = [entry('back', 2, 1), entry('gone', 2, 1), entry('back', 10, 3), entry('gone', 11, 3)];
    const volatile = [
      [10, 'w', 'd', 'things', 'back', { n: 3 }],
      [12, 'w', 'd', 'things', 'gone', null],
    ];
    const records = [
      { state: 'begin', ...identity, revision: 2 },
      { volatile },
      { state: 'close', ...identity },
    ];
    const files = new Map([
      ['snapshot-2.log', fileOf('snapshot', [{ snapshot: 2 }, { entries }, { end: 4 }])],
      ['journal-2.log', fileOf('journal', records, 50)],
    ]);
    const lines = await linesOf('/nowhere', memoryFolder(files));
    expect(lines.slice(1)).toEqual([
      { collection: 'things', key: 'back', value: { n: 3 }, revision: 10 },
      { end: 1 },
    ]);
  });

  it('of a damaged folder gives no line at all', async () => {
    const files = await filesOf(await folderOfThree());
    for (const [name, bytes] of files) {
      if (name === 'journal-3.log') continue;
      const damaged = memoryFolder(
        new Map(files).set(name, changed(bytes, (boundsOf(bytes).at(-1) ?? 0) - 3)),
      );
      const pieces = exportFolder('/nowhere', systemClock, damaged).pieces[Symbol.asyncIterator]();
      await expect(pieces.next()).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    }
  });

  it('reads no further than it is asked for, and lets go of its files when nobody asks any more', async () => {
    const { path, store } = await openStore({ snapshotBytes: 500_000 });
    const value = { text: 'x'.repeat(1_000) };
    for (let n = 0; n < 60; n += 1) {
      const changes = Array.from({ length: 50 }, (_, index) => ({ key: `k${n}-${index}`, value }));
      await stored(store.commit(commitOf(changes)));
    }
    await store.close();
    let open = 0;
    let reads = 0;
    const counting = {
      ...nodeDisk,
      open: async (name: string, mode: 'read' | 'write' | 'create') => {
        const file = await nodeDisk.open(name, mode);
        open += 1;
        return {
          ...file,
          read: (into: Buffer, position: number) => {
            reads += 1;
            return file.read(into, position);
          },
          close: () => {
            open -= 1;
            return file.close();
          },
        };
      },
    };
    const pieces = exportFolder(path, systemClock, counting).pieces[Symbol.asyncIterator]();
    const { value: piece } = await pieces.next();
    expect(piece.length).toBeLessThan(70_000);
    const then = reads;
    for (let turn = 0; turn < 50; turn += 1) await nextTurn();
    expect(reads).toBe(then);
    await pieces.next();
    expect(reads).toBeGreaterThan(then);
    expect(open).toBeGreaterThan(0);
    await pieces.return?.();
    expect(open).toBe(0);
  });
});
