import { readdir, readFile } from 'node:fs/promises';
import { deflateSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRegistry, type Registry, silentLogger } from '../../../../core/index.js';
import xmlRpc from '../../../../plugins/transports/xml-rpc/index.js';
import { exchange } from '../../../support/exchange.js';

/**
 * Clients that neither Debian nor npm has, by what they send. A case says where its bytes are from behind `#`, and behind
 * `!` what goes with them; then, after an empty line, comes the request, with LF for CRLF in its
 * head; the file's last line end is none of its.
 */
const folder = new URL('../../../cases/xml-rpc-clients/', import.meta.url);
const names = (await readdir(folder)).map((file) => file.replace(/\.http$/, ''));

let registry: Registry;
beforeAll(async () => {
  const config = { store: 'memory', plugins: [[xmlRpc, { port: 0 }] as const] };
  registry = await createRegistry({ config, logger: silentLogger });
  await registry.start();
});
afterAll(() => registry.stop());

test.each(names)('a register call of %s is read right and answered as it needs', async (name) => {
  const [about = '', head = '', ...rest] = (await readFile(new URL(`${name}.http`, folder), 'utf8')).split(
    '\n\n',
  );
  const hints = [...about.matchAll(/^! (.+)$/gm)].map(([, hint]) => hint);
  const text = Buffer.from(
    rest.join('\n\n').replace(/\n$/, ''),
    hints.includes('latin1') ? 'latin1' : 'utf8',
  );
  const body = hints.includes('deflate') ? deflateSync(text) : text;
  const port = registry.doors[0]?.address.port ?? 0;
  const filled = head.replace('{port}', String(port)).replace('{length}', String(body.length));
  const start = Buffer.from(`${filled.replaceAll('\n', '\r\n')}\r\n\r\n`);
  const isExpecting = hints.includes('expect');
  const isHttp10 = head.includes(' HTTP/1.0\n');

  const answer = await exchange(port, isExpecting ? start : Buffer.concat([start, body]), {
    ...(isExpecting && { afterContinue: body }),
    halfCloses: hints.includes('half-closes'),
    untilClosed: isHttp10,
  });
  const [record] = registry.services.instances('payments');
  expect(record).toMatchObject({
    host: '127.0.0.1',
    port: 9000,
    status: 'running',
    meta: { greeting: 'Grüße 日本語' },
  });
  expect(answer.head).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(answer.head).toContain(`\r\nContent-Length: ${answer.body.length}\r\n`);
  expect(answer.head).toMatch(/\r\nContent-Type: text\/xml; charset=utf-8\r\n/);
  expect(answer.head).not.toMatch(/^transfer-encoding/im);
  const id = `<value><int>${record?.id}</int></value>`;
  expect(answer.body).toBe(
    `<?xml version="1.0"?><methodResponse><params><param>${id}</param></params></methodResponse>`,
  );
  expect(answer.isClosed).toBe(isHttp10);
  await registry.services.unregister('payments', { by: { who: 'test', door: 'test' } });
});

test('every case says which project and file it is from, or that it was recorded', async () => {
  expect(names.length).toBeGreaterThanOrEqual(10);
  for (const name of names) {
    const [about = ''] = (await readFile(new URL(`${name}.http`, folder), 'utf8')).split('\n\n');
    expect(about).toMatch(/^# .*(recorded|made)[\s\S]*(library itself|source)/m);
  }
});
