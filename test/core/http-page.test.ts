import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, serve } from '../support/http-door.js';

afterEach(closeAll);

const page = { path: '/', html: '<!doctype html><p>Grüße</p>' };
const ask = async (start: string, lines = '', spec: Parameters<typeof serve>[0] = {}) => {
  const { connect, requests } = await serve({ page, ...spec });
  const connection = (await connect()).send(`${start} HTTP/1.1\r\nHost: localhost\r\n${lines}\r\n`);
  return { ...(await connection.answer(start.startsWith('HEAD'))), requests };
};

describe('the page of a door', () => {
  it('is shown to who opens its path, and runs and loads nothing', async () => {
    const { status, headers, body, requests } = await ask('GET /');
    expect(status).toBe(200);
    expect(Buffer.from(body, 'latin1').toString()).toBe(page.html);
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-length': String(Buffer.byteLength(page.html)),
      'content-security-policy': expect.stringMatching(/^default-src 'none';.*frame-ancestors 'none'/),
      'x-content-type-options': 'nosniff',
    });
    expect(requests).toEqual([]);
  });

  it('has its head alone, too', async () => {
    const { status, headers } = await ask('HEAD /');
    expect(status).toBe(200);
    expect(headers['content-length']).toBe(String(Buffer.byteLength(page.html)));
  });

  it('is shown with a query, as a link may have one', async () => {
    expect((await ask('GET /?from=mail')).status).toBe(200);
  });

  it('is on one path alone, which says how else it may be called', async () => {
    expect(await ask('GET /RPC2')).toMatchObject({ status: 405, headers: { allow: 'POST' } });
    expect(await ask('PUT /', 'Content-Length: 0\r\n')).toMatchObject({
      status: 405,
      headers: { allow: 'GET, HEAD, POST' },
    });
  });

  it('is kept from other sites as all else is', async () => {
    expect((await ask('GET /', 'Sec-Fetch-Site: cross-site\r\n')).status).toBe(403);
    expect((await ask('GET /', 'Origin: https://evil.example\r\n')).status).toBe(403);
    expect((await ask('GET /', 'Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\n')).status).toBe(200);
    const { connect } = await serve({ page });
    const connection = (await connect()).send('GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n');
    expect((await connection.answer()).status).toBe(403);
  });

  it('is left to a door that answers GET itself', async () => {
    const { body } = await ask('GET /', '', {
      methods: ['GET'],
      handle: (_, reply) => reply(200, 'text/plain', 'mine'),
    });
    expect(body).toBe('mine');
  });

  it('must be at one of the door’s paths', async () => {
    await expect(serve({ page: { ...page, path: '/page' } })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining(
        'page.path of a door of the plugin "echo": "/page"; expected one of its paths, /, /RPC2',
      ),
    });
  });
});
