import type { Socket } from 'node:net';
import { describe, expect, test, vi } from 'vitest';
import { parseArgument, systemClock } from '../../../../core/index.js';
import { createXmlRpcChecker } from '../../../../plugins/checkers/xml-rpc/xml-rpc-checker.js';
import { readMethodCall } from '../../../../plugins/transports/xml-rpc/reader.js';
import { writeFault } from '../../../../plugins/transports/xml-rpc/writer.js';
import { describeChecker } from '../../../contracts/checker.js';
import { Chance } from '../../../support/chance.js';
import { flood, freePort, listenRaw, type RawPeer, trickle } from '../raw-peer.js';
import { answer, check, value } from './calling.js';

/** A server that answers these bytes to whatever it is asked. */
function answering(bytes: string, asked: (request: string) => void = () => {}): Promise<RawPeer> {
  return listenRaw((socket) => {
    socket.once('data', (request) => {
      asked(request.toString());
      socket.end(bytes);
    });
  });
}

describe('the contract of checkers', () => {
  const peers: RawPeer[] = [];
  const kept = async (peer: Promise<RawPeer>) => {
    peers.push(await peer);
    return peer;
  };
  describeChecker({
    test,
    create: async () => ({
      checker: createXmlRpcChecker(systemClock),
      options: { method: 'ping', params: [1], expect: 'pong' },
      healthy: () => kept(answering(value('pong'))),
      dead: freePort,
      silent: () => kept(listenRaw((socket) => socket.resume())),
      dispose: async () => {
        for (const { close } of peers.splice(0)) await close();
      },
    }),
  });
});

test('a call has the method, the parameters, the path and the user of the check', async () => {
  const asked = vi.fn<(request: string) => void>();
  const peer = await answering(value('<i4>1</i4>'), asked);
  const params = [7, 'a<b]]>', 1.5, true, null, { list: ['é'] }];
  const options = { method: 'shop.ping', params, path: '/rpc?v=1', user: 'ann', password: 'a:b' };
  expect(await check(peer, options)).toMatchObject({ status: 'running', output: 'shop.ping: 1' });
  const [head = '', body = ''] = asked.mock.calls[0]?.[0].split('\r\n\r\n') ?? [];
  expect(head).toMatch(/^POST \/rpc\?v=1 HTTP\/1\.1\r\n/);
  expect(head).toContain(`\r\nHost: 127.0.0.1:${peer.port}\r\n`);
  expect(head).toContain(`\r\nAuthorization: Basic ${Buffer.from('ann:a:b').toString('base64')}\r\n`);
  expect(readMethodCall(body)).toEqual({ method: 'shop.ping', params });
});

describe('an answer that is', () => {
  test.each([
    ['a string', 'pong', {}, 'running', 'system.listMethods: "pong"'],
    [
      'an array',
      '<array><data><value>a</value></data></array>',
      {},
      'running',
      'system.listMethods: an array of 1',
    ],
    ['a struct', '<struct></struct>', {}, 'running', 'system.listMethods: a struct of 0'],
    ['nil', '<nil/>', { expect: null }, 'running', 'system.listMethods: null'],
    ['bytes', '<base64>AAEC</base64>', {}, 'running', 'system.listMethods: 3 bytes'],
    [
      'what is expected',
      '<array><data><value><int>1</int></value><value>a</value></data></array>',
      { expect: [1, 'a'] },
      'running',
      /an array of 2$/,
    ],
    ['not what is expected', '<int>7</int>', { method: 'n', expect: 8 }, 'error', 'n: 7, expected 8'],
    [
      'a date',
      '<dateTime.iso8601>20260131T00:00:00</dateTime.iso8601>',
      {},
      'running',
      /2026-01-31T00:00:00\.000Z$/,
    ],
  ])('%s', async (_name, xml, options, status, output) => {
    const verdict = await check(await answering(value(xml)), options);
    expect(verdict.output).toMatch(output);
    expect(verdict).toMatchObject({ status });
  });

  test('a fault is an error with its code and its text', async () => {
    const peer = await answering(answer(writeFault(6, 'SHUTDOWN_STATE\n\u202e!')));
    expect(await check(peer)).toMatchObject({
      status: 'error',
      output: 'system.listMethods: fault 6: SHUTDOWN_STATE??!',
    });
  });

  test.each([
    [
      'a page',
      answer('<html></html>'),
      /it answered no XML-RPC: found "<html><\/html>" at offset 0; expected <methodResponse>/,
    ],
    ['nothing', answer(''), /it answered no XML-RPC: found the end/],
    ['no XML', answer('ok'), /it answered no XML-RPC/],
    ['a call', answer('<methodCall><methodName>a</methodName></methodCall>'), /it answered no XML-RPC/],
    ['not found', answer('<html></html>', '404 Not Found'), 'system.listMethods: HTTP 404 Not Found'],
    ['a redirect', answer('', '302 Found\r\nLocation: /RPC3'), 'system.listMethods: HTTP 302 Found'],
    [
      'a good answer with a bad status',
      value('pong').replace('200 OK', '500 Oh \x1b[31m'),
      'system.listMethods: HTTP 500 Oh ?[31m',
    ],
    ['cut', value('pong').slice(0, -9), 'it closed the connection before the end of its answer'],
    ['no HTTP', 'SSH-2.0\r\n', /it answered no HTTP\/1\.1: HPE_/],
    [
      'another protocol',
      'HTTP/1.1 101 Yes\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
      'it switched to another protocol',
    ],
  ])('%s is an error that says so', async (_name, bytes, output) => {
    const verdict = await check(await answering(bytes));
    expect(verdict.status).toBe('error');
    expect(verdict.output).toMatch(output);
  });
});

