import assert from 'node:assert/strict';
import type { Commit, CommitOutcome, Store, StoreState } from '../../core/index.js';
import { commitOf, MapReader } from './map-reader.js';

export { commitOf, MapReader };

/** One store to be tested. */
export interface StoreUnderTest {
  /** Made, but not opened. */
  readonly store: Store;
  /** For a store that keeps: another one over the same data, once the former was closed. */
  reopen?(): Promise<Store>;
  dispose(): Promise<void>;
}

interface Bench {
  readonly store: Store;
  readonly reader: MapReader;
  readonly state: StoreState;
  /** Closes, opens again and reads into a new reader; undefined for a store that keeps nothing. */
  reopen(): Promise<Bench | undefined>;
}

/**
 * Proves that a store keeps the contract of core/store.ts. `test` is any test runner's own: `describeStore({ test, create })`.
 */
export function describeStore(options: {
  test: (name: string, run: () => Promise<void>) => void;
  create: () => Promise<StoreUnderTest>;
}): void {
  const check = (name: string, run: (bench: Bench) => Promise<void>) =>
    options.test(name, async () => {
      const made = await options.create();
      let open: Store | undefined;
      const openStore = async (store: Store): Promise<Bench> => {
        const reader = new MapReader();
        const state = await store.open(reader);
        open = store;
        const reopen = async () => {
          if (made.reopen === undefined) return undefined;
          await store.close();
          return openStore(await made.reopen());
        };
        return { store, reader, state, reopen };
      };
      try {
        await run(await openStore(made.store));
      } finally {
        await open?.close();
        await made.dispose();
      }
    });

  checkCommits(check);
  checkPreconditions(check);
  checkVolatile(check);
  checkLife(check);
}

type Check = (name: string, run: (bench: Bench) => Promise<void>) => void;

function checkCommits(check: Check): void {
  check('a commit is answered, and the feed delivers what was committed', async ({ store, reader }) => {
    const commit = commitOf([{ key: 'a', value: { n: 1, deep: { list: [1, 'ü', null] } } }]);
    const revision = committed(await store.commit(commit));
    await reader.passed(revision);
    assert.equal(commit.revision, revision);
    const [delivered] = reader.feed;
    assert.equal(delivered?.revision, revision);
    assert.equal(delivered?.local, true);
    assert.deepEqual(delivered?.by, { who: 'suite', door: 'internal' });
    assert.deepEqual(reader.valueOf('things', 'a'), { n: 1, deep: { list: [1, 'ü', null] } });
  });

  check(
    'commits are delivered in the order of the calls, under rising revisions',
    async ({ store, reader }) => {
      const outcomes = await Promise.all(
        Array.from({ length: 200 }, (_, n) => store.commit(commitOf([{ key: `k${n % 7}`, value: { n } }]))),
      );
      const revisions = outcomes.map(committed);
      await reader.passed(revisions.at(-1) ?? 0);
      assertRising(revisions);
      assert.deepEqual(
        reader.feed.map((commit) => commit.revision),
        revisions,
      );
      assert.deepEqual(
        reader.feed.map((commit) => commit.changes[0]?.value?.n),
        Array.from({ length: 200 }, (_, n) => n),
      );
    },
  );

  check('the changes of one commit are delivered together', async ({ store, reader }) => {
    const changes = [
      { key: 'a', value: { n: 1 } },
      { key: 'b', value: { n: 2 } },
      { collection: 'others', key: 'a', value: { n: 3 } },
    ];
    await reader.passed(committed(await store.commit(commitOf(changes))));
    assert.equal(reader.feed.length, 1);
    assert.equal(reader.feed[0]?.changes.length, 3);
    assert.deepEqual(reader.valueOf('others', 'a'), { n: 3 });
    assert.equal(reader.revisionOf('things', 'b'), reader.revisionOf('others', 'a'));
  });

  check('where one change can not be made, none of the commit is', async ({ store, reader }) => {
    const changes: Parameters<typeof commitOf>[0] = [
      { key: 'a', value: { n: 1 } },
      { key: 'b', value: { n: 2 }, when: { kind: 'revision', revision: 7 } },
    ];
    assertConflict(await store.commit(commitOf(changes)));
    assert.equal(reader.values.size, 0);
    assert.equal(reader.feed.length, 0);
  });

  check('a removed key is gone', async ({ store, reader }) => {
    committed(await store.commit(commitOf([{ key: 'a', value: { n: 1 } }])));
    await reader.passed(committed(await store.commit(commitOf([{ key: 'a', value: null }]))));
    assert.equal(reader.valueOf('things', 'a'), undefined);
  });
}

