import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../../../core/index.js';
import { compact, exportFolder, inspect, verify } from '../../../../../plugins/stores/file/tools/index.js';
import { memoryFolder } from '../../../../support/memory-folder.js';
import { tempFolder } from '../support.js';
import { changed, filesOf } from './support.js';

/** A folder as version 1 left it when it was killed. */
async function olderFolder(): Promise<string> {
  const path = await tempFolder();
  const source = join(import.meta.dirname, '../../../../cases/file-store/format-1.json');
  for (const [name, text] of Object.entries(JSON.parse(await readFile(source, 'utf8')))) {
    await writeFile(join(path, name), Buffer.from(String(text), 'base64'));
  }
  return path;
}

async function keysOf(path: string): Promise<string[]> {
  let text = '';
  for await (const piece of exportFolder(path, systemClock).pieces) text += piece;
  const lines = text.trimEnd().split('\n').slice(1, -1);
  return lines.map((line) => `${JSON.parse(line).key} ${JSON.stringify(JSON.parse(line).value)}`).toSorted();
}

describe('a data folder of format 1', () => {
  it('is inspected, verified and exported as it is', async () => {
    const path = await olderFolder();
    const { state, files } = await inspect(path, systemClock);
    expect(files.map(({ format }) => format)).toEqual(files.map(() => 1));
    expect(state?.collections.map(({ keys }) => keys)).toEqual([6, 1]);
    expect((await verify(path, systemClock)).findings).toEqual([]);
    expect(await keysOf(path)).toContain('last2 {"n":2}');
  });

  it('does not hide a damaged byte', async () => {
    const files = await filesOf(await olderFolder());
    for (const [name, bytes] of files) {
      for (let at = 0; at < bytes.length; at += 1) {
        const disk = memoryFolder(new Map(files).set(name, changed(bytes, at, 1 << (at % 8))));
        const { findings } = await verify('/nowhere', systemClock, disk);
        expect(findings.length, `byte ${at} of ${name}`).toBeGreaterThan(0);
      }
    }
  });

  it('is brought to the present format when it is compacted, and kept as it was', async () => {
    const path = await olderFolder();
    const former = await filesOf(path);
    const keys = await keysOf(path);
    const { kept = '' } = await compact(path, systemClock);
    expect(await filesOf(join(path, kept))).toEqual(former);
    expect(await inspect(path, systemClock)).toMatchObject({
      kept: [kept],
      files: [{ format: 2 }, { format: 2 }],
    });
    expect((await verify(path, systemClock)).findings).toEqual([]);
    expect(await keysOf(path)).toEqual(keys);
  });
});
