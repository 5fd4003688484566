import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { ConfigInput } from '../../../core/config.js';
import { createRegistry, silentLogger } from '../../../core/index.js';
import { builtins } from '../../../plugins/index.js';

const checkers = await readdir(new URL('../../../plugins/checkers', import.meta.url));

describe.each(['monitor', ...checkers.map((folder) => `checkers/${folder}`)])(
  'the README of %s',
  (folder) => {
    test('has only configurations that boot as they stand', async () => {
      const text = await readFile(new URL(`../../../plugins/${folder}/README.md`, import.meta.url), 'utf8');
      const blocks = [...text.matchAll(/^```js\n(.*?)^```/gms)].map(([, block = '']) => block);
      expect(blocks.length).toBeGreaterThan(0);
      for (const block of blocks) {
        const url = `data:text/javascript,${encodeURIComponent(block)}`;
        const { default: config } = (await import(/* @vite-ignore */ url)) as { default: ConfigInput };
        const registry = await createRegistry({ config, builtins, logger: silentLogger });
        try {
          await registry.start();
          expect(registry.plugins).toContain('monitor');
        } finally {
          await registry.stop();
        }
      }
    });
  },
);