function checkPreconditions(check: Check): void {
  check('absent: the change is made only where the key has no value', async ({ store, reader }) => {
    const absent = (n: number) => commitOf([{ key: 'a', value: { n }, when: { kind: 'absent' } }]);
    await reader.passed(committed(await store.commit(absent(1))));
    assertConflict(await store.commit(absent(2)));
    await reader.passed(committed(await store.commit(commitOf([{ key: 'a', value: null }]))));
    await reader.passed(committed(await store.commit(absent(3))));
    assert.deepEqual(reader.valueOf('things', 'a'), { n: 3 });
  });

  check('revision: the change is made only on the value that was seen', async ({ store, reader }) => {
    const first = committed(await store.commit(commitOf([{ key: 'a', value: { n: 1 } }])));
    await reader.passed(first);
    const seen = { kind: 'revision', revision: first } as const;
    await reader.passed(committed(await store.commit(commitOf([{ key: 'a', value: { n: 2 }, when: seen }]))));
    assertConflict(await store.commit(commitOf([{ key: 'a', value: { n: 3 }, when: seen }])));
    assertConflict(await store.commit(commitOf([{ key: 'b', value: { n: 3 }, when: seen }])));
    assert.deepEqual(reader.valueOf('things', 'a'), { n: 2 });
  });

  check(
    'after: a chain of commits may be queued, each built on the one before',
    async ({ store, reader }) => {
      const commits = [commitOf([{ key: 'a', value: { n: 0 }, when: { kind: 'absent' } }])];
      for (let n = 1; n < 20; n += 1) {
        const when = { kind: 'after', commit: commits.at(-1) as Commit } as const;
        commits.push(commitOf([{ key: 'a', value: n === 10 ? null : { n }, when }]));
      }
      const outcomes = await Promise.all(commits.map((commit) => store.commit(commit)));
      await reader.passed(outcomes.map(committed).at(-1) ?? 0);
      assert.deepEqual(reader.valueOf('things', 'a'), { n: 19 });
    },
  );

  check(
    'after: holds too once that commit has been delivered, and not once another came',
    async ({ store, reader }) => {
      const first = commitOf([{ key: 'a', value: { n: 1 } }]);
      await reader.passed(committed(await store.commit(first)));
      const second = () => commitOf([{ key: 'a', value: { n: 2 }, when: { kind: 'after', commit: first } }]);
      await reader.passed(committed(await store.commit(second())));
      assertConflict(await store.commit(second()));
    },
  );

  check('after: holds for a commit that removed the key', async ({ store, reader }) => {
    committed(await store.commit(commitOf([{ key: 'a', value: { n: 1 } }])));
    const removal = commitOf([{ key: 'a', value: null }]);
    const queued = store.commit(removal);
    const anew = store.commit(
      commitOf([{ key: 'a', value: { n: 2 }, when: { kind: 'after', commit: removal } }]),
    );
    committed(await queued);
    await reader.passed(committed(await anew));
    const again = commitOf([{ key: 'a', value: null }]);
    await reader.passed(committed(await store.commit(again)));
    const late = commitOf([{ key: 'a', value: { n: 3 }, when: { kind: 'after', commit: again } }]);
    await reader.passed(committed(await store.commit(late)));
    assert.deepEqual(reader.valueOf('things', 'a'), { n: 3 });
  });

  check('absent: holds after a queued removal, and not after a queued value', async ({ store }) => {
    const absent = { kind: 'absent' } as const;
    const outcomes = await Promise.all([
      store.commit(commitOf([{ key: 'a', value: { n: 1 } }])),
      store.commit(commitOf([{ key: 'a', value: { n: 2 }, when: absent }])),
      store.commit(commitOf([{ key: 'a', value: null }])),
      store.commit(commitOf([{ key: 'a', value: { n: 3 }, when: absent }])),
    ]);
    assert.deepEqual(
      outcomes.map((outcome) => outcome.kind),
      ['committed', 'refused', 'committed', 'committed'],
    );
  });

  check('a conflict refuses itself and what was built on it, and nothing else', async ({ store, reader }) => {
    await reader.passed(committed(await store.commit(commitOf([{ key: 'a', value: { n: 1 } }]))));
    const failing = commitOf([{ key: 'a', value: { n: 2 }, when: { kind: 'absent' } }]);
    const built = commitOf([{ key: 'a', value: { n: 3 }, when: { kind: 'after', commit: failing } }]);
    const other = commitOf([{ key: 'b', value: { n: 4 }, when: { kind: 'absent' } }]);
    const [first, second, third] = await Promise.all(
      [failing, built, other].map((commit) => store.commit(commit)),
    );
    assertConflict(first);
    assertConflict(second);
    await reader.passed(committed(third));
    assert.deepEqual(reader.valueOf('things', 'a'), { n: 1 });
    assert.deepEqual(reader.valueOf('things', 'b'), { n: 4 });
  });
}

