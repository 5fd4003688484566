import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import type { DoorSpec } from '../../core/http-listener.js';
import { FakeClock } from '../support/fake-clock.js';
import { closeAll, patientDoor, serve } from '../support/http-door.js';
import { UNUSUAL } from '../support/two-ways.js';

afterEach(closeAll);

describe('a request', () => {
  it('reaches the door whole and is answered with Content-Length, never chunked', async () => {
    const { connect, requests } = await serve();
    const connection = await connect();
    connection.post('/RPC2?a=1&b=%20', 'grüße', 'Authorization: Bearer x\r\n');
    const answer = await connection.answer();
    expect(answer).toMatchObject({
      status: 200,
      headers: { 'content-type': 'text/plain', 'content-length': '7' },
    });
    expect(answer.headers).toHaveProperty('date');
    expect(answer.headers).not.toHaveProperty('transfer-encoding');
    expect(Buffer.from(answer.body, 'latin1').toString()).toBe('grüße');
    const [request] = requests;
    expect(request).toMatchObject({
      method: 'POST',
      path: '/RPC2',
      query: 'a=1&b=%20',
      remote: '127.0.0.1',
      authorization: 'Bearer x',
    });
    expect(request?.headers.host).toBe('localhost');
  });

  it('may come in chunks and in many small packets', async () => {
    const { connect } = await serve();
    const connection = await connect();
    connection.send('POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n');
    for (const piece of ['3\r\nabc\r\n', '2\r\n', 'de\r\n', '0\r\n\r\n']) {
      await new Promise((sent) => connection.socket.write(piece, sent));
    }
    expect(await connection.answer()).toMatchObject({ status: 200, body: 'abcde' });
  });

  it('may have a large body, which arrives unchanged', async () => {
    const { connect, bodies } = await serve();
    const body = Buffer.alloc(1024 * 1024, 'the quick brown fox ');
    const connection = await connect();
    connection.post('/', body);
    expect((await connection.answer()).body.length).toBe(body.length);
    expect(bodies[0]?.equals(body)).toBe(true);
  });

  it('gets the headers, the status and the bytes that the door replies', async () => {
    const { connect } = await serve({
      handle: (_, reply) => reply(201, { 'Content-Type': 'a/b', 'X-More': 'yes' }, 'ok ü'),
    });
    const answer = await (await connect()).post('/').answer();
    expect(answer).toMatchObject({
      status: 201,
      headers: { 'content-type': 'a/b', 'x-more': 'yes', 'content-length': '5' },
    });
  });

  it('with HTTP/1.0 and no Host is answered and closed', async () => {
    const { connect } = await serve();
    const connection = await connect();
    connection.send('POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi');
    expect(await connection.answer()).toMatchObject({ status: 200, body: 'hi' });
    await connection.closed;
  });

  it('by GET or HEAD is answered where the door lists them', async () => {
    const { connect } = await serve({
      methods: ['GET', 'HEAD'],
      handle: (_, reply) => reply(200, 'text/html', 'hello'),
    });
    const connection = await connect();
    connection.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect(await connection.answer()).toMatchObject({ status: 200, body: 'hello' });
    connection.send('HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect(await connection.answer(true)).toMatchObject({ status: 200, headers: { 'content-length': '5' } });
    connection.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect(await connection.answer()).toMatchObject({ body: 'hello' });
  });

  it.each([204, 304])('answered with %i gets no body and no Content-Length', async (status) => {
    const { connect } = await serve({ handle: (_, reply) => reply(status, {}, '') });
    const answer = await (await connect()).post('/').answer();
    expect(answer.status).toBe(status);
    expect(answer.headers).not.toHaveProperty('content-length');
  });

  it('that expects 100-continue is told to go on', async () => {
    const { connect } = await serve();
    const connection = await connect();
    connection.send(
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n',
    );
    expect((await connection.answer()).status).toBe(100);
    connection.send('hi');
    expect(await connection.answer()).toMatchObject({ status: 200, body: 'hi' });
  });

  it('that expects 100-continue, and is sent behind another, is answered whole in its turn', async () => {
    const patient = patientDoor();
    const { connect } = await serve({ handle: patient.handle });
    const connection = await connect();
    connection.post('/', 'a', 'TE: x\r\n').post('/', 'b', 'Expect: 100-continue\r\n').post('/', 'c');
    const [first, second, third] = await patient.waitFor(3);
    second?.reply(200, 'text/plain', Buffer.from('bytes'));
    await new Promise((resolve) => setImmediate(resolve));
    first?.reply(200, 'text/plain', 'text');
    third?.reply(200, 'text/plain', 'end');
    expect((await connection.answer()).body).toBe('text');
    expect((await connection.answer()).status).toBe(100);
    expect((await connection.answer()).body).toBe('bytes');
    expect((await connection.answer()).body).toBe('end');
  });

  it('that offers HTTP/2, as Java does, is answered with HTTP/1.1', async () => {
    const { connect } = await serve();
    const offer =
      'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\n';
    const connection = await connect();
    expect(await connection.post('/', 'hi', offer).answer()).toMatchObject({ status: 200, body: 'hi' });
  });

  it('pipelined behind others is answered in order, though the door answers them backwards', async () => {
    const patient = patientDoor();
    const { connect } = await serve({ handle: patient.handle });
    const connection = await connect();
    connection.post('/', 'a').post('/', 'b').post('/', 'c');
    for (const { body, reply } of [...(await patient.waitFor(3))].reverse()) {
      reply(200, 'text/plain', body.toUpperCase());
    }
    const bodies = [await connection.answer(), await connection.answer(), await connection.answer()];
    expect(bodies.map((answer) => answer.body)).toEqual(['A', 'B', 'C']);
  });

  it('counts only its first reply', async () => {
    const { connect, errors } = await serve({
      handle(request, reply) {
        reply(200, 'text/plain', request.body);
        reply(500, 'text/plain', 'again');
      },
    });
    const connection = await connect();
    expect(await connection.post('/', 'one').answer()).toMatchObject({ status: 200, body: 'one' });
    expect(await connection.post('/', 'two').answer()).toMatchObject({ status: 200, body: 'two' });
    expect(errors).toEqual([]);
  });
});

describe('a packed body', () => {
  const text = 'x'.repeat(1000);
  it.each([
    ['gzip', gzipSync(text)],
    ['X-GZip', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
    ['identity', Buffer.from(text)],
  ])('as %s arrives unpacked', async (coding, packed) => {
    const { connect } = await serve({ limits: { bodyBytes: 1000 } });
    const connection = await connect();
    expect(await connection.post('/', packed, `Content-Encoding: ${coding}\r\n`).answer()).toMatchObject({
      status: 200,
      body: text,
    });
  });

  it('that unpacks to more than the limit gets 413', async () => {
    const { connect, requests } = await serve({ limits: { bodyBytes: 999 } });
    const answer = await (await connect()).post('/', gzipSync(text), 'Content-Encoding: gzip\r\n').answer();
    expect(answer).toMatchObject({ status: 413, body: expect.stringContaining('999 bytes') });
    expect(requests).toEqual([]);
  });

  it.each([
    ['gzip', Buffer.from('no gzip')],
    ['gzip', gzipSync(text).subarray(0, -9)],
    ['deflate', Buffer.from([0xff, 0xff])],
  ])('that is no %s gets 400', async (coding, packed) => {
    const { connect } = await serve();
    const answer = await (await connect()).post('/', packed, `Content-Encoding: ${coding}\r\n`).answer();
    expect(answer).toMatchObject({ status: 400, body: expect.stringContaining(coding) });
  });

  it('in another coding gets 415 with those that are read', async () => {
    const { connect } = await serve();
    const answer = await (await connect()).post('/', 'x', 'Content-Encoding: br\r\n').answer();
    expect(answer).toMatchObject({ status: 415, headers: { 'accept-encoding': 'gzip, deflate' } });
  });

  it('of a hundred callers at once is unpacked for each', async () => {
    const { connect } = await serve();
    const connection = await connect();
    for (let i = 0; i < 100; i += 1)
      connection.post('/', gzipSync(`body ${i}`), 'Content-Encoding: gzip\r\n');
    for (let i = 0; i < 100; i += 1) expect((await connection.answer()).body).toBe(`body ${i}`);
  });
});

describe('requests behind a packed one', () => {
  it.each([
    ['as many as may be under way', Array(16).fill('next')],
    ['one with a large answer', ['x'.repeat(100_000)]],
  ])('wait for it, and do not hang: %s', async (_, bodies) => {
    const { connect, bodies: worked } = await serve();
    const connection = (await connect()).post('/', gzipSync('packed'), 'Content-Encoding: gzip\r\n');
    for (const body of bodies) connection.post('/', body);
    for (const body of ['packed', ...bodies]) expect((await connection.answer()).body).toBe(body);
    expect(worked.map(String)).toEqual(['packed', ...bodies]);
  });
});

describe('a peer that goes away', () => {
  it('aborts the signal, and a reply to it does nothing', async () => {
    const patient = patientDoor();
    const { connect, errors } = await serve({ handle: patient.handle });
    const connection = (await connect()).post('/');
    const [held] = await patient.waitFor(1);
    const signal = held?.request.signal;
    expect(signal?.aborted).toBe(false);
    connection.close();
    if (signal) await once(signal, 'abort');
    held?.reply(200, 'text/plain', 'nobody there');
    expect(errors).toEqual([]);
    const other = (await connect()).post('/');
    (await patient.waitFor(2))[1]?.reply(200, 'text/plain', 'still here');
    expect((await other.answer()).body).toBe('still here');
  });

  it.each([
    ['quick', 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n'],
    ['of node:http', UNUSUAL],
  ])('frees the places of all that it had pipelined, soon (%s)', async (_, request) => {
    const patient = patientDoor();
    const clock = new FakeClock();
    const limits = { requestsInFlight: 3 };
    const { connect } = await serve({ handle: patient.handle, limits }, { clock });
    const connection = (await connect()).send(request.repeat(3));
    const held = [...(await patient.waitFor(3))];
    const aborted = held.map(({ request }) => once(request.signal, 'abort'));
    connection.close();
    await Promise.all(aborted);
    clock.advance(2000);
    const next = (await connect()).post('/');
    (await patient.waitFor(4))[3]?.reply(200, 'text/plain', 'in');
    expect((await next.answer()).status).toBe(200);
  });

  it('for writing only, as `ncat` does, is answered still', async () => {
    const patient = patientDoor();
    const { connect } = await serve({ handle: patient.handle });
    const connection = (await connect()).send('POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi');
    const [held] = await patient.waitFor(1);
    const aborted = once(held?.request.signal ?? new EventTarget(), 'abort');
    connection.socket.end();
    await aborted;
    setImmediate(() => held?.reply(200, 'text/plain', 'done'));
    expect((await connection.answer()).body).toBe('done');
    await connection.closed;
  });

  it('in the middle of its body reaches no door', async () => {
    const { connect, requests } = await serve({ limits: { requestsInFlight: 1 } });
    const connection = await connect();
    connection.send(
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n',
    );
    await connection.answer();
    connection.send('half').socket.end();
    await connection.closed;
    expect((await (await connect()).post('/', 'whole').answer()).body).toBe('whole');
    expect(requests).toHaveLength(1);
  });
});

describe('what is pipelined', () => {
  it('behind a refused request is not served, for its connection is closed', async () => {
    const { connect, requests } = await serve();
    const connection = (await connect()).post('/', 'good').post('/nowhere').post('/', 'lost');
    expect(await connection.answer()).toMatchObject({ status: 200, body: 'good' });
    expect(await connection.answer()).toMatchObject({ status: 404, headers: { connection: 'close' } });
    await connection.closed;
    expect(requests).toHaveLength(1);
  });

  it('behind a refused request without end is thrown away, while an answer before it is awaited', async () => {
    const patient = patientDoor();
    const { connect, requests } = await serve({ handle: patient.handle });
    let kept = 0;
    const count = () => {
      kept += 1;
    };
    subscribe('http.server.request.start', count);
    const connection = await connect();
    connection.post('/', 'wait', 'TE: x\r\n').post('/other');
    const [held] = await patient.waitFor(1);
    const packet = 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n'.repeat(1000);
    for (let i = 0; i < 20; i += 1) await new Promise((sent) => connection.socket.write(packet, sent));
    // Nothing of this is sent before all of that was read.
    connection.socket.end();
    if (held?.request.signal.aborted === false) await once(held.request.signal, 'abort');
    held?.reply(200, 'text/plain', 'awaited');
    expect((await connection.answers()).map(({ status }) => status)).toEqual([200, 404]);
    unsubscribe('http.server.request.start', count);
    expect(requests).toHaveLength(1);
    expect(kept).toBeLessThan(5000);
  });

  it('behind a body that is too long is not served either', async () => {
    const { connect, requests } = await serve({ limits: { bodyBytes: 3 } });
    const connection = await connect();
    const long =
      'POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nlong\r\n0\r\n\r\n';
    connection.send(`${long}POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx`);
    expect((await connection.answer()).status).toBe(413);
    await connection.closed;
    expect(requests).toEqual([]);
  });

  it('as garbage behind a request under way does not touch its answer, and closes after it', async () => {
    const patient = patientDoor();
    const { connect } = await serve({ handle: patient.handle });
    const connection = (await connect()).post('/').send('garbage\r\n\r\n').send('more garbage');
    const [held] = await patient.waitFor(1);
    const next = (await connect()).post('/');
    await patient.waitFor(2);
    held?.reply(200, 'text/plain', 'mine');
    expect(await connection.answer()).toMatchObject({ body: 'mine' });
    expect(await connection.answer()).toMatchObject({ status: 400, headers: { connection: 'close' } });
    await connection.closed;
    next.close();
  });
});

describe('a door that fails', () => {
  const failures: [string, DoorSpec['handle']][] = [
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['rejects', async () => Promise.reject(new Error('broken'))],
    ['replies a header that HTTP has not', (_, reply) => reply(200, { 'X-Bad': 'a\nb' }, '')],
    ['replies a status that HTTP has not', (_, reply) => reply(9999, 'text/plain', '')],
  ];
  it.each(failures)('and %s is logged with its plugin; the caller gets 500', async (_, handle) => {
    const { connect, errors } = await serve({ handle });
    const connection = await connect();
    expect(await connection.post('/RPC2').answer()).toMatchObject({ status: 500 });
    expect(errors).toEqual([['The plugin "echo" failed at POST /RPC2', expect.any(Error)]]);
    expect((await connection.post('/').answer()).status).toBe(500);
  });
});
