import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../support/fake-clock.js';
import { closeAll, patientDoor, serve } from '../support/http-door.js';

afterEach(closeAll);

describe('a refused request is told in one line what is expected:', () => {
  it('404 names the paths', async () => {
    const { connect } = await serve();
    const answer = await (await connect()).post('/other').answer();
    expect(answer).toMatchObject({ status: 404, body: 'Nothing is served here; paths are /, /RPC2.\n' });
    expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
  });

  it('405 names the methods', async () => {
    const { connect } = await serve();
    const connection = await connect();
    connection.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect(await connection.answer()).toMatchObject({
      status: 405,
      headers: { allow: 'POST' },
      body: 'This path takes POST.\n',
    });
  });

  it('415 names the content types; parameters, case and a missing type are no matter', async () => {
    const { connect } = await serve({ contentTypes: ['text/xml', 'application/xml'] });
    const post = async (lines: string) => (await connect()).post('/', '', lines).answer();
    expect(await post('Content-Type: text/plain\r\n')).toMatchObject({
      status: 415,
      body: expect.stringContaining('text/xml or application/xml'),
    });
    for (const type of ['text/xml', 'Text/XML; charset=utf-8', 'application/xml ;x=y']) {
      expect((await post(`Content-Type: ${type}\r\n`)).status).toBe(200);
    }
    expect((await post('')).status).toBe(200);
    expect((await post('Content-Type: text/xml\r\nContent-Type: text/xml\r\n')).status).toBe(415);
  });

  it('413 to an announced body, before it is sent', async () => {
    const { connect } = await serve({ limits: { bodyBytes: 10 } });
    const connection = await connect();
    connection.send(
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n',
    );
    expect(await connection.answer()).toMatchObject({
      status: 413,
      body: 'REQUEST_TOO_LARGE: A body of at most 10 bytes is taken here.\n',
    });
    await connection.closed;
  });

  it('413 at once to an announced body, and a client that sends it all the same is not cut off', async () => {
    const { connect } = await serve({ limits: { bodyBytes: 10 } }, { clock: new FakeClock() });
    const connection = await connect();
    connection.send('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000000\r\n\r\n');
    expect((await connection.answer()).status).toBe(413);
    const piece = Buffer.alloc(100_000);
    for (let i = 0; i < 30; i += 1) {
      const error = await new Promise((sent) => connection.socket.write(piece, sent));
      expect(error ?? undefined).toBeUndefined();
    }
    await connection.closed;
  });

  it('413 to a client that announces more than it sends, and the connection is closed soon', async () => {
    const clock = new FakeClock();
    const { connect } = await serve({ limits: { bodyBytes: 10 } }, { clock });
    const connection = (await connect()).send(
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n',
    );
    expect((await connection.answer()).status).toBe(413);
    clock.advance(1000);
    await connection.closed;
    expect(clock.timers).toBe(0);
  });

  it('413 to a chunked body that never ends, and the connection is closed', async () => {
    const { connect } = await serve({ limits: { bodyBytes: 1000 } }, { clock: new FakeClock() });
    const connection = await connect();
    connection.send('POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n');
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    const more = () => {
      if (!connection.socket.destroyed) connection.socket.write(chunk, more);
    };
    more();
    expect((await connection.answer()).status).toBe(413);
    await connection.closed;
  });

  it('417 to an expectation that cannot be met', async () => {
    const { connect } = await serve();
    expect((await (await connect()).post('/', '', 'Expect: miracles\r\n').answer()).status).toBe(417);
  });

  it('400 without a Host or with two, 403 to web pages and strange hosts', async () => {
    const { connect } = await serve({ allowedHosts: ['registry.example'] });
    const post = async (lines: string) => {
      const connection = await connect();
      return (await connection.send(`POST / HTTP/1.1\r\n${lines}Content-Length: 0\r\n\r\n`).answer()).status;
    };
    expect(await post('')).toBe(400);
    expect(await post('Host: localhost\r\nHost: localhost\r\n')).toBe(400);
    expect(await post('Host: evil.example\r\n')).toBe(403);
    expect(await post('Host: localhost\r\nOrigin: http://localhost\r\n')).toBe(403);
    expect(await post('Host: localhost\r\nSec-Fetch-Site: cross-site\r\n')).toBe(403);
    expect(await post('Host: registry.example:80\r\n')).toBe(200);
  });

  it('431 to a head that is too long, 400 to what is no HTTP', async () => {
    const { connect } = await serve({ limits: { headerBytes: 1024 } });
    const long = await connect();
    long.send(`POST / HTTP/1.1\r\nX: ${'x'.repeat(2000)}\r\n\r\n`);
    expect(await long.answer()).toMatchObject({ status: 431, body: expect.stringContaining('1024 bytes') });
    await long.closed;
    const garbage = await connect();
    garbage.send('\x16\x03\x01 this is TLS, perhaps\r\n\r\n');
    expect(await garbage.answer()).toMatchObject({ status: 400, headers: { connection: 'close' } });
    await garbage.closed;
  });

  it('400 to both a length and chunks, which is how requests are smuggled', async () => {
    const { connect } = await serve();
    const connection = await connect();
    connection.post('/', '0\r\n\r\n', 'Transfer-Encoding: chunked\r\n');
    expect((await connection.answer()).status).toBe(400);
    await connection.closed;
  });

  it('400 to a body whose chunks are broken', async () => {
    const { connect, requests } = await serve();
    const connection = await connect();
    connection.send('POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n');
    expect((await connection.answer()).status).toBe(400);
    await connection.closed;
    expect(requests).toEqual([]);
  });

  it('503 to more requests in flight than allowed, until one is answered', async () => {
    const patient = patientDoor();
    const { connect } = await serve({ handle: patient.handle, limits: { requestsInFlight: 1 } });
    const first = (await connect()).post('/', 'first');
    const [held] = await patient.waitFor(1);
    const second = await (await connect()).post('/').answer();
    expect(second).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    held?.reply(200, 'text/plain', 'done');
    expect((await first.answer()).body).toBe('done');
    const third = (await connect()).post('/');
    (await patient.waitFor(2))[1]?.reply(200, 'text/plain', 'in again');
    expect((await third.answer()).body).toBe('in again');
  });

  it('503 to a connection that sends a thousand requests ahead of their answers', async () => {
    const patient = patientDoor();
    const { connect } = await serve({ handle: patient.handle });
    const request = 'POST / HTTP/1.1\r\nHost: localhost\r\nTE: x\r\nContent-Length: 0\r\n\r\n';
    const connection = (await connect()).send(request.repeat(1001));
    for (let index = 0; index < 1000; index += 1) {
      (await patient.waitFor(index + 1))[index]?.reply(200, 'text/plain', String(index));
      expect((await connection.answer()).body).toBe(String(index));
    }
    expect(await connection.answer()).toMatchObject({
      status: 503,
      body: expect.stringContaining('This connection has 1000 requests under way'),
    });
    await connection.closed;
  });

  it('503 to bodies that hold more memory than allowed together while they arrive', async () => {
    const { connect } = await serve({ limits: { heldBytes: 1000 } });
    const chunk = (size: number) => `${size.toString(16)}\r\n${'x'.repeat(size)}\r\n`;
    const begin = async (size: number) => {
      const connection = await connect();
      const head = 'POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n';
      await connection.send(`${head}Expect: 100-continue\r\n\r\n`).answer();
      return connection.send(chunk(size));
    };
    const first = await begin(800);
    expect((await (await begin(300)).answer()).status).toBe(503);
    first.send('0\r\n\r\n');
    expect((await first.answer()).status).toBe(200);
    expect((await (await begin(300)).send('0\r\n\r\n').answer()).status).toBe(200);
  });
});

