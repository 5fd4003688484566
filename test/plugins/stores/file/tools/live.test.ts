import { open, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../../../../core/index.js';
import { RecordEncoder } from '../../../../../plugins/stores/file/frame.js';
import { exportFolder, inspect, verify } from '../../../../../plugins/stores/file/tools/index.js';
import { commitOf } from '../../../../contracts/store.js';
import { crashCopy, openStore, put, stored } from '../support.js';
import { boundsOf } from './support.js';

/** Commits as fast as the store takes them, until it is told to stop; answers by then, and how many were stored. */
function busy(store: Awaited<ReturnType<typeof openStore>>['store']) {
  let isOver = false;
  let count = 0;
  const run = async () => {
    while (!isOver) {
      const value = { n: count, text: 'x'.repeat(200) };
      await stored(store.commit(commitOf([{ key: `k${count % 50}`, value }])));
      count += 1;
    }
  };
  const runs = [run(), run(), run()];
  return {
    get count() {
      return count;
    },
    async stop() {
      isOver = true;
      await Promise.all(runs);
    },
  };
}

describe('beside a registry that writes as fast as it can, and replaces its files', () => {
  it.each([
    { syncs: 'before it answers', options: {} },
    { syncs: 'after it answers', options: { intervalMs: 5 } },
  ])(
    'and syncs $syncs, verify finds nothing, and inspect and export see what was answered',
    async ({ options }) => {
      const { path, store } = await openStore({ snapshotBytes: 65_536, ...options });
      const writer = busy(store);
      const names = new Set<string>();
      try {
        for (let round = 0; round < 40 || names.size < 6; round += 1) {
          const least = writer.count;
          const { findings, files, isLive } = await verify(path, systemClock);
          expect(findings).toEqual([]);
          expect(isLive).toBe(true);
          for (const { name } of files) names.add(name);
          const { damage, state } = await inspect(path, systemClock);
          expect(damage).toBeUndefined();
          expect(state?.collections[0]?.keys).toBeGreaterThan(0);
          expect(state?.collections[0]?.keys).toBeLessThanOrEqual(50);
          let text = '';
          for await (const piece of exportFolder(path, systemClock).pieces) text += piece;
          const numbers = text
            .split('\n')
            .flatMap((line) => (line.includes('"k') ? [JSON.parse(line).value.n] : []));
          expect(Math.max(...numbers)).toBeGreaterThanOrEqual(least - 3);
        }
      } finally {
        await writer.stop();
      }
    },
  );
});

describe('a record that is being written while the journal is read', () => {
  /** A store that is open and idle, a record half of which lies behind its journal's end, and the rest of it. */
  async function halfWritten() {
    const { path, store } = await openStore();
    await stored(put(store, 'a', 1));
    const copy = await crashCopy(path);
    const journal = join(copy, 'journal-1.log');
    const record = new RecordEncoder().encode(JSON.stringify({ given: [1, 1], nextId: 7 }), 2);
    await writeFile(join(copy, 'lock'), await readFile(join(path, 'lock')));
    const end = boundsOf(await readFile(journal)).at(-1) ?? 0;
    const write = async (bytes: Buffer, at: number) => {
      const file = await open(journal, 'r+');
      await file.write(bytes, 0, bytes.length, at);
      await file.close();
    };
    await write(record.subarray(0, 25), end);
    return { path: copy, end, finish: () => write(record.subarray(25), end + 25) };
  }

  /** A clock whose first wait is the time in which something happens. */
  function clockWith(happens: () => Promise<void>): Clock {
    let hasHappened = false;
    return {
      ...systemClock,
      setTimer(_, run) {
        const first = hasHappened ? Promise.resolve() : happens();
        hasHappened = true;
        first.then(run);
        return { cancel() {} };
      },
    };
  }

  it('is not taken for damage', async () => {
    const { path, finish } = await halfWritten();
    const { findings, files } = await verify(path, clockWith(finish));
    expect(findings).toEqual([]);
    expect(files).toMatchObject([{ records: 3 }]);
  });

  it('is told of as half-written where it stays so, by whoever holds the lock', async () => {
    const { path, end } = await halfWritten();
    const finding = { at: end, meaning: expect.stringContaining('a write that a crash cut short') };
    expect(
      (
        await verify(
          path,
          clockWith(async () => {}),
        )
      ).findings,
    ).toMatchObject([finding]);
    await writeFile(join(path, 'lock'), JSON.stringify({ pid: 2 ** 30, host: hostname(), since: 'then' }));
    expect((await verify(path, systemClock)).findings).toMatchObject([finding]);
    expect(await inspect(path, systemClock)).toMatchObject({
      lock: { kind: 'dead', holder: { pid: 2 ** 30 } },
      state: { torn: expect.any(Number), isClean: false, revision: 0, unnumbered: 1 },
    });
  });
});
