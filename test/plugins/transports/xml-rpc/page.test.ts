import { afterEach, expect, test } from 'vitest';
import { createRegistry, silentLogger } from '../../../../core/index.js';
import { builtins } from '../../../../plugins/index.js';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

test('a browser that opens the door is told what this is, how it is called and where to read on', async () => {
  const registry = await createRegistry({
    config: { store: 'memory', plugins: [['xml-rpc', { port: 0 }]] },
    builtins,
    logger: silentLogger,
  });
  cleanups.push(() => registry.stop());
  await registry.start();
  const url = registry.doors[0]?.url;
  const page = await fetch(`${url}/`);
  expect(page.status).toBe(200);
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
  const text = await page.text();
  for (const word of ['Rollcall', 'XML-RPC', 'POST', '/RPC2', 'system.listMethods', 'docs/xml-rpc.md']) {
    expect(text).toContain(word);
  }
  expect(text).not.toMatch(/<script|<style|style=|href=|src=/);
  expect((await fetch(`${url}/RPC2`)).status).toBe(405);
});
