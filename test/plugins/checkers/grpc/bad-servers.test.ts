import { once } from 'node:events';
import { createServer } from 'node:http2';
import { type AddressInfo, createConnection } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { decodeResponse, encodeRequest } from '../../../../plugins/checkers/grpc/health-messages.js';
import { check, checker, closeAll, listen, serve, status } from './support.js';

afterEach(closeAll);

const SETTINGS = Buffer.from('000000040000000000', 'hex');

describe('a server that speaks no gRPC is an error', () => {
  test.each<[string, Parameters<typeof listen>[0]]>([
    ['HTTP/1.1', (socket) => socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))],
    ['garbage', (socket) => socket.resume().write(Buffer.alloc(1_000, 0xff))],
    ['a close at once', (socket) => socket.end()],
    ['a reset at once', (socket) => socket.resetAndDestroy()],
    ['a reset after its settings', (socket) => socket.write(SETTINGS, () => socket.resetAndDestroy())],
    [
      'a close in the middle of a frame',
      (socket) => socket.end(Buffer.concat([SETTINGS, Buffer.from('00ff', 'hex')])),
    ],
  ])('%s', async (_, onConnection) => {
    const { status, output } = await check(await listen(onConnection));
    expect(status).toBe('error');
    expect(output).toMatch(/^[A-Z_]+: \S/);
    expect(output).not.toMatch(/No connection established|Resolution note|\d{4}-\d\d-\d\dT/);
  });

  test.each<[string, Parameters<typeof serveHttp2>[0]]>([
    [
      'a page',
      (stream) => {
        stream.respond({ ':status': 200, 'content-type': 'text/html' });
        stream.end('hello');
      },
    ],
    ['404', (stream) => stream.respond({ ':status': 404 }, { endStream: true })],
    [
      'no status in its trailers',
      (stream) => stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { endStream: true }),
    ],
    ['RST_STREAM', (stream) => stream.close(2)],
  ])('HTTP/2 that answers %s', async (_, onStream) => {
    expect(await check(await serveHttp2(onStream))).toMatchObject({
      status: 'error',
      output: expect.stringMatching(/\S/),
    });
  });

  test('an answer without end is cut off by its size', async () => {
    const target = await serveHttp2((stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      // A message of 2^31 bytes, of which more and more comes.
      stream.write(Buffer.from([0, 0x80, 0, 0, 0]));
      const more = () => {
        while (!stream.destroyed && stream.write(Buffer.alloc(16_384)));
      };
      stream.on('drain', more);
      more();
    });
    expect(await check(target)).toMatchObject({
      status: 'error',
      output: expect.stringMatching(/^RESOURCE_EXHAUSTED: .*larger/),
    });
  });

  test('a row of answers without end is waited for only until the signal aborts', async () => {
    const controller = new AbortController();
    let sent = 0;
    const target = await serveHttp2((stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      const more = () => {
        while (!stream.destroyed && stream.write(Buffer.from([0, 0, 0, 0, 2, 8, 1]))) sent += 1;
        if (sent > 1_000) controller.abort(new Error('enough'));
      };
      stream.on('drain', more);
      more();
    });
    const options = checker.options.parse({});
    await expect(checker.check({ target, options, signal: controller.signal })).rejects.toThrow('enough');
  });

  test('bytes that are no health answer', async () => {
    expect(await check(await serve(() => Buffer.from('0a', 'hex')))).toMatchObject({ status: 'error' });
  });
});

describe('nothing is left of a check that was given up', () => {
  test.each<[string, Parameters<typeof listen>[0]]>([
    ['a server that says nothing', (socket) => socket.resume()],
    ['one that does not even read', (socket) => socket.pause()],
    ['one that never answers the call', (socket) => socket.resume().write(SETTINGS)],
  ])('%s', async (_, onConnection) => {
    const target = await listen(onConnection);
    const asked = new Promise<void>((resolve) => {
      // The first connection only asks whether anybody is there.
      let connections = 0;
      target.server.on('connection', () => ++connections === 2 && resolve());
    });
    const controller = new AbortController();
    const ended = checker.check({ target, options: checker.options.parse({}), signal: controller.signal });
    await asked;
    controller.abort(new Error('enough'));
    await expect(ended).rejects.toThrow('enough');
    // A closed connection shows where it is written to.
    while (target.open.size > 0) {
      for (const socket of target.open) socket.resume().write('x');
      await new Promise(setImmediate);
    }
  });

  test('and no connection of one that ended, whatever the server does with its end', async () => {
    const target = await serve(() => status(1));
    const connections: AddressInfo[] = [];
    const relay = await listen((socket) => {
      const peer = createConnection({ ...target, allowHalfOpen: true });
      socket.pipe(peer, { end: false }).pipe(socket, { end: false });
      peer.on('error', () => {});
      socket.on('close', () => peer.destroy());
      connections.push(socket.address() as AddressInfo);
    });
    expect(await check(relay)).toMatchObject({ status: 'running' });
    while (relay.open.size > 0) {
      for (const socket of relay.open) socket.write('x');
      await new Promise(setImmediate);
    }
    expect(connections).toHaveLength(2);
  });
});

describe('the messages of grpc.health.v1', () => {
  test('a request is the name of a service, of any length', () => {
    expect(encodeRequest('')).toEqual(Buffer.alloc(0));
    expect(encodeRequest('ab').toString('hex')).toBe('0a026162');
    expect(encodeRequest('x'.repeat(256)).subarray(0, 3).toString('hex')).toBe('0a8002');
  });

  test.each([
    ['', 0],
    ['0801', 1],
    ['08ac02', 300],
    // Said twice, the last one counts.
    ['08020801', 1],
    // Fields that a later version may have: a varint, 8 bytes, a text, 4 bytes.
    ['10ff01' + '190000000000000000' + '22026162' + '2d00000000' + '0802', 2],
    // A negative one takes ten bytes.
    ['08ffffffffffffffffff01', 2 ** 64],
  ])('the answer %s is %i', (hex, expected) => {
    expect(decodeResponse(Buffer.from(hex, 'hex'))).toBe(expected);
  });

  test.each([
    '08',
    '0880',
    '0a',
    '0a05',
    '0aff',
    '0affffffffffffffff7f',
    '11',
    '0b',
    '08ffffffffffffffffffff01',
  ])('the answer %s is none', (hex) => {
    expect(() => decodeResponse(Buffer.from(hex, 'hex'))).toThrow('a health answer');
  });
});

type OnStream = (stream: import('node:http2').ServerHttp2Stream) => void;

async function serveHttp2(onStream: OnStream) {
  const server = createServer();
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    onStream(stream);
  });
  server.on('sessionError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const relay = await listen((socket) => {
    const peer = createConnection({ host: '127.0.0.1', port });
    peer.on('error', () => {});
    socket.pipe(peer).pipe(socket);
    socket.on('close', () => peer.destroy());
  });
  relay.server.once('close', () => server.close());
  return relay;
}
