import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { RollcallProcess, rollcall } from '../support/rollcall-process.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = await readFile(join(root, 'docs/store.md'), 'utf8');

interface Example {
  readonly section: string;
  readonly commands: string;
  /** What the page shows of the output. */
  readonly shown: string | undefined;
}

const examples = page.split(/^## /m).flatMap((section): Example[] => {
  const name = section.slice(0, section.indexOf('\n'));
  const found = section.matchAll(/^```sh\n([\s\S]*?)^```$(?:\n\n^```text\n([\s\S]*?)^```$)?/gm);
  return [...found].map(([, commands = '', shown]) => ({ section: name, commands, shown }));
});

// Nothing is checked: nobody listens where the instances of the page are registered, and how soon that is found out is no matter here.
const CONFIG = "export default { plugins: [['xml-rpc', { port: 0 }], ['monitor', { check: false }]] };";
let registry: RollcallProcess;

/** A registry with three instances, killed. */
beforeAll(async () => {
  registry = await RollcallProcess.create(CONFIG);
  await registry.start();
  for (const port of ['9001', '9002', '9003']) {
    await rollcall(['register', 'payments', '127.0.0.1', port, '--url', registry.url]);
  }
  // The revisions of the last commits are written a moment after they are answered.
  await vi.waitFor(async () => expect((await inspected(registry.folder)).state?.unnumbered).toBe(0), {
    timeout: 10_000,
  });
  await registry.kill('SIGKILL');
  const backup = await rollcall(['store', 'export', 'backup.jsonl'], { folder: registry.folder });
  expect(backup).toMatchObject({ code: 0, err: '' });
});
afterAll(() => registry.dispose());

async function inspected(folder: string): Promise<{ state?: { unnumbered: number } }> {
  return JSON.parse((await rollcall(['store', 'inspect', '--json'], { folder })).out);
}

/** What stays the same from one run to the next. */
function shape(text: string): string {
  return text
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UUID')
    .replace(/on \S+, since/g, 'on HOST, since')
    .replace(/\/\S*/g, 'PATH')
    .replace(/[\d,]*\d/g, '0')
    .replace(/ {2,}/g, '  ')
    .trim();
}

describe('docs/store.md', () => {
  test('shows every command, and what most of them answer', () => {
    const all = examples.map(({ commands }) => commands).join('');
    for (const command of ['inspect', 'verify', 'export', 'import', 'compact']) {
      expect(all).toContain(`npx rollcall store ${command}`);
    }
    expect(examples.filter(({ shown }) => shown !== undefined).length).toBeGreaterThanOrEqual(6);
  });

  test.each(examples)('$section: $commands', async ({ section, commands, shown }) => {
    const folder = await mkdtemp(join(tmpdir(), 'rollcall-docs-'));
    try {
      await writeFile(join(folder, 'registry.config.mjs'), CONFIG);
      await writeFile(
        join(folder, 'npx'),
        `#!/bin/sh\nshift\nexec "${process.execPath}" "${root}dist/core/cli/index.js" "$@"\n`,
        {
          mode: 0o700,
        },
      );
      // A file that another block of the page has made, and no catalogue where one is about to come.
      const isMove = /store import \w/.test(commands);
      if (isMove) await cp(join(registry.folder, 'backup.jsonl'), join(folder, 'catalogue.jsonl'));
      else await cp(join(registry.folder, 'data'), join(folder, 'data'), { recursive: true });
      if (section === 'Restore')
        await cp(join(registry.folder, 'backup.jsonl'), join(folder, 'backup.jsonl'));
      const isDamaged = section === 'When it is damaged';
      if (isDamaged) await damage(join(folder, 'data', 'journal-1.log'));
      const { status, stdout, stderr } = spawnSync('sh', ['-ec', commands], {
        cwd: folder,
        encoding: 'utf8',
        env: { ...process.env, PATH: `${folder}:${process.env.PATH}` },
      });
      expect({ status, stderr }).toEqual({ status: isDamaged ? 1 : 0, stderr: '' });
      if (shown !== undefined) expect(shape(stdout)).toBe(shape(shown));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

/** Turns a byte in the third record of a journal, and one in the fifth. */
async function damage(file: string): Promise<void> {
  const bytes = await readFile(file);
  let at = bytes.indexOf('\n') + 1;
  for (let record = 0; record < 5; record += 1) {
    if (record === 2 || record === 4) bytes.writeUInt8(bytes.readUInt8(at + 30) ^ 0xff, at + 30);
    at += 16 + bytes.readUInt32LE(at);
  }
  await writeFile(file, bytes);
}
