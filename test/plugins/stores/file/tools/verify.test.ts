import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../../../core/index.js';
import { recover } from '../../../../../plugins/stores/file/recover.js';
import { verify } from '../../../../../plugins/stores/file/tools/index.js';
import { MapReader } from '../../../../contracts/store.js';
import { memoryFolder } from '../../../../support/memory-folder.js';
import { crashCopy, diskError, openStore, put, stored } from '../support.js';
import { boundsOf, changed, fileOf, filesOf, folderOfThree } from './support.js';

const check = (files: ReadonlyMap<string, Buffer>) => verify('/nowhere', systemClock, memoryFolder(files));

function part(files: ReadonlyMap<string, Buffer>, name: string): { bytes: Buffer; at: number[] } {
  const bytes = files.get(name) ?? Buffer.alloc(0);
  return { bytes, at: boundsOf(bytes) };
}

const three = await folderOfThree();
const files = await filesOf(three);
const NAMES = ['journal-2.log', 'journal-3.log', 'snapshot-2.log'];

describe('a folder that is whole', () => {
  it('has every byte accounted for', async () => {
    expect([...files.keys()]).toEqual(NAMES);
    const { findings, files: reports } = await check(files);
    expect(findings).toEqual([]);
    const sizes = new Map(reports.map(({ name, bytes }) => [name, bytes]));
    for (const [name, bytes] of files) expect(sizes.get(name)).toBe(bytes.length);
  });

  it('is one that the store wrote in any way it writes: closed, opened again, with zeros ahead', async () => {
    const { path, store } = await openStore();
    await store.reserveIds(10);
    await stored(put(store, 'a', 1));
    await stored(put(store, 'a', 2, 'volatile'));
    await store.close();
    const again = await openStore({ path });
    await stored(put(again.store, 'b', 1));
    const crashed = await filesOf(await crashCopy(path));
    const name = 'journal-1.log';
    const longer = Buffer.concat([crashed.get(name) ?? Buffer.alloc(0), Buffer.alloc(5_000)]);
    expect((await check(crashed)).findings).toEqual([]);
    const zeroed = await check(new Map([[name, longer]]));
    expect(zeroed.findings).toEqual([]);
    expect(zeroed.files[0]?.zeroed).toBeGreaterThanOrEqual(5_000);
  });
});