it('bodies sent ahead on one connection get 503 long before they fill the room of all', async () => {
  const patient = patientDoor();
  const { connect, bodies } = await serve({
    handle(request, reply) {
      if (request.body.length > 0) reply(200, 'text/plain', 'whole');
      else patient.handle(request, reply);
    },
  });
  let begun = 0;
  let wake = () => {};
  const count = () => {
    begun += 1;
    wake();
  };
  subscribe('http.server.request.start', count);
  const connection = await connect();
  // As many as a connection may have under way, so that what follows waits.
  for (let i = 0; i < 16; i += 1) connection.post('/', '', 'TE: x\r\n');
  for (let i = 0; i < 20; i += 1) connection.post('/', Buffer.alloc(1024 * 1024, 'x'));
  // The one behind the refused has been read.
  while (begun < 16 + 6) await new Promise<void>((resolve) => (wake = resolve));
  unsubscribe('http.server.request.start', count);
  for (const { reply } of await patient.waitFor(16)) reply(200, 'text/plain', 'waited');
  const answers = await connection.answers();
  expect(answers.map(({ status }) => status)).toEqual([...Array(16 + 4).fill(200), 503]);
  expect(answers.at(-1)?.body).toMatch(/^LIMIT_REACHED: Too many bytes of requests wait on this connection/);
  expect(bodies).toHaveLength(16 + 4);
});