function checkVolatile(check: Check): void {
  check('a volatile commit is delivered before commit returns', async ({ store, reader }) => {
    const commit = commitOf([{ key: 'a', value: { n: 1 } }], 'volatile');
    const outcome = store.commit(commit);
    assert.deepEqual(reader.valueOf('things', 'a'), { n: 1 });
    assert.equal(commit.revision, reader.feed[0]?.revision);
    assert.equal(committed(await outcome), commit.revision);
  });

  check(
    'volatile commits among durable ones: the feed rises, and each key ends as it was last set',
    async ({ store, reader }) => {
      const outcomes: (CommitOutcome | Promise<CommitOutcome>)[] = [];
      for (let n = 0; n < 100; n += 1) {
        outcomes.push(store.commit(commitOf([{ key: `d${n % 5}`, value: { n } }])));
        outcomes.push(store.commit(commitOf([{ key: `v${n % 5}`, value: { n } }], 'volatile')));
        assert.deepEqual(reader.valueOf('things', `v${n % 5}`), { n });
        if (n % 10 === 9) await new Promise((resolve) => setImmediate(resolve));
      }
      const revisions = (await Promise.all(outcomes)).map(committed);
      await reader.passed(Math.max(...revisions));
      assertRising(reader.feed.map((commit) => commit.revision));
      assert.equal(reader.feed.length, 200);
      for (const key of ['d4', 'v4']) assert.deepEqual(reader.valueOf('things', key), { n: 99 });
    },
  );

  check('a volatile commit to a key with a queued change comes after that', async ({ store, reader }) => {
    const durable = commitOf([{ key: 'a', value: { n: 1 } }]);
    const observed = commitOf(
      [{ key: 'a', value: { n: 2 }, when: { kind: 'after', commit: durable } }],
      'volatile',
    );
    const [first, second] = await Promise.all([store.commit(durable), store.commit(observed)]);
    assert.ok(committed(first) < committed(second));
    await reader.passed(committed(second));
    assert.deepEqual(reader.valueOf('things', 'a'), { n: 2 });
  });

  check('a volatile commit whose precondition fails is refused', async ({ store, reader }) => {
    const seen = { kind: 'revision', revision: 7 } as const;
    assertConflict(await store.commit(commitOf([{ key: 'a', value: { n: 1 }, when: seen }], 'volatile')));
    assert.equal(reader.feed.length, 0);
  });
}