describe('damage', () => {
  it.each(NAMES)('is found at every byte of %s, and in every way a bit can turn', async (name) => {
    const whole = files.get(name) ?? Buffer.alloc(0);
    for (let at = 0; at < whole.length; at += 1) {
      for (const by of [0xff, 1 << (at % 8)]) {
        const { findings } = await check(new Map(files).set(name, changed(whole, at, by)));
        expect(
          findings.map(({ file }) => file),
          `byte ${at} of ${name}`,
        ).toContain(name);
        expect(findings.every((finding) => finding.at <= at || finding.file !== name)).toBe(true);
      }
    }
  });

  it.each(NAMES)(
    'is found wherever %s is cut off, but between records of the newest journal',
    async (name) => {
      const { bytes, at: ends } = part(files, name);
      for (let end = 0; end < bytes.length; end += 1) {
        const { findings } = await check(new Map(files).set(name, bytes.subarray(0, end)));
        const isRoom = end >= (ends.at(-1) ?? 0);
        const isUnseen = isRoom || (name === 'journal-3.log' && ends.includes(end, 1));
        expect(findings.length > 0, `${name} cut at ${end}`).toBe(!isUnseen);
      }
    },
  );

  it('is found behind the end of a journal, where zeros may lie and nothing else', async () => {
    for (const name of NAMES) {
      const longer = Buffer.concat([files.get(name) ?? Buffer.alloc(0), Buffer.alloc(64)]);
      const { findings } = await check(new Map(files).set(name, changed(longer, longer.length - 9)));
      expect(findings).toMatchObject([{ file: name, at: part(files, name).at.at(-1) }]);
    }
  });

  it('is told of in all its places, each with the byte where the record begins and what is lost', async () => {
    const damaged = new Map(files);
    const snapshot = part(files, 'snapshot-2.log');
    damaged.set('snapshot-2.log', changed(snapshot.bytes, (snapshot.at[1] ?? 0) + 30));
    const journal = part(files, 'journal-2.log');
    expect(journal.at.length).toBeGreaterThan(6);
    const [, first = 0, second = 0, , fourth = 0, fifth = 0] = journal.at;
    damaged.set('journal-2.log', changed(changed(journal.bytes, first + 20), fourth + 2));
    const { findings } = await check(damaged);
    expect(findings).toMatchObject([
      { file: 'snapshot-2.log', at: snapshot.at[1], what: expect.stringContaining('1 record up to byte') },
      { file: 'journal-2.log', at: first, what: `1 record up to byte ${second} can't be read` },
      { file: 'journal-2.log', at: fourth, what: `1 record up to byte ${fifth} can't be read` },
    ]);
    for (const { meaning } of findings) expect(meaning).toContain('restore a backup');
  });

  it('of the last record is told from none, and not from a write that a crash cut short', async () => {
    const { bytes, at } = part(files, 'journal-3.log');
    const last = at.at(-2) ?? 0;
    const { findings } = await check(new Map(files).set('journal-3.log', changed(bytes, last + 20)));
    expect(findings).toMatchObject([{ at: last, meaning: expect.stringContaining('nobody can tell') }]);
  });

  it('of a first line hides nothing behind it', async () => {
    const { bytes, at } = part(files, 'journal-2.log');
    const twice = changed(changed(bytes, 3), (at[2] ?? 0) + 20);
    const { findings } = await check(new Map(files).set('journal-2.log', twice));
    expect(findings.map((finding) => finding.at)).toEqual([0, at[2]]);
  });

  it('of a first record hides nothing behind it', async () => {
    const { bytes, at } = part(files, 'journal-2.log');
    const twice = changed(changed(bytes, (at[0] ?? 0) + 20), (at[2] ?? 0) + 20);
    const { findings } = await check(new Map(files).set('journal-2.log', twice));
    expect(findings.map((finding) => finding.at)).toEqual([at[0], at[2]]);
  });

  it('is a file that is missing', async () => {
    const without = new Map(files);
    without.delete('journal-2.log');
    expect((await check(without)).findings).toMatchObject([{ file: 'journal-2.log', what: 'it is missing' }]);
    const alone = new Map([['journal-3.log', files.get('journal-3.log') ?? Buffer.alloc(0)]]);
    expect((await check(alone)).findings).toMatchObject([
      { file: 'journal-1.log', what: expect.stringContaining('the snapshot that replaced it') },
      { file: 'journal-2.log' },
    ]);
    const snapshot = new Map([['snapshot-2.log', files.get('snapshot-2.log') ?? Buffer.alloc(0)]]);
    expect((await check(snapshot)).findings).toMatchObject([{ file: 'journal-2.log' }]);
  });

  it('is no word for what a newer version wrote', async () => {
    const line = `rollcall-journal 9 ${crc32('rollcall-journal 9').toString(16).padStart(8, '0')}`;
    const newer = Buffer.from(files.get('journal-3.log') ?? []);
    newer.write(line);
    const [finding] = (await check(new Map(files).set('journal-3.log', newer))).findings;
    expect(finding).toMatchObject({ file: 'journal-3.log', what: expect.stringContaining('has format 9') });
    expect(finding?.meaning).not.toContain('backup');
  });

  it('of the disk itself is told, and the other files are read all the same', async () => {
    const disk = memoryFolder(new Map(files).set('journal-3.log', changed(files.get('journal-3.log'), 60)));
    const failing = {
      ...disk,
      open: async (path: string, mode: 'read' | 'write' | 'create') => {
        const file = await disk.open(path, mode);
        const read = () => Promise.reject(diskError('EIO'));
        return path.endsWith('journal-2.log') ? { ...file, read } : file;
      },
    };
    const { findings } = await verify('/nowhere', systemClock, failing);
    expect(findings).toMatchObject([
      { file: 'journal-2.log', what: expect.stringContaining('EIO') },
      { file: 'journal-3.log' },
    ]);
  });
});

const identity = { epoch: 'e', home: 'h', revision: 0, nextId: 1 };
function beginning(journal?: number, end = 0) {
  return { state: 'begin', ...identity, ...(journal !== undefined && { after: { journal, end } }) };
}
const commits = (count: number) =>
  Array.from({ length: count }, () => ['who', 'door', [['things', 'k', { n: 1 }]]]);

