import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RollcallProcess, rollcall } from '../support/rollcall-process.js';
import { tempFolder } from '../support/temp-folder.js';

const CLI = fileURLToPath(new URL('../../dist/core/cli/index.js', import.meta.url));
const configOf = (store: unknown) =>
  `export default { store: ${JSON.stringify(store)}, plugins: [['xml-rpc', { port: 0 }]] };`;
const CONFIG = configOf(['file', { path: './catalogue' }]);

/** A registry that was killed while it held three instances, and that runs again after it is started. */
let registry: RollcallProcess;

beforeAll(async () => {
  registry = await RollcallProcess.create(CONFIG);
  await registry.start();
  for (const port of ['9001', '9002', '9003']) {
    await rollcall(['register', 'payments', '127.0.0.1', port, '--url', registry.url]);
  }
  await registry.kill('SIGKILL');
});
afterAll(() => registry.dispose());

/** A folder with the same configuration and a copy of the data. */
async function copied(): Promise<string> {
  const folder = await tempFolder({ 'registry.config.mjs': CONFIG });
  await cp(join(registry.folder, 'catalogue'), join(folder, 'catalogue'), { recursive: true });
  return folder;
}

const store = (folder: string, ...args: string[]) => rollcall(['store', ...args], { folder });
const valuesIn = (lines: string) => lines.trimEnd().split('\n').slice(1);