function checkLife(check: Check): void {
  check('ids begin at 1 and are never handed out twice', async ({ store, reopen }) => {
    const blocks = await Promise.all(
      [1, 100, 7, 1].map(async (count) => [await store.reserveIds(count), count]),
    );
    const again = await reopen();
    if (again !== undefined) blocks.push([await again.store.reserveIds(5), 5]);
    const ids = blocks.flatMap(([first = 0, count = 0]) =>
      Array.from({ length: count }, (_, n) => first + n),
    );
    assert.equal(Math.min(...ids), 1);
    assert.equal(new Set(ids).size, ids.length);
  });

  check('what was stored is there when the store is opened again', async (bench) => {
    const { store, reader } = bench;
    for (let n = 0; n < 30; n += 1) {
      const key = `k${n % 10}`;
      committed(
        await store.commit(
          commitOf([{ key, value: n % 10 === 3 && n > 20 ? null : { n, text: 'ü\u2028' } }]),
        ),
      );
    }
    committed(await store.commit(commitOf([{ key: 'observed', value: { n: 1 } }], 'volatile')));
    const removed = commitOf([{ key: 'k5', value: null }], 'volatile');
    await reader.passed(committed(await store.commit(removed)));
    const before = reader.state();
    const again = await bench.reopen();
    if (again === undefined) return;
    assert.deepEqual(again.reader.state(), before);
    assert.equal(again.reader.feed.length, 0);
    assert.equal(again.reader.valueOf('things', 'k3'), undefined);
    assert.equal(again.reader.valueOf('things', 'k5'), undefined);
  });

  check('revisions go on rising, under the same epoch and home, after a clean close', async (bench) => {
    const last = committed(await bench.store.commit(commitOf([{ key: 'a', value: { n: 1 } }])));
    const observed = committed(
      await bench.store.commit(commitOf([{ key: 'b', value: { n: 1 } }], 'volatile')),
    );
    const again = await bench.reopen();
    if (again === undefined) return;
    assert.equal(again.state.epoch, bench.state.epoch);
    assert.equal(again.state.home, bench.state.home);
    assert.ok(again.state.revision >= Math.max(last, observed));
    const seen = { kind: 'revision', revision: last } as const;
    const next = committed(await again.store.commit(commitOf([{ key: 'a', value: { n: 2 }, when: seen }])));
    assert.ok(next > again.state.revision);
  });

  check('epoch and home are there from the first opening', async ({ state }) => {
    assert.ok(state.epoch.length > 0 && !state.epoch.includes(':'));
    assert.ok(state.home.length > 0);
    assert.ok(Number.isSafeInteger(state.revision) && state.revision >= 0);
  });

  check(
    'what was queued when the store is closed is still stored, and nothing later is taken',
    async (bench) => {
      const queued = bench.store.commit(commitOf([{ key: 'a', value: { n: 1 } }]));
      const closing = bench.store.close();
      const late = await bench.store.commit(commitOf([{ key: 'b', value: { n: 1 } }]));
      const lateVolatile = await bench.store.commit(commitOf([{ key: 'c', value: { n: 1 } }], 'volatile'));
      for (const outcome of [late, lateVolatile]) {
        assert.equal(outcome.kind === 'refused' && outcome.code, 'STOPPING');
      }
      committed(await queued);
      await closing;
      const again = await bench.reopen();
      if (again === undefined) return;
      assert.deepEqual(
        again.reader.state().map(({ key }) => key),
        ['a'],
      );
    },
  );
}

function committed(outcome: CommitOutcome | undefined): number {
  if (outcome?.kind === 'committed') return outcome.revision;
  return assert.fail(`expected a commit to be stored, and it ended ${JSON.stringify(outcome)}`);
}

function assertConflict(outcome: CommitOutcome | undefined): void {
  assert.equal(outcome?.kind === 'refused' && outcome.code, 'CONFLICT', JSON.stringify(outcome));
}

function assertRising(revisions: readonly number[]): void {
  const falls = revisions.findIndex(
    (revision, index) => index > 0 && revision <= (revisions[index - 1] ?? 0),
  );
  assert.equal(falls, -1, `revision ${revisions[falls]} does not rise above the one before it`);
}
