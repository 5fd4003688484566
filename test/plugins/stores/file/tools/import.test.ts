import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentLogger, systemClock } from '../../../../../core/index.js';
import { nodeDisk } from '../../../../../plugins/stores/file/disk.js';
import { FileStore } from '../../../../../plugins/stores/file/file-store.js';
import {
  exportFolder,
  importFolder,
  inspect,
  verify,
} from '../../../../../plugins/stores/file/tools/index.js';
import { MapReader } from '../../../../contracts/store.js';
import { crashCopy, diskError, openStore, put, stored, TestDisk, tempFolder } from '../support.js';
import { changed, filesOf, folderOfThree } from './support.js';

async function textOf(path: string): Promise<string> {
  let text = '';
  for await (const piece of exportFolder(path, systemClock).pieces) text += piece;
  return text;
}

/** Bytes in pieces of a size that cuts through lines and characters. */
async function* bytesOf(text: string, size = 7): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const restore = (path: string, text: string, isForced = false, disk = nodeDisk) =>
  importFolder(path, bytesOf(text), systemClock, { isForced, disk });

/** A crash's copy of a folder, in a folder of its own: what is kept beside it is removed with it. */
async function nestedCopy(path: string): Promise<string> {
  const copy = join(await tempFolder(), 'data');
  await rename(await crashCopy(path), copy);
  return copy;
}

const HEADER = '{"rollcall":"export","format":1,"epoch":"e","home":"h","revision":9,"nextId":5}';
const ENTRY = '{"collection":"things","key":"ä\\u0000b","value":{"n":"ö"},"revision":9}';
const EXPORT = `${HEADER}\n${ENTRY}\n{"end":1}\n`;

describe('an import', () => {
  it('gives the same export again, but for the epoch', async () => {
    const path = await folderOfThree();
    const text = await textOf(path);
    const target = join(await tempFolder(), 'deep', 'data');
    const done = await restore(target, text);
    expect((await verify(target, systemClock)).findings).toEqual([]);
    const [header = '', ...lines] = text.split('\n');
    const again = await textOf(target);
    const [headerAgain = '', ...linesAgain] = again.split('\n');
    expect(linesAgain).toEqual(lines);
    const { epoch, ...rest } = JSON.parse(header);
    const { epoch: epochAgain, ...restAgain } = JSON.parse(headerAgain);
    expect(restAgain).toEqual(rest);
    expect(epochAgain).not.toBe(epoch);
    expect(epochAgain).toBe(done.epoch);
  });

  it('starts as after a clean close: with its epoch, home and revisions, and ids that were never given', async () => {
    const target = await tempFolder();
    const { epoch } = await restore(target, EXPORT);
    const { state, store, reader } = await openStore({ path: target });
    expect(state).toMatchObject({ epoch, home: 'h', revision: 9, notes: [] });
    expect(reader.state()).toEqual([
      { collection: 'things', key: 'ä\u0000b', value: { n: 'ö' }, revision: 9 },
    ]);
    expect(await store.reserveIds(1)).toBe(5);
    expect(await stored(put(store, 'a', 1))).toBe(10);
  });

  it.each([
    ['', 1, 'nothing'],
    ['\n', 1, 'an empty line'],
    ['{"op":"put"}\n', 1, 'first line'],
    [`${ENTRY}\n`, 1, 'first line'],
    [HEADER, 2, 'cut off'],
    [`${HEADER}\n${ENTRY}\n`, 3, 'cut off'],
    [`${HEADER}\n${ENTRY.slice(0, -5)}`, 2, ENTRY.slice(0, 20)],
    [`${HEADER}\n{"end":1}\n`, 2, 'counts 0 keys, found 1'],
    [`${HEADER}\n${ENTRY}\n{"end":2}\n`, 3, 'counts 1 keys, found 2'],
    [`${HEADER}\n${ENTRY}\n${ENTRY}\n{"end":2}\n`, 3, 'as on line 2'],
    [`${EXPORT}${ENTRY}\n`, 4, 'nothing behind'],
    [`${HEADER}\n\n${ENTRY}\n{"end":1}\n`, 2, 'an empty line'],
    [`${HEADER}\n${ENTRY.replace('"revision":9', '"revision":10')}\n{"end":1}\n`, 2, 'at most 9'],
    [`${HEADER}\n${ENTRY.replace('"revision":9', '"revision":"9"')}\n{"end":1}\n`, 2, '"revision"'],
    [`${HEADER}\n${ENTRY.replace('"key"', '"kye"')}\n{"end":1}\n`, 2, '"kye"'],
    [`${HEADER}\n${ENTRY.replace('{"n":"ö"}', 'null')}\n{"end":1}\n`, 2, 'expected an object'],
    [`${HEADER}\n[]\n{"end":1}\n`, 2, 'found "[]"'],
    [EXPORT.replace('"nextId":5', '"nextId":0'), 1, '"nextId"'],
  ])('refuses %j, names line %i, and makes nothing', async (text, line, what) => {
    const parent = await tempFolder();
    const error = await restore(join(parent, 'data'), text).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(error.message).toContain(`Line ${line}: expected`);
    expect(error.message).toContain(what);
    expect(error.message).toContain('Nothing was imported');
    expect(await readdir(parent)).toEqual([]);
  });

  it('refuses every cut of an export but that of its last line feed', async () => {
    const parent = await tempFolder();
    for (let end = 0; end < EXPORT.length - 1; end += 1) {
      await expect(restore(join(parent, 'data'), EXPORT.slice(0, end))).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
    }
    expect(await readdir(parent)).toEqual([]);
    await restore(join(parent, 'data'), EXPORT.slice(0, -1));
  });

  it('refuses bytes that are no UTF-8, a line without an end, and an export of a newer version', async () => {
    const path = join(await tempFolder(), 'data');
    const from = (chunks: AsyncIterable<Uint8Array>) =>
      importFolder(path, chunks, systemClock, { isForced: false });
    async function* broken() {
      yield Buffer.from(EXPORT, 'latin1');
    }
    await expect(from(broken())).rejects.toMatchObject({
      message: expect.stringContaining('Line 2: expected text'),
    });
    let given = 0;
    async function* endless() {
      for (;;) {
        given += 1;
        yield Buffer.alloc(2 ** 20, 'x');
      }
    }
    await expect(from(endless())).rejects.toMatchObject({
      message: expect.stringContaining('Line 1: expected a line of'),
    });
    expect(given).toBeLessThan(40);
    const newer = EXPORT.replace('"format":1', '"format":2,"more":{}');
    await expect(restore(path, newer)).rejects.toMatchObject({ code: 'STORE_VERSION' });
  });
});

