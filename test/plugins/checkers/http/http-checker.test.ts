import { createServer } from 'node:http';
import { describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../../../core/index.js';
import { createHttpChecker } from '../../../../plugins/checkers/http/http-checker.js';
import { describeChecker } from '../../../contracts/checker.js';
import { freePort, listenRaw, type RawPeer } from '../raw-peer.js';
import { answer, answering, check } from './checking.js';

describe('the contract of checkers', () => {
  const peers: RawPeer[] = [];
  const kept = async (peer: Promise<RawPeer>) => {
    peers.push(await peer);
    return peer;
  };
  describeChecker({
    test,
    create: async () => ({
      checker: createHttpChecker(systemClock),
      options: { path: '/health', match: 'ok' },
      healthy: () => kept(answering(answer('200 OK'))),
      dead: freePort,
      silent: () => kept(listenRaw((socket) => socket.resume())),
      dispose: async () => {
        for (const { close } of peers.splice(0)) await close();
      },
    }),
  });
});

describe('what is asked', () => {
  test.each([
    ['nothing said', {}, 'GET / HTTP/1.1'],
    ['a path with a query', { path: '/health?deep=1' }, 'GET /health?deep=1 HTTP/1.1'],
    ['another method', { method: 'OPTIONS', path: '/x' }, 'OPTIONS /x HTTP/1.1'],
  ])('is, with %s, what the check says', async (_name, options, line) => {
    const asked = vi.fn<(request: string) => void>();
    const peer = await answering(answer('200 OK'), asked);
    expect((await check(peer, options)).status).toBe('running');
    const [head = '', body] = asked.mock.calls[0]?.[0].split('\r\n\r\n') ?? [];
    const [first, ...headers] = head.split('\r\n');
    expect(first).toBe(line);
    expect(headers.map((header) => header.toLowerCase()).sort()).toEqual([
      'accept: */*',
      'connection: close',
      `host: 127.0.0.1:${peer.port}`,
      'user-agent: rollcall',
    ]);
    expect(body).toBe('');
  });

  test('has the headers and the body of the check', async () => {
    const asked = vi.fn<(request: string) => void>();
    const peer = await answering(answer('200 OK'), asked);
    const headers = {
      Host: 'shop.internal',
      Authorization: 'Bearer abc',
      'User-Agent': 'x',
      Accept: 'text/x',
    };
    await check(peer, { method: 'POST', headers, body: '{"é":1}' });
    const [request] = asked.mock.calls[0] ?? [''];
    for (const [name, value] of Object.entries(headers)) {
      expect(
        request.toLowerCase().split(`\r\n${name.toLowerCase()}: ${value.toLowerCase()}\r\n`),
      ).toHaveLength(2);
    }
    expect(request).toContain('content-length: 8\r\n');
    expect(Buffer.from(request, 'latin1').toString()).toMatch(/\r\n\r\n\{"é":1\}$/);
  });

  test('goes to a peer at an IPv6 address, under that address, and to one at a host name', async () => {
    const asked = vi.fn<(request: string) => void>();
    const peer = await answering(answer('200 OK'), asked, '::1');
    expect((await check(peer)).output).toBe('GET /: 200 OK');
    expect(asked.mock.calls[0]?.[0]).toContain(`host: [::1]:${peer.port}\r\n`);
    const { port } = await answering(answer('200 OK'));
    expect((await check({ host: 'localhost', port })).status).toBe('running');
  });

  test('goes past every proxy of the environment', async () => {
    for (const name of ['http_proxy', 'HTTP_PROXY', 'all_proxy']) vi.stubEnv(name, 'http://127.0.0.1:1');
    try {
      expect((await check(await answering(answer('200 OK')))).status).toBe('running');
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test('is asked on a connection of its own each time, which is closed again', async () => {
    let connections = 0;
    const server = createServer((_request, response) => response.end('ok'));
    server.keepAliveTimeout = 60_000;
    server.on('connection', () => {
      connections += 1;
    });
    const peer = await listenRaw((socket) => server.emit('connection', socket));
    await check(peer);
    await check(peer);
    expect(connections).toBe(2);
    await expect.poll(() => peer.open.size).toBe(0);
  });
});

describe('an answer', () => {
  test.each([
    ['200 OK', {}, 'running', 'GET /health: 200 OK'],
    ['204 No Content', {}, 'running', 'GET /health: 204 No Content'],
    ['200 ', {}, 'running', 'GET /health: 200'],
    ['503 Service Unavailable', {}, 'error', 'GET /health: 503 Service Unavailable, expected 200-299'],
    ['404 Not Found', { status: 404 }, 'running', 'GET /health: 404 Not Found'],
    ['404 Not Found', { status: [200, '400-499'] }, 'running', 'GET /health: 404 Not Found'],
    ['200 OK', { status: [201, '300-404'] }, 'error', 'GET /health: 200 OK, expected 201, 300-404'],
    ['429 Too Many', {}, 'degraded', 'GET /health: 429 Too Many, expected 200-299'],
    ['429 Too Many', { status: '200-499' }, 'running', 'GET /health: 429 Too Many'],
    ['302 Found\r\nLocation: /other', {}, 'error', 'GET /health: 302 Found, expected 200-299'],
    ['302 Found\r\nLocation: /other', { status: '200-399' }, 'running', 'GET /health: 302 Found'],
    ['599 Odd', { status: 599 }, 'running', 'GET /health: 599 Odd'],
  ])('of %s, with %o, is %s', async (statusLine, options, status, output) => {
    const peer = await answering(answer(statusLine, ''));
    expect(await check(peer, { path: '/health', ...options })).toMatchObject({ status, output });
  });

  test.each([
    ['"status":\\s*"UP"', '{"status": "UP"}', 'running', 'GET /: 200 OK'],
    ['(?i)^all fine$', 'All Fine', 'running', 'GET /: 200 OK'],
    ['grün', 'alles grün', 'running', 'GET /: 200 OK'],
    ['UP', '{"status": "DOWN"}', 'error', 'GET /: 200 OK, but nothing matches "UP"'],
    ['.', '', 'error', 'GET /: 200 OK, but nothing matches "."'],
  ])('in which %s is looked for and that is %s is %s', async (match, body, status, output) => {
    const peer = await answering(Buffer.from(answer('200 OK', body)).toString('latin1'));
    expect(await check(peer, { match })).toMatchObject({ status, output });
  });

  test('is read for 16 KB, and no further', async () => {
    const peer = await answering(answer('200 OK', `${'x'.repeat(16 * 1024 - 3)}endmore`));
    expect(await check(peer, { match: 'xend$' })).toMatchObject({ status: 'running' });
    expect(await check(peer, { match: 'more' })).toMatchObject({ status: 'error' });
  });

  test('to HEAD has no body, whatever length it says', async () => {
    const peer = await answering('HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n');
    expect(await check(peer, { method: 'HEAD' })).toMatchObject({
      status: 'running',
      output: 'HEAD /: 200 OK',
    });
  });

  test('that is packed is looked at as it was sent', async () => {
    const peer = await answering(answer('200 OK\r\nContent-Encoding: gzip', 'no gzip at all'));
    expect(await check(peer, { match: '^no gzip' })).toMatchObject({ status: 'running' });
  });

  test('says in its line no secret of the request, and nothing that is not seen', async () => {
    const peer = await answering(answer('500 \x1b[31m\x07\x9b \xe2\x80\xae'));
    const options = { path: '/h?token=secret-1', headers: { Authorization: 'secret-2' } };
    const { output } = await check(peer, options);
    expect(output).toBe('GET /h?…: 500 ?[31m?\ufffd ?, expected 200-299');
    const long = await check(await answering(answer(`500 ${'x'.repeat(4_000)}`)), {
      path: `/${'y'.repeat(999)}`,
    });
    expect(long.output.length).toBeLessThan(200);
  });

  test('takes as long as the clock that never goes back says', async () => {
    let reading = 1_000;
    const clock = { ...systemClock, now: () => Number.NaN, monotonic: () => (reading += 7) };
    const checker = createHttpChecker(clock);
    const target = await answering(answer('200 OK'));
    const signal = AbortSignal.timeout(5_000);
    expect((await checker.check({ target, options: checker.options.parse({}), signal })).latencyMs).toBe(7);
  });
});
