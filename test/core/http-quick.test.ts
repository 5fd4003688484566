import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { QuickExchange } from '../../core/http-quick-exchange.js';
import { FakeClock } from '../support/fake-clock.js';
import { closeAll, patientDoor, serve } from '../support/http-door.js';
import { UNUSUAL } from '../support/two-ways.js';

afterEach(closeAll);

const turn = () => new Promise((resolve) => setImmediate(resolve));
const post = (body: string) =>
  `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

describe('a quick connection', () => {
  it('stays one for a client that sends head and body apart', async () => {
    const { connect, requests } = await serve();
    const connection = await connect();
    for (const body of ['one', 'two']) {
      connection.send(`POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n`);
      await turn();
      expect((await connection.send(body).answer()).body).toBe(body);
    }
    expect(requests.every((request) => request instanceof QuickExchange)).toBe(true);
  });

  it('is node:http’s from the first unusual request on, with all that was sent behind it', async () => {
    const { connect, requests } = await serve();
    const connection = await connect();
    connection.send(post('a') + UNUSUAL + post('b') + post('c'));
    const bodies = [];
    for (let i = 0; i < 4; i++) bodies.push((await connection.answer()).body);
    expect((await connection.post('/', 'd').answer()).body).toBe('d');
    expect(bodies).toEqual(['a', '', 'b', 'c']);
    expect(requests.map((request) => request instanceof QuickExchange)).toEqual([
      true,
      ...Array(4).fill(false),
    ]);
  });

  it('answers in order, also what waits before an unusual request', async () => {
    const patient = patientDoor();
    const { connect } = await serve({ handle: patient.handle });
    const connection = await connect();
    connection.send(post('slow') + post('quick') + UNUSUAL + post('last'));
    const [slow, quick] = await patient.waitFor(2);
    quick?.reply(200, 'text/plain', 'second');
    await turn();
    expect(await patient.waitFor(2)).toHaveLength(2);
    slow?.reply(200, 'text/plain', 'first');
    const [, , unusual, last] = await patient.waitFor(4);
    last?.reply(200, 'text/plain', 'fourth');
    unusual?.reply(200, 'text/plain', 'third');
    const bodies = [];
    for (let i = 0; i < 4; i++) bodies.push((await connection.answer()).body);
    expect(bodies).toEqual(['first', 'second', 'third', 'fourth']);
  });

  it('answers thousands of pipelined requests, whatever their answers are made of', async () => {
    const answers = [Buffer.from('bytes \xff', 'latin1'), 'text', 'grün', Buffer.alloc(20_000, 'x'), ''];
    const { connect } = await serve({
      handle(request, reply) {
        const answer = answers[Number(request.body) % answers.length] ?? '';
        if (Number(request.body) % 7 === 0) setImmediate(() => reply(200, 'text/plain', answer));
        else reply(200, { 'Content-Type': 'text/plain' }, answer);
      },
    });
    const connection = await connect();
    const numbers = Array.from({ length: 3000 }, (_, index) => index);
    connection.send(numbers.map((number) => post(String(number))).join(''));
    for (const number of numbers) {
      const expected = Buffer.from(answers[number % answers.length] ?? '').toString('latin1');
      expect((await connection.answer()).body, `answer ${number}`).toBe(expected);
    }
  });

  it('is closed after the answer to a request that says close, and serves nothing behind it', async () => {
    const { connect, requests } = await serve();
    const connection = await connect();
    connection.post('/', 'bye', 'Connection: close\r\n').post('/', 'lost');
    expect(await connection.answer()).toMatchObject({ body: 'bye', headers: { connection: 'close' } });
    await connection.closed;
    expect(requests).toHaveLength(1);
  });
});

describe.each([
  ['a quick connection', ''],
  ['a connection of node:http', UNUSUAL],
])('%s', (_, first) => {
  it('has few requests under way at once; the rest waits', async () => {
    const patient = patientDoor();
    const { connect } = await serve({ handle: patient.handle });
    const connection = await connect();
    if (first !== '') {
      connection.send(first);
      (await patient.waitFor(1))[0]?.reply(200, 'text/plain', '');
      await connection.answer();
    }
    const waiting = await patient.waitFor(0);
    waiting.length = 0;
    connection.send(Array.from({ length: 40 }, (_, index) => post(String(index))).join(''));
    await patient.waitFor(16);
    await turn();
    expect(waiting).toHaveLength(16);
    for (let index = 0; index < 40; index++) {
      await patient.waitFor(index + 1);
      waiting[index]?.reply(200, 'text/plain', String(index));
      expect((await connection.answer()).body).toBe(String(index));
    }
  });

  it('answers what was asked before its peer stopped sending, and tells doors that wait', async () => {
    const patient = patientDoor();
    const { connect } = await serve({ handle: patient.handle });
    const connection = await connect();
    if (first !== '') {
      connection.send(first);
      (await patient.waitFor(1))[0]?.reply(200, 'text/plain', '');
      await connection.answer();
    }
    const waiting = await patient.waitFor(0);
    waiting.length = 0;
    connection.post('/', 'x').socket.end();
    const [held] = await patient.waitFor(1);
    const signal = held?.request.signal;
    if (signal?.aborted === false) await once(signal, 'abort');
    held?.reply(200, 'text/plain', 'still');
    expect(await connection.answer()).toMatchObject({ body: 'still', headers: { connection: 'close' } });
    await connection.closed;
  });

  it('works on no more while large answers wait for one before them', async () => {
    const patient = patientDoor();
    const { connect } = await serve({ handle: patient.handle });
    const connection = await connect();
    if (first !== '') {
      connection.send(first);
      (await patient.waitFor(1))[0]?.reply(200, 'text/plain', '');
      await connection.answer();
    }
    const waiting = await patient.waitFor(0);
    waiting.length = 0;
    connection.send(post('slow') + post('large'));
    await patient.waitFor(2);
    waiting[1]?.reply(200, 'text/plain', Buffer.alloc(1024 * 1024));
    connection.send(post('x').repeat(5));
    for (let i = 0; i < 20; i++) await turn();
    expect(waiting).toHaveLength(2);
    waiting[0]?.reply(200, 'text/plain', 'at last');
    expect((await connection.answer()).body).toBe('at last');
    expect((await connection.answer()).body).toHaveLength(1024 * 1024);
    await patient.waitFor(7);
  });

  it('reads no further from a peer that takes no answers', async () => {
    const { connect, requests } = await serve({
      handle: (_, reply) => reply(200, 'text/plain', Buffer.alloc(1024 * 1024)),
    });
    const connection = await connect();
    if (first !== '') await connection.send(first).answer();
    connection.socket.pause();
    connection.send(post('x').repeat(1000));
    // What another is told meanwhile shows that there was time to work on more.
    for (let i = 0; i < 20; i++) await (await connect()).post('/', 'y').answer();
    expect(requests.length).toBeLessThan(20 + 30);
  });
});

describe('a waiting request', () => {
  it('keeps its headers but not its body, of which a door is told that reads it late', async () => {
    const patient = patientDoor();
    const { connect, errors } = await serve({ handle: patient.handle });
    const lines = 'Authorization: Bearer x\r\nX-A: 1\r\nX-A:  2\r\nCookie: a=b\r\nCookie: c\r\n';
    for (const first of ['', UNUSUAL]) {
      const connection = await connect();
      const before = (await patient.waitFor(0)).length;
      if (first !== '') {
        connection.send(first);
        (await patient.waitFor(before + 1))[before]?.reply(200, 'text/plain', '');
        await connection.answer();
      }
      connection.post('/RPC2', 'hi', lines);
      const held = (await patient.waitFor(before + 1 + Number(first !== ''))).at(-1);
      expect(held?.request).toMatchObject({ method: 'POST', path: '/RPC2', remote: '127.0.0.1' });
      expect(held?.request.authorization).toBe('Bearer x');
      expect({ ...held?.request.headers }).toEqual({
        authorization: 'Bearer x',
        'content-length': '2',
        cookie: 'a=b; c',
        host: 'localhost',
        'x-a': '1, 2',
      });
      expect(() => held?.request.body).toThrow('"echo" read the body of a request after');
      held?.reply(200, 'text/plain', '');
      await connection.answer();
    }
    expect(errors).toEqual([]);
  });

  it('is waited for, however long', async () => {
    const patient = patientDoor();
    const clock = new FakeClock();
    const { connect } = await serve({ handle: patient.handle }, { clock });
    const connection = (await connect()).post('/');
    const [held] = await patient.waitFor(1);
    clock.advance(3_600_000);
    await turn();
    held?.reply(200, 'text/plain', 'at last');
    expect((await connection.answer()).body).toBe('at last');
  });
});

it('thousands that wait, are silent or send half a request delay nobody, and are answered all at once', async () => {
  const patient = patientDoor();
  const { connect } = await serve({
    handle(request, reply) {
      if (request.body.toString() === 'now') reply(200, 'text/plain', 'at once');
      else patient.handle(request, reply);
    },
  });
  const many = <T>(count: number, run: () => Promise<T>) => Promise.all(Array.from({ length: count }, run));
  const waiting = await many(2000, async () => (await connect()).post('/', 'wait'));
  await many(200, connect);
  await many(200, async () => (await connect()).send('POST / HTTP/1.1\r\nHost: local'));
  await many(200, async () =>
    (await connect()).send('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx'),
  );
  const held = await patient.waitFor(2000);
  expect((await (await connect()).post('/', 'now').answer()).body).toBe('at once');
  const answer = Buffer.from('the same for all');
  for (const { reply } of held) reply(200, 'text/plain', answer);
  for (const connection of waiting) expect((await connection.answer()).body).toBe('the same for all');
});

describe('a quiet connection', () => {
  it('on which nothing came gets 408 in its time, and no timer is left behind', async () => {
    const clock = new FakeClock();
    const { connect, door } = await serve({}, { clock });
    const connection = await connect();
    await (await connect()).post('/').answer();
    clock.advance(9_000);
    await turn();
    expect(connection.socket.readableEnded).toBe(false);
    clock.advance(3_000);
    expect(await connection.answer()).toMatchObject({ status: 408, headers: { connection: 'close' } });
    await connection.closed;
    await door.close();
    // Or the test runs into its time.
    while (clock.timers > 0) await turn();
  });

  it('that sent half a request is left to node:http and its timeouts, and no timer is left behind', async () => {
    const clock = new FakeClock();
    const limits = { headersTimeoutMs: 200, requestTimeoutMs: 200 };
    const { connect } = await serve({ limits }, { clock });
    const connection = await connect();
    connection.send('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf');
    // Once another that came later is answered, the half has arrived.
    const other = await connect();
    await other.post('/', '', 'Connection: close\r\n').answer();
    await other.closed;
    clock.advance(200);
    expect(await connection.answer()).toMatchObject({ status: 408 });
    await connection.closed;
    while (clock.timers > 0) await turn();
  });

  it('that was answered is kept for the time that its answers say, and closed soon after', async () => {
    const clock = new FakeClock();
    const { connect } = await serve({ limits: { keepAliveTimeoutMs: 5_000 } }, { clock });
    const connection = await connect();
    clock.advance(4_000);
    expect((await connection.post('/').answer()).headers['keep-alive']).toBe('timeout=5');
    clock.advance(5_000);
    expect((await connection.post('/', 'in time').answer()).body).toBe('in time');
    clock.advance(7_000);
    await connection.closed;
  });

  it('is none whose peer takes long for an answer: what it asked behind that is answered, too', async () => {
    const clock = new FakeClock();
    const { connect, requests } = await serve(
      { limits: { keepAliveTimeoutMs: 5_000 }, handle: (_, reply) => reply(200, 'text/plain', large) },
      { clock },
    );
    const large = Buffer.alloc(16 * 1024 * 1024);
    const connection = await connect();
    connection.socket.pause();
    connection.send(post('a') + post('b'));
    while (requests.length === 0) await turn();
    await turn();
    for (let i = 0; i < 20; i++) clock.advance(1_000);
    connection.socket.resume();
    for (let i = 0; i < 2; i++) expect((await connection.answer()).body).toHaveLength(large.length);
    clock.advance(4_000);
    connection.post('/');
    expect((await connection.answer()).status).toBe(200);
  });

  it('that ends within a request is told so', async () => {
    const { connect, requests } = await serve();
    const connection = await connect();
    connection.send('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhal').socket.end();
    expect((await connection.answer()).status).toBe(400);
    await connection.closed;
    expect(requests).toEqual([]);
  });
});

it('answers carry the time', async () => {
  const clock = new FakeClock({ now: Date.UTC(2026, 4, 1, 12) });
  const { connect } = await serve({}, { clock });
  const connection = await connect();
  expect((await connection.post('/').answer()).headers.date).toBe('Fri, 01 May 2026 12:00:00 GMT');
  clock.advance(61_000);
  expect((await connection.post('/').answer()).headers.date).toBe('Fri, 01 May 2026 12:01:01 GMT');
});
