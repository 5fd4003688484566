import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { Chance } from '../../../support/chance.js';
import { flood, freePort, listenRaw, trickle } from '../raw-peer.js';
import { answer, answering, check } from './checking.js';

const CLOSED = 'it closed the connection before the end of its answer';

describe('a server that', () => {
  const NO_HTTP = 'it answered no HTTP/1.1: Expected HTTP/, RTSP/ or ICE/';
  test.each<[string, (socket: Socket) => void, string]>([
    ['closes at once', (socket) => socket.end(), CLOSED],
    [
      'resets the connection when it is asked',
      (socket) => socket.once('data', () => socket.resetAndDestroy()),
      'ECONNRESET',
    ],
    ['closes when it is asked', (socket) => socket.once('data', () => socket.destroy()), CLOSED],
    ['speaks something else', (socket) => socket.resume().write('SSH-2.0-OpenSSH_9.2\r\n'), NO_HTTP],
    [
      'sends more headers than anybody wants',
      (socket) => flood(socket, 'HTTP/1.1 200 OK\r\n', `X-Filler: ${'x'.repeat(1_000)}\r\n`),
      'it answered with too many headers',
    ],
    [
      'sends one header without end',
      (socket) => flood(socket, 'HTTP/1.1 200 OK\r\nX: ', 'x'.repeat(10_000)),
      'it answered with too many headers',
    ],
    [
      'never ends its first line',
      (socket) => flood(socket, 'HTTP/1.1 200 ', 'O'.repeat(10_000)),
      'it answered with more than 1048576 bytes',
    ],
    [
      'never ends a chunk extension',
      (socket) =>
        flood(socket, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;', 'x'.repeat(10_000)),
      'it answered with more than 1048576 bytes',
    ],
    [
      'hints for ever and never answers',
      (socket) => flood(socket, '', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(100)),
      'it sent 103 again and again',
    ],
    [
      'asks for a body that nobody offered',
      (socket) => socket.resume().write(`HTTP/1.1 100 Continue\r\n\r\n${answer('200 OK')}`),
      'it answered 100 or 101, for which it was not asked',
    ],
  ])('%s is an error that says so', async (_name, behave, output) => {
    expect(await check(await listenRaw(behave))).toMatchObject({ status: 'error', output });
  });

  test.each([
    ['half way through its headers', 'HTTP/1.1 200 OK\r\nContent-', CLOSED],
    ['half way through its body', 'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf', CLOSED],
    ['half way through a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n14\r\nhalf', CLOSED],
  ])('closes %s is an error that says so', async (_name, text, output) => {
    expect(await check(await answering(text))).toMatchObject({ status: 'error', output });
  });

  test('says two lengths, or one in words, is an error', async () => {
    for (const length of ['2\r\nContent-Length: 3', 'two', '-2']) {
      const peer = await answering(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\nok`);
      expect((await check(peer)).status).toBe('error');
    }
  });

  test('never comes to the end of its body is running: what it answered is known', async () => {
    const peer = await listenRaw((socket) => flood(socket, 'HTTP/1.1 200 OK\r\n\r\n', 'x'.repeat(10_000)));
    expect(await check(peer)).toMatchObject({ status: 'running', output: 'GET /: 200 OK' });
    expect(await check(peer, { match: 'y' })).toMatchObject({ status: 'error' });
  });

  test('hints before it answers is running', async () => {
    const peer = await answering(`HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${answer('200 OK')}`);
    expect(await check(peer)).toMatchObject({ status: 'running', output: 'GET /: 200 OK' });
  });

  test('speaks HTTP/1.0, or more than it was asked, is running', async () => {
    const old = await answering('HTTP/1.0 200 Fine\r\n\r\nbody to the end');
    expect(await check(old, { match: 'end$' })).toMatchObject({
      status: 'running',
      output: 'GET /: 200 Fine',
    });
    const twice = await answering(`${answer('200 OK')}${answer('500 No')}`);
    expect(await check(twice)).toMatchObject({ status: 'running' });
  });

  test.each<[string, (socket: Socket) => void]>([
    ['never answers', (socket) => socket.resume()],
    ['trickles headers for ever', (socket) => trickle(socket, 'HTTP/1.1 200 OK\r\n', 'X: y\r\n')],
    ['trickles a body for ever', (socket) => trickle(socket, 'HTTP/1.1 200 OK\r\n\r\n', 'x')],
  ])('%s is waited for until the signal aborts, and let go of then', async (_name, behave) => {
    let told = () => {};
    const asked = new Promise<void>((resolve) => {
      told = resolve;
    });
    const peer = await listenRaw((socket) => {
      socket.once('data', told);
      behave(socket);
    });
    const controller = new AbortController();
    const ended = check(peer, {}, controller.signal);
    await asked;
    controller.abort(new Error('enough'));
    await expect(ended).rejects.toThrow('enough');
    await expect.poll(() => peer.open.size).toBe(0);
  });
});

test('nobody on the port is an error that says ECONNREFUSED, and a name that is none ENOTFOUND', async () => {
  expect(await check(await freePort())).toMatchObject({ status: 'error', output: 'ECONNREFUSED' });
  // A label of 64 characters is one that no resolver asks the network for.
  const { status, output } = await check({ host: `${'x'.repeat(64)}.invalid`, port: 80 });
  expect(status).toBe('error');
  expect(output).toMatch(/^(ENOTFOUND|EAI_AGAIN)$/);
});

test('whatever bytes answer, there is a verdict, and no connection is left', async () => {
  const chance = new Chance(7);
  const whole = answer('200 OK\r\nTransfer-Encoding: chunked', '2\r\nok\r\n0\r\n\r\n');
  const peer = await listenRaw((socket) => {
    const bytes = Buffer.from(chance.below(2) === 0 ? whole : 'x'.repeat(chance.below(200)), 'latin1');
    for (let changes = chance.below(4); changes > 0; changes--) {
      if (bytes.length > 0) bytes[chance.below(bytes.length)] = chance.below(256);
    }
    const send = () => (chance.below(4) === 0 ? socket.resetAndDestroy() : socket.end(bytes));
    if (chance.below(2) === 0) socket.once('data', send);
    else send();
    socket.resume();
  });
  const seen = new Set<string>();
  for (let round = 0; round < 60; round++) {
    const verdicts = await Promise.all(Array.from({ length: 5 }, () => check(peer, { match: 'o' })));
    for (const { status } of verdicts) seen.add(status);
  }
  expect([...seen].sort()).toEqual(['error', 'running']);
  await expect.poll(() => peer.open.size).toBe(0);
});

test('a head of thousands of tiny headers is given up before it is gone through', async () => {
  const head = `HTTP/1.1 200 OK\r\n${'a:\r\n'.repeat(30_000)}`;
  const target = await listenRaw((socket) => socket.write(head));
  const took: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const before = process.cpuUsage();
    expect((await check(target)).output).toBe('it answered with too many headers');
    const { user, system } = process.cpuUsage(before);
    took.push((user + system) / 1_000);
  }
  // In ms: a tenth of what it takes to go through it all. The quickest, since others are busy on this machine, too.
  expect(Math.min(...took)).toBeLessThan(40);
});