describe('a record whose checksum is right', () => {
  it.each([
    ['is not JSON', '{"commits":', 'it is not JSON'],
    ['is no object', '7', 'it is not a JSON object'],
    ['has a member of an unknown name', { commit: [] }, 'unknown key "commit"'],
    [
      'holds a value that is none',
      { commits: [['who', 'door', [['things', 'k', 1]]]] },
      'expected an object',
    ],
    ['gives a revision that is none', { given: [0, 1] }, '"given.0"'],
    ['begins a journal a second time', beginning(), 'a second beginning'],
  ])('is told of where it %s', async (_, payload, what) => {
    const journal = fileOf('journal', [beginning(), payload, { commits: commits(1) }]);
    const { findings } = await check(new Map([['journal-1.log', journal]]));
    expect(findings).toMatchObject([{ at: boundsOf(journal)[1], what: expect.stringContaining(what) }]);
  });

  it.each([
    ['too few revisions', [{ commits: commits(3) }, { given: [1, 2] }], 2, 'revisions to 2 commits'],
    ['no revisions', [{ commits: commits(1) }, { nextId: 9 }], 2, 'revisions to 0 commits'],
    [
      'revisions that go back',
      [{ commits: commits(1) }, { given: [5, 1], commits: commits(1) }, { given: [5, 1] }],
      3,
      'revision 5 follows 5',
    ],
  ])('is told of where it gives %s', async (_, payloads, index, what) => {
    const journal = fileOf('journal', [beginning(), ...payloads]);
    const { findings } = await check(new Map([['journal-1.log', journal]]));
    expect(findings).toMatchObject([{ at: boundsOf(journal)[index], what: expect.stringContaining(what) }]);
  });

  it('may give revisions alone, the next one then none', async () => {
    const payloads = [beginning(), { commits: commits(2) }, { given: [4, 2] }, { commits: commits(1) }];
    expect((await check(new Map([['journal-1.log', fileOf('journal', payloads)]]))).findings).toEqual([]);
  });

  it('must follow the record before it, also from file to file', async () => {
    const first = fileOf('journal', [beginning(), { nextId: 5 }]);
    const cases = [
      { after: beginning(1, first.length), sequence: 2, what: undefined },
      { after: beginning(1, first.length), sequence: 3, what: 'begin with number 3, where 2 was to come' },
      { after: beginning(7, first.length), sequence: 2, what: 'does not say that it follows journal-1.log' },
      { after: beginning(1, first.length - 1), sequence: 2, what: 'records go on up to byte' },
      { after: beginning(1, first.length + 1), sequence: 2, what: 'records go on up to byte' },
    ];
    for (const { after, sequence, what } of cases) {
      const second = fileOf('journal', [after], sequence);
      const { findings } = await check(
        new Map([
          ['journal-1.log', first],
          ['journal-2.log', second],
        ]),
      );
      if (what === undefined) expect(findings).toEqual([]);
      else expect(findings.map((finding) => finding.what).join()).toContain(what);
    }
  });

  it('behind one that is not whole shows damage only where that was on disk before it', async () => {
    for (const [synced, what] of [
      [2, 'nothing behind it shows that it ever was'],
      [3, '1 record up to byte'],
      [undefined, '1 record up to byte'],
    ] as const) {
      const journal = fileOf('journal', [beginning(), { nextId: 2 }, { nextId: 3 }, { nextId: 4, synced }]);
      const at = boundsOf(journal)[2] ?? 0;
      const files = new Map([['journal-1.log', changed(journal, at + 18)]]);
      const { findings } = await check(files);
      expect(findings).toMatchObject([{ at, what: expect.stringContaining(what) }]);
      const start = await recover(memoryFolder(files), '/nowhere', new MapReader(), systemClock).catch(
        () => 'refused',
      );
      expect(start === 'refused').toBe(synced !== 2);
    }
  });

  it('of a journal that waits for its snapshot counts only beside that', async () => {
    const first = fileOf('journal', [beginning(), { nextId: 5 }]);
    const waiting = (after: number) =>
      fileOf('journal', [{ ...beginning(after, 30), needsSnapshot: true }], 1);
    const alone = await check(
      new Map([
        ['journal-1.log', first],
        ['journal-2.log', waiting(1)],
      ]),
    );
    expect(alone).toMatchObject({
      findings: [],
      leftovers: ['journal-2.log'],
      files: [{ name: 'journal-1.log' }],
    });
    const wrong = await check(
      new Map([
        ['journal-1.log', first],
        ['journal-2.log', waiting(7)],
      ]),
    );
    expect(wrong.findings).toMatchObject([{ what: 'it does not say that it follows journal-1.log' }]);
    const snapshot = fileOf('snapshot', [{ snapshot: 2 }, { end: 0 }]);
    const beside = await check(
      new Map([
        ['journal-2.log', waiting(1)],
        ['snapshot-2.log', snapshot],
      ]),
    );
    expect(beside).toMatchObject({ findings: [], leftovers: [], files: [{}, { name: 'journal-2.log' }] });
  });

  it.each([
    [
      [{ snapshot: 2 }, { entries: [['things', 'k', 1, {}]] }, { end: 2 }],
      'holds 1 entry, and its end counts 2',
    ],
    [[{ snapshot: 2 }, { entries: [['things', 'k', 1, {}]] }], 'the end record is missing'],
    [[{ snapshot: 3 }, { end: 0 }], 'it says that it is snapshot 3'],
    [[{ entries: [] }, { end: 0 }], 'does not begin a snapshot'],
    [[{ snapshot: 2 }, { end: 0 }, { entries: [] }], 'a record follows the end record'],
    [[{ snapshot: 2 }, { entries: [['things', 'k', 1, null]] }, { end: 1 }], 'expected an object'],
  ])('is told of in a snapshot %j', async (payloads, what) => {
    const journal = fileOf('journal', [beginning(1, 99)], 40);
    const snapshot = fileOf('snapshot', payloads);
    const { findings } = await check(
      new Map([
        ['journal-2.log', journal],
        ['snapshot-2.log', snapshot],
      ]),
    );
    expect(findings.map((finding) => finding.what).join()).toContain(what);
  });
});
