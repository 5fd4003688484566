import { afterEach, expect, test } from 'vitest';
import { createRegistry, silentLogger } from '../../../../core/index.js';
import { builtins } from '../../../../plugins/index.js';
import { RawConnection } from '../../../support/raw-http.js';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function open(options: object) {
  const registry = await createRegistry({
    config: { store: 'memory', plugins: [['xml-rpc', { port: 0, ...options }]] },
    builtins,
    logger: silentLogger,
  });
  cleanups.push(() => registry.stop());
  await registry.start();
  const [door] = registry.doors;
  if (door === undefined) throw new Error('no door');
  return { url: door.url, connect: () => RawConnection.open(door.address.port) };
}

test('a browser that opens the door is told what this is, how it is called and where to read on', async () => {
  const { url } = await open({});
  const page = await fetch(`${url}/`);
  expect(page.status).toBe(200);
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
  const text = await page.text();
  for (const word of ['Rollcall', 'XML-RPC', 'POST', '/RPC2', 'system.listMethods', 'docs/xml-rpc.md']) {
    expect(text).toContain(word);
  }
  expect(text).not.toMatch(/<script|<style|style=|href=|src=/);
  // It is right at whatever address the door has.
  expect(text).not.toMatch(/https?:|127\.0\.0\.1|:\d+/);
  expect((await fetch(`${url}/RPC2`)).status).toBe(405);
});

test('an operator says how many may connect, for how long they may be idle, and how much they may send', async () => {
  const { connect } = await open({ maxConnections: 1, idleTimeout: '90s', maxBody: 2_000 });
  const first = await connect();
  await (await connect()).closed;
  const answer = await first.post('/RPC2', 'no call').answer();
  expect(answer).toMatchObject({ status: 200, headers: { 'keep-alive': 'timeout=90' } });
  expect((await first.post('/RPC2', ' '.repeat(2_001)).answer()).status).toBe(413);
  first.close();
});
