import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');

/** What somebody's project that has Rollcall installed, and nothing else, would hold. */
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rollcall-microdb-'));
  await mkdir(join(folder, 'node_modules'));
  await symlink(root, join(folder, 'node_modules', 'rollcall'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function run(...parts: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, parts, { cwd: folder, encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

const PROGRAM = `
  import { MicroDB, MicroDBError, commandSchema } from 'rollcall/microdb';
  const db = new MicroDB();
  const books = db.collection('books', { key: ['id'], indexes: { year: { fields: ['year'] } } });
  books.insert({ id: 1, year: 1843 });
  try {
    books.insert({ id: 1, year: 1843 });
  } catch (error) {
    console.log(error instanceof MicroDBError, error.code);
  }
  console.log(db.execute({ op: 'count', collection: 'books', query: { year: 1843 } }).count);
  console.log(MicroDB.fromJSON(JSON.parse(JSON.stringify(db))).revision);
  console.log(commandSchema.safeParse({ op: 'collections' }).success);
`;

const TYPED = `
  import { type Change, type CommandInput, type CommandResult, type Compacted, MicroDB } from 'rollcall/microdb';

  interface Book {
    readonly id: number;
    readonly title: string;
    readonly tags?: readonly string[];
  }

  const db = new MicroDB({ ringSize: 100 });
  const books = db.collection<Book>('books', { key: ['id'], indexes: { title: { fields: ['title'] } } });
  const book: Book = books.insert({ id: 1, title: 'A Christmas Carol' });
  export const title: string | undefined = books.get(book.id)?.title;
  db.watch({ collection: 'books' }, (event: readonly Change[] | Compacted) => void event);
  const command: CommandInput = { op: 'get', collection: 'books', key: 1 };
  const result: CommandResult = db.execute(command);
  if (!result.ok) throw new Error(result.error.code);
  export async function readers(signal: AbortSignal): Promise<void> {
    for await (const event of db.follow({ signal })) if (!('compacted' in event)) console.log(event[0]?.key);
  }
  // @ts-expect-error A record is not to be changed.
  book.title = 'Hard Times';
  // @ts-expect-error A record of another shape.
  books.insert({ id: 2 });
`;

test('a program that has installed the package embeds the database, by plain ESM', async () => {
  await writeFile(join(folder, 'program.js'), PROGRAM);
  expect(run('program.js')).toEqual({ status: 0, output: 'true DUPLICATE_KEY\n1\n1\ntrue\n' });
});

test('nothing of the registry is loaded with it', async () => {
  const tellLoaded = `
    import { writeSync } from 'node:fs';
    export async function load(url, context, next) {
      writeSync(1, url + '\\n');
      return next(url, context);
    }
  `;
  const program = `
    import { register } from 'node:module';
    register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(tellLoaded)}));
    await import('rollcall/microdb');
  `;
  await writeFile(join(folder, 'loaded.js'), program);
  const { status, output } = run('loaded.js');
  expect(status).toBe(0);
  const ours = output.split('\n').filter((url) => url.includes('/dist/'));
  expect(ours.some((url) => url.endsWith('/dist/core/microdb/microdb.js'))).toBe(true);
  expect(ours.filter((url) => !url.includes('/dist/core/microdb/'))).toEqual([]);
  const packages = new Set(output.match(/(?<=\/node_modules\/)(@[^/]+\/)?[^/]+(?=\/)/g));
  expect([...packages].sort()).toEqual(['re2js', 'sift', 'zod']);
});

describe('a TypeScript program is given its types', () => {
  test.each([
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ])('with module %s and moduleResolution %s', async (module, moduleResolution) => {
    await writeFile(join(folder, 'program.ts'), TYPED);
    // No types of Node, and those of libraries checked too.
    const options = { strict: true, noEmit: true, skipLibCheck: false, target: 'es2022', types: [] };
    const config = { compilerOptions: { ...options, module, moduleResolution }, files: ['program.ts'] };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
    expect(run(compiler, '-p', '.')).toEqual({ status: 0, output: '' });
  });
});