describe('a server that', () => {
  test.each<[string, (socket: Socket) => void, RegExp]>([
    [
      'never ends its answer',
      (socket) => flood(socket, 'HTTP/1.1 200 OK\r\n\r\n', 'x'.repeat(10_000)),
      /more than 131072 bytes/,
    ],
    [
      'never ends its headers',
      (socket) => flood(socket, 'HTTP/1.1 200 OK\r\n', `X: ${'x'.repeat(999)}\r\n`),
      /HPE_HEADER_OVERFLOW/,
    ],
    [
      'hints for ever',
      (socket) => flood(socket, '', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(100)),
      /it sent 103 again and again/,
    ],
    ['closes at once', (socket) => socket.end(), /^it closed the connection before the end of its answer$/],
    [
      'resets the connection',
      (socket) => socket.once('data', () => socket.resetAndDestroy()),
      /^ECONNRESET$/,
    ],
  ])('%s is an error', async (_name, behave, output) => {
    const verdict = await check(await listenRaw(behave));
    expect(verdict.status).toBe('error');
    expect(verdict.output).toMatch(output);
  });

  test.each<[string, (socket: Socket) => void]>([
    ['never answers', (socket) => socket.resume()],
    ['trickles for ever', (socket) => trickle(socket, 'HTTP/1.1 200 OK\r\n\r\n', '<')],
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

  test('switches to another protocol is let go of', async () => {
    const peer = await listenRaw((socket) => {
      socket.once('data', () =>
        socket.write('HTTP/1.1 101 Yes\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'),
      );
    });
    expect((await check(peer)).output).toBe('it switched to another protocol');
    await expect.poll(() => peer.open.size).toBe(0);
  });

  test('answers whatever bytes gets a verdict, and no connection is left', async () => {
    const chance = new Chance(3);
    const peer = await listenRaw((socket) => {
      const bytes = Buffer.from(chance.is(0.5) ? value('<int>7</int>') : 'x'.repeat(chance.below(200)));
      for (let changes = chance.below(4); changes > 0; changes--) {
        if (bytes.length > 0) bytes[chance.below(bytes.length)] = chance.below(256);
      }
      const send = () => (chance.is(0.2) ? socket.resetAndDestroy() : socket.end(bytes));
      if (chance.is(0.5)) socket.once('data', send);
      else send();
      socket.resume();
    });
    const seen = new Set<string>();
    for (let round = 0; round < 60; round++) {
      const verdicts = await Promise.all(Array.from({ length: 5 }, () => check(peer)));
      for (const { status } of verdicts) seen.add(status);
    }
    expect([...seen].sort()).toEqual(['error', 'running']);
    await expect.poll(() => peer.open.size).toBe(0);
  });
});

describe('a check is refused, and told why, that', () => {
  const { options } = createXmlRpcChecker(systemClock);
  let deep: unknown = 1;
  for (let level = 0; level < 70; level++) deep = [deep];
  test.each([
    ['calls no name', { method: 'a b' }, /"method": expected a method name/],
    ['has many parameters', { params: Array(17).fill(1) }, /"params"/],
    [
      'has a long parameter',
      { params: ['x'.repeat(4_096)] },
      /"params.0": expected at most 4096 characters of JSON/,
    ],
    ['has a deep parameter', { params: [deep] }, /"params": what lies more than 64/],
    ['has a path that is none', { path: 'RPC2' }, /"path": expected a path/],
    ['has a password of nobody', { password: 'x' }, /"password": expected a user with it/],
    ['has a user with a colon', { user: 'a:b' }, /"user": expected a user without ":"/],
    ['misspells an option', { parms: [] }, /Did you mean "params"/],
  ])('%s', (_name, given, why) => {
    expect(() => parseArgument(options, given)).toThrow(why);
  });
});

test('what calls another method than the one that lists them may change something, and so is not for any registration to ask', () => {
  const { options, mayChange } = createXmlRpcChecker(systemClock);
  expect(mayChange?.(options.parse({ path: '/' }))).toBe(false);
  for (const more of [
    { method: 'supervisor.shutdown' },
    { path: '/actuator/shutdown' },
    { path: '/?do=delete' },
    { params: ['\nflush_all\n'] },
  ]) {
    expect(mayChange?.(options.parse(more))).toBe(true);
  }
});