describe('rollcall store', () => {
  test('knows the folder from the configuration, from --config and from --path', async () => {
    const folder = await copied();
    const { out } = await store(folder, 'inspect', '--json');
    const found = JSON.parse(out);
    expect(found).toMatchObject({ path: join(folder, 'catalogue'), lock: { kind: 'dead' }, leftovers: [] });
    await mkdir(join(folder, 'deep'));
    const config = join('..', 'registry.config.mjs');
    expect(
      JSON.parse((await store(join(folder, 'deep'), 'inspect', '--json', '--config', config)).out),
    ).toEqual(found);
    const elsewhere = await tempFolder();
    const named = await store(elsewhere, 'inspect', '--json', '--path', join(folder, 'catalogue'));
    expect(JSON.parse(named.out)).toEqual(found);
    expect(await store(elsewhere, 'inspect')).toMatchObject({
      code: 1,
      err: expect.stringContaining(`NOT_FOUND: There is no folder ${join(elsewhere, 'data')}`),
    });
  });

  test('says that other stores are not its own', async () => {
    const folder = await tempFolder({ 'registry.config.mjs': configOf('memory') });
    const { code, err } = await store(folder, 'verify');
    expect(code).toBe(1);
    expect(err).toMatch(/INVALID_ARGUMENT: .*registry\.config\.mjs .*store "memory".*--path/);
    const wrong = await tempFolder({ 'registry.config.mjs': configOf(['file', { pth: './catalogue' }]) });
    expect((await store(wrong, 'verify')).err).toContain('Did you mean "path"?');
  });

  test('finds a turned byte, says where, and ends with 1', async () => {
    const folder = await copied();
    expect(await store(folder, 'verify')).toMatchObject({ code: 0, err: '' });
    const journal = join(folder, 'catalogue', 'journal-1.log');
    const bytes = await readFile(journal);
    bytes.writeUInt8(bytes.readUInt8(400) ^ 1, 400);
    await writeFile(journal, bytes);
    const { code, out } = await store(folder, 'verify');
    expect(code).toBe(1);
    expect(out).toMatch(/journal-1\.log, byte \d+: .*\n {2}.*restore a backup/);
    const { findings } = JSON.parse((await store(folder, 'verify', '--json')).out);
    expect(findings).toMatchObject([{ file: 'journal-1.log', at: expect.any(Number) }]);
    const inspected = await store(folder, 'inspect');
    expect(inspected).toMatchObject({ code: 1, out: expect.stringContaining('DAMAGED. STORE_CORRUPT') });
    expect(await store(folder, 'export')).toMatchObject({ code: 1, out: '' });
  });

  test('backs up and restores: a registry that starts with what was restored has all that was registered', async () => {
    const folder = await copied();
    expect(await store(folder, 'export', 'backup.jsonl')).toMatchObject({ code: 0, err: '' });
    const backup = await readFile(join(folder, 'backup.jsonl'), 'utf8');
    expect((await store(folder, 'export')).out).toBe(backup);
    const again = await store(folder, 'export', 'backup.jsonl');
    expect(again).toMatchObject({ code: 1, err: expect.stringContaining('--force') });
    expect((await store(folder, 'export', 'backup.jsonl', '--force')).code).toBe(0);
    expect((await readdir(folder)).toSorted()).toEqual(['backup.jsonl', 'catalogue', 'registry.config.mjs']);

    const restored = await RollcallProcess.create(CONFIG);
    try {
      await writeFile(join(restored.folder, 'backup.jsonl'), backup);
      const done = await store(restored.folder, 'import', 'backup.jsonl', '--json');
      expect(JSON.parse(done.out)).toMatchObject({ keys: 3, nextId: 1001 });
      await restored.start();
      const { out } = await rollcall(['lookup', 'payments', '--json', '--url', restored.url]);
      expect(JSON.parse(out).map(({ id, port }: { id: number; port: number }) => [id, port])).toEqual([
        [1, 9001],
        [2, 9002],
        [3, 9003],
      ]);
    } finally {
      await restored.dispose();
    }
  });

  test('keeps what an import replaces, and says where', async () => {
    const folder = await copied();
    await store(folder, 'export', 'backup.jsonl');
    expect(await store(folder, 'import', 'backup.jsonl')).toMatchObject({
      code: 1,
      err: expect.stringContaining('holds a catalogue already'),
    });
    const { code, out } = await store(folder, 'import', 'backup.jsonl', '--force');
    expect(code).toBe(0);
    const [, aside = ''] = /kept in (\S+)\./.exec(out) ?? [];
    expect(valuesIn((await store(folder, 'export', '--path', aside)).out)).toEqual(
      valuesIn(await readFile(join(folder, 'backup.jsonl'), 'utf8')),
    );
    expect(await store(folder, 'import', 'nothing', '--path', 'other')).toMatchObject({
      code: 1,
      err: expect.stringContaining('NOT_FOUND: There is no file nothing'),
    });
  });

  test('looks and backs up while a registry runs, and leaves the folder to it', async () => {
    await registry.start();
    try {
      const { folder } = registry;
      const inspected = JSON.parse((await store(folder, 'inspect', '--json')).out);
      expect(inspected.lock).toMatchObject({ kind: 'alive', holder: { pid: registry.pid } });
      expect(await store(folder, 'verify')).toMatchObject({ code: 0 });
      const { out } = await store(folder, 'export');
      expect(valuesIn(out)).toHaveLength(4);
      await writeFile(join(folder, 'backup.jsonl'), out);
      for (const args of [['compact'], ['import', '--force', 'backup.jsonl']]) {
        const { code, err } = await store(folder, ...args);
        expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining('STORE_LOCKED') });
        expect(err).toContain(`process ${registry.pid}`);
      }
    } finally {
      await registry.kill('SIGKILL');
    }
  });

  test('compacts, and the next start goes on', async () => {
    const folder = await copied();
    const before = (await store(folder, 'export')).out;
    expect(await store(folder, 'compact')).toMatchObject({ code: 0, err: '' });
    expect(await readdir(join(folder, 'catalogue'))).toEqual(['journal-2.log', 'snapshot-2.log']);
    expect(valuesIn((await store(folder, 'export')).out)).toEqual(valuesIn(before));
  });

  test('takes an export from a pipe, and ends without a word when whoever reads one has gone', async () => {
    const folder = await tempFolder();
    const value = { text: 'x'.repeat(1_000) };
    const lines = Array.from({ length: 3_000 }, (_, n) =>
      JSON.stringify({ collection: 'things', key: `k${n}`, value, revision: n + 1 }),
    );
    const header = { rollcall: 'export', format: 1, epoch: 'e', home: 'h', revision: 3_000, nextId: 1 };
    const whole = [JSON.stringify(header), ...lines, JSON.stringify({ end: lines.length }), ''].join('\n');
    const importing = spawn(process.execPath, [CLI, 'store', 'import'], { cwd: folder });
    importing.stdin.end(whole);
    expect(await text(importing.stdout)).toContain('imported 3,000 keys');

    const exporting = spawn(process.execPath, [CLI, 'store', 'export'], { cwd: folder });
    const said = text(exporting.stderr);
    const closed = once(exporting, 'close');
    await once(exporting.stdout, 'data');
    exporting.stdout.destroy();
    expect(await closed).toEqual([1, null]);
    expect(await said).toBe('');
    expect(valuesIn((await store(folder, 'export')).out)).toEqual(valuesIn(whole));
  });
});
