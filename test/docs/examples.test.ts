import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../core/config.js';
import { createRegistry, silentLogger } from '../../core/index.js';
import { builtins } from '../../plugins/index.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Every page that people read. */
async function pages(): Promise<string[]> {
  const found = await Promise.all(
    ['docs', 'plugins'].map(async (folder) => {
      const names = await readdir(join(root, folder), { recursive: true });
      return names.filter((name) => name.endsWith('.md')).map((name) => join(folder, name));
    }),
  );
  return ['README.md', ...found.flat()];
}

interface Block {
  readonly page: string;
  readonly language: string;
  readonly code: string;
}

async function blocks(): Promise<Block[]> {
  const all: Block[] = [];
  for (const page of await pages()) {
    const text = await readFile(join(root, page), 'utf8');
    for (const [, language = '', code = ''] of text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm))
      all.push({ page, language, code });
  }
  return all;
}

const { privateKey: PRIVATE_KEY } = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'sec1', format: 'pem' },
});

const all = await blocks();
const configs = all.filter(({ language, code }) => language === 'js' && /^export default \{$/m.test(code));

describe('a configuration shown in the docs starts as it is', () => {
  test('there are some on the README, the configuration page and each plugin with options', () => {
    const shown = new Set(configs.map(({ page }) => page));
    expect(shown.size).toBeGreaterThanOrEqual(7);
  });

  test.each(configs.map(({ page, code }, index) => ({ name: `${page}, configuration ${index + 1}`, code })))(
    '$name',
    async ({ code }) => {
      const folder = await mkdtemp(join(tmpdir(), 'rollcall-docs-'));
      try {
        await symlink(join(root, 'docs'), join(folder, 'docs'));
        // As if Rollcall were installed there.
        await mkdir(join(folder, 'node_modules'));
        await symlink(root, join(folder, 'node_modules', 'rollcall'));
        // A key such as a page has made by hand, for the one that needs it to boot.
        await mkdir(join(folder, 'keys'));
        await writeFile(join(folder, 'keys/rollcall'), PRIVATE_KEY, { mode: 0o600 });
        // The only thing changed: any free port instead of the one shown, which may be taken.
        await writeFile(join(folder, 'registry.config.mjs'), code.replace(/\bport: 8800\b/, 'port: 0'));
        const config = await loadConfig({ folder });
        const registry = await createRegistry({ config, builtins, logger: silentLogger });
        try {
          await expect(registry.start()).resolves.toBeUndefined();
        } finally {
          await registry.stop();
        }
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  );
});

test('an example shown in the docs is the file it names, to the letter', async () => {
  const shown = all.flatMap(({ page, code }) => {
    const [, file, rest = ''] = /^\/\/ (docs\/examples\/\S+)\n([\s\S]*)$/.exec(code) ?? [];
    return file === undefined ? [] : [{ page, file, rest }];
  });
  expect(shown.length).toBeGreaterThanOrEqual(2);
  for (const { file, rest } of shown) expect(rest).toBe(await readFile(join(root, file), 'utf8'));
});

test('the program that embeds a registry runs as it is shown', async () => {
  const program = all.find(({ language, code }) => language === 'ts' && code.includes('createRegistry'));
  const folder = await mkdtemp(join(tmpdir(), 'rollcall-docs-'));
  try {
    await mkdir(join(folder, 'node_modules'));
    await symlink(root, join(folder, 'node_modules', 'rollcall'));
    const code = (program?.code ?? '').replace("'xml-rpc'", "['xml-rpc', { port: 0 }]");
    expect(code).toContain('port: 0');
    await writeFile(join(folder, 'program.mjs'), code);
    const { status, stderr } = spawnSync(process.execPath, ['program.mjs'], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('every link from page to page leads somewhere', async () => {
  const broken: string[] = [];
  for (const page of await pages()) {
    const text = await readFile(join(root, page), 'utf8');
    for (const [, target = ''] of text.matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)) {
      const at = join(root, page, '..', target);
      await readdir(join(at, '..')).then(
        (names) =>
          names.includes(at.replace(/\/$/, '').split('/').at(-1) ?? '') || broken.push(`${page}: ${target}`),
        () => broken.push(`${page}: ${target}`),
      );
    }
  }
  expect(broken).toEqual([]);
});