describe('a slow or silent peer', () => {
  const limits = { headersTimeoutMs: 100, requestTimeoutMs: 100 };

  it.each([
    ['head', 'POST / HTTP/1.1\r\nHost: loc'],
    ['body', 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf'],
  ])('that does not finish its %s gets 408', async (_, start) => {
    const { connect } = await serve({ limits });
    const connection = await connect();
    connection.send(start);
    expect(await connection.answer()).toMatchObject({ status: 408, body: expect.stringContaining('100 ms') });
    await connection.closed;
  });

  it('gets 408 after the answers to what it sent before', async () => {
    const { connect } = await serve({ limits });
    const connection = await connect();
    connection
      .post('/', 'whole')
      .send('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf');
    expect(await connection.answer()).toMatchObject({ status: 200, body: 'whole' });
    expect((await connection.answer()).status).toBe(408);
  });

  it('that never reads its answer is cut off', async () => {
    const { connect, door, requests } = await serve(
      { limits, handle: (_, reply) => reply(200, 'text/plain', Buffer.alloc(64 * 1024 * 1024)) },
      { stopTimeoutMs: 600_000 },
    );
    const connection = await connect();
    connection.socket.pause();
    connection.post('/');
    while (requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await door.close();
    connection.socket.resume();
    await expect(connection.answer()).rejects.toThrow('Closed before');
  });

  it('is closed where no request follows', async () => {
    const { connect } = await serve({ limits: { keepAliveTimeoutMs: 1 } });
    const connection = await connect();
    await connection.post('/').answer();
    await connection.closed;
  });

  it('that waits for the door is not cut off, however long that takes', async () => {
    const patient = patientDoor();
    const { connect } = await serve({ limits, handle: patient.handle });
    const waiting = (await connect()).post('/');
    const [held] = await patient.waitFor(1);
    // Two that came later run into every timeout before the first is answered.
    for (let i = 0; i < 2; i += 1) await (await connect()).closed;
    held?.reply(200, 'text/plain', 'at last');
    expect((await waiting.answer()).body).toBe('at last');
  });

  it('beyond the connections allowed is turned away, others are served, and the log says so once', async () => {
    const { connect, errors } = await serve({ limits: { connections: 1 } });
    const first = await connect();
    expect((await first.post('/').answer()).status).toBe(200);
    await (await connect()).closed;
    await (await connect()).closed;
    expect((await first.post('/').answer()).status).toBe(200);
    expect(errors).toEqual([
      [
        expect.stringMatching(/^Connections to 127\.0\.0\.1:\d+ are lost$/),
        expect.objectContaining({
          code: 'LIMIT_REACHED',
          message: expect.stringMatching(
            /^There are 1 connections.*raise that limit in the options of the plugin "echo"/,
          ),
        }),
      ],
    ]);
  });
});