describe('an import into a folder that is in use', () => {
  it('by a catalogue leaves that as it is', async () => {
    const path = await folderOfThree();
    const files = await filesOf(path);
    await expect(restore(path, EXPORT)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/holds a catalogue already.*--force/),
    });
    expect(await filesOf(path)).toEqual(files);
  });

  it('by a registry is refused, forced or not', async () => {
    const { path } = await openStore();
    const names = await readdir(dirname(path));
    await expect(restore(path, EXPORT, true)).rejects.toMatchObject({ code: 'STORE_LOCKED' });
    const added = (await readdir(dirname(path))).filter((name) => name.startsWith(basename(path)));
    expect(added).toEqual([basename(path)]);
    expect(names).toContain(basename(path));
  });

  it('by other files, or by what a crash left half-written, goes on beside them', async () => {
    const path = await tempFolder();
    await writeFile(join(path, 'notes.txt'), 'mine');
    await writeFile(join(path, 'journal-1.log.tmp'), 'half');
    await restore(path, EXPORT);
    expect(await inspect(path, systemClock)).toMatchObject({ others: ['notes.txt'], leftovers: [] });
    expect((await verify(path, systemClock)).findings).toEqual([]);
  });

  it('keeps what was there in a folder beside it when forced, damaged or not', async () => {
    for (const isDamaged of [false, true]) {
      const path = join(await tempFolder(), 'data');
      await mkdir(path);
      for (const [name, bytes] of await filesOf(await folderOfThree())) {
        const isHit = isDamaged && name === 'journal-2.log';
        await writeFile(join(path, name), isHit ? changed(bytes, 60) : bytes);
      }
      const former = await filesOf(path);
      const { aside } = await restore(path, EXPORT, true);
      expect(dirname(aside ?? '')).toBe(dirname(path));
      expect(await filesOf(aside ?? '')).toEqual(former);
      expect((await verify(path, systemClock)).findings).toEqual([]);
      const { reader } = await openStore({ path });
      expect(reader.state()).toHaveLength(1);
    }
  });
});

describe('an import that a crash or the disk ends', () => {
  /** What a start in a folder finds: its keys, or the code of the error it ends in. */
  async function startIn(path: string): Promise<string> {
    const reader = new MapReader();
    const store = new FileStore({ path, clock: systemClock, logger: silentLogger });
    try {
      await store.open(reader);
    } catch (error) {
      return (error as { code: string }).code;
    }
    await store.close();
    return reader
      .state()
      .map(({ key }) => key)
      .join();
  }

  it.each(['an empty folder', 'a catalogue'])(
    'leaves %s as it was, or all that is new, or a refusal',
    async (what) => {
      const path = join(await tempFolder(), 'data');
      await mkdir(path);
      if (what === 'a catalogue') {
        for (const [name, bytes] of await filesOf(await folderOfThree()))
          await writeFile(join(path, name), bytes);
      }
      const whole = await nestedCopy(path);
      const before = await startIn(await nestedCopy(path));
      const disk = new TestDisk();
      const steps: string[] = [];
      const crashes: string[] = [];
      disk.before = async (step, name) => {
        steps.push(`${step} ${name}`);
        if (step !== 'write') crashes.push(await nestedCopy(path));
      };
      await restore(path, EXPORT, true, disk);
      const after = await startIn(await nestedCopy(path));
      const isRenamed = (index: number) =>
        steps.slice(0, index).some((step) => step.startsWith('rename journal'));
      for (const crash of crashes) {
        // Where a start is refused, the same import again goes through.
        const found = await startIn(crash);
        expect(what === 'a catalogue' ? [before, after] : [before, after, 'STORE_CORRUPT']).toContain(found);
        await restore(crash, EXPORT, true);
        expect(await startIn(crash)).toBe(after);
      }

      for (let failing = 0; failing < steps.length; failing += 1) {
        if (/^(remove|zero)/.test(steps[failing] ?? '')) continue;
        const copy = await nestedCopy(whole);
        let step = 0;
        disk.before = () => {
          if (step++ === failing) throw diskError('EIO');
        };
        await expect(restore(copy, EXPORT, true, disk)).rejects.toMatchObject({ code: 'STORE_FAILED' });
        expect(isRenamed(failing) ? [before, after] : [before], steps[failing]).toContain(
          await startIn(copy),
        );
      }
    },
  );
});
