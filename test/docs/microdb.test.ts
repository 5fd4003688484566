import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commandSchema, MICRODB_ERROR_CODES, MicroDB } from '../../core/microdb/index.js';
import * as limits from '../../core/microdb/limits.js';
import { errorOf } from '../core/microdb/instances.js';
import { programOf } from '../support/page-program.js';
import { tableRows } from '../support/table-rows.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(root, 'docs', 'microdb.md'), 'utf8');

const rows = tableRows(page);
const rowsOf = (first: RegExp) =>
  rows.flatMap(([name = '', ...cells]) => (first.test(name) ? [[name.replaceAll('`', ''), ...cells]] : []));

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rollcall-microdb-page-'));
  await mkdir(join(folder, 'node_modules'));
  await symlink(root, join(folder, 'node_modules', 'rollcall'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(program: string): Promise<{ status: number | null; stderr: string }> {
  await writeFile(join(folder, 'program.mjs'), program);
  const { status, stderr } = spawnSync(process.execPath, ['program.mjs'], { cwd: folder, encoding: 'utf8' });
  return { status, stderr };
}

test('the examples of docs/microdb.md run, and give what they say', async () => {
  const { program, claims } = programOf(page);
  expect(claims).toBeGreaterThan(80);
  expect(await run(program)).toEqual({ status: 0, stderr: '' });
});

test('the first example runs by itself', async () => {
  const [, first = ''] = /^```js\n([\s\S]*?)^```$/m.exec(page) ?? [];
  expect(first).toContain("from 'rollcall/microdb'");
  expect(await run(programOf(`\`\`\`js\n${first}\`\`\``).program)).toEqual({ status: 0, stderr: '' });
});

test.each([
  ['another value', '1 + 1; // => 3'],
  ['another value on a line of its own', '[1,\n  2];\n// => [1,\n//     3]'],
  ['another constant', 'const two = 2; // => 3'],
  ['no error where one is claimed', '1 + 1; // throws NOT_FOUND'],
  ['another error', 'undefined.x; // throws NOT_FOUND'],
  ['a book that is not found', '```\n| `$eq` | is | `{ id: 2 }` | 1 |\n```js'],
])('an example that gives %s fails', async (_, code) => {
  const before = 'const books = { find: ({ id }) => [{ id }] };';
  const { program, claims } = programOf(`\`\`\`js\n${before}\n${code}\n\`\`\``);
  expect(claims).toBe(1);
  expect((await run(program)).stderr).toContain('Error');
});

test('the page has every limit with its value, and no other', () => {
  const documented = rowsOf(/^`(MAX|DEFAULT)_/).map(([name, value = '']) => [
    name,
    Number(value.replaceAll(',', '')),
  ]);
  expect(documented).toEqual(Object.entries(limits));
});

test('the page has every error code with its meaning, in order, and no other', () => {
  const documented = rowsOf(/^`[A-Z]+(_[A-Z]+)*`$/).filter(([name = '']) => !/^(MAX|DEFAULT)_/.test(name));
  expect(documented).toEqual(Object.entries(MICRODB_ERROR_CODES));
});

test('the page has every query operator, and no other', () => {
  const things = new MicroDB().collection('things', { key: ['id'] });
  const { message } = errorOf(() => things.find({ a: { $zzzzzzzzzzzzzzzz: 1 } }));
  const known = message.match(/(?<=Known: |, )\$\w+/g) ?? [];
  expect(known.length).toBeGreaterThan(15);
  expect(
    rowsOf(/^`\$/)
      .map(([name]) => name)
      .sort(),
  ).toEqual([...known].sort());
});

test('the page shows every operation of the JSON API with its answer, and no other', () => {
  const shown = new Set([...page.matchAll(/^desk\.execute\(\{ op: '(\w+)'/gm)].map(([, op]) => op));
  const operations: string[] = commandSchema.options.map((option) => option.shape.op.value);
  expect([...shown].filter((op) => op !== 'instert').sort()).toEqual(operations.sort());
});
