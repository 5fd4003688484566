import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { parseAddress } from '../../../../../plugins/transports/xml-rpc/client/address.js';
import { Links } from '../../../../../plugins/transports/xml-rpc/client/links.js';
import { readMethodCall } from '../../../../../plugins/transports/xml-rpc/reader.js';
import { writeFault, writeResponse } from '../../../../../plugins/transports/xml-rpc/writer.js';
import { FakeClock } from '../../../../support/fake-clock.js';
import { gate } from '../../../../support/gate.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function listen(server: Server | ReturnType<typeof createTcpServer>, port = 0): Promise<string> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) body += chunk;
  return body;
}

/** Answers each call with its own method and parameters. */
const echo: RequestListener = async (request, response) => {
  const { method, params } = readMethodCall(await bodyOf(request));
  response.end(writeResponse([method, ...params]));
};

function links(...urls: string[]) {
  const clock = new FakeClock();
  const turns: (string | undefined)[] = [];
  const made = new Links(urls, {
    clock,
    timeoutMs: 5_000,
    connectTimeoutMs: 2_000,
    onTurn: (lost) => turns.push(lost?.code),
  });
  cleanups.push(() => made.close());
  return { clock, turns, links: made };
}

describe('a call', () => {
  test('carries any string to the registry and back, over one connection', async () => {
    const server = createServer(echo);
    let connections = 0;
    server.on('connection', () => {
      connections += 1;
    });
    const { links: calls } = links(await listen(server));
    const text = 'a]]>b]]></string>&\u{1f600}é';
    for (let index = 0; index < 5; index++) {
      const { value } = await calls.call('echo', [text, index, [true], { a: 1.5 }]);
      expect(value).toEqual(['echo', text, index, [true], { a: 1.5 }]);
    }
    expect(connections).toBe(1);
  });

  test.each([
    ['http://user:p%40ss%25@HOST/RPC2?x=1', 'Basic dXNlcjpwQHNzJQ==', '/RPC2?x=1'],
    ['http://us%zzer@HOST', `Basic ${Buffer.from('us%zzer:').toString('base64')}`, '/'],
    ['http://HOST/', undefined, '/'],
  ])('to %s shows who calls, and what is asked for', async (pattern, authorization, path) => {
    const seen: unknown[] = [];
    const url = await listen(
      createServer((request, response) => {
        seen.push([
          request.url,
          request.headers.authorization,
          request.headers['content-type'],
          request.headers.host,
        ]);
        return echo(request, response);
      }),
    );
    const host = new URL(url).host;
    await links(pattern.replace('HOST', host)).links.call('echo', []);
    expect(seen).toEqual([[path, authorization, 'text/xml', host]]);
  });

  test('never shows a password in an error', async () => {
    const address = parseAddress('http://user:secret@127.0.0.1:1/x');
    expect(address.url).toBe('http://127.0.0.1:1/x');
    await expect(links('http://user:secret@127.0.0.1:1').links.call('echo', [])).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringMatching(
        /^The registry at http:\/\/127\.0\.0\.1:1 did not answer: nothing listens there/,
      ),
    });
  });

  test.each([
    [200, 'hello', 'UNREACHABLE', /answered no XML-RPC/],
    [200, '', 'UNREACHABLE', /answered no XML-RPC/],
    [404, 'Nothing is served here', 'UNREACHABLE', /HTTP 404: Nothing is served here/],
    [503, 'LIMIT_REACHED: try again', 'UNREACHABLE', /HTTP 503: LIMIT_REACHED: try again/],
    [403, 'HOST_NOT_ALLOWED: not this Host', 'HOST_NOT_ALLOWED', /refused: not this Host/],
    [413, 'REQUEST_TOO_LARGE: at most 1 byte', 'REQUEST_TOO_LARGE', /at most 1 byte/],
    [200, writeFault(1010, 'The door closes'), 'STOPPING', /^The door closes$/],
    [401, 'who are you', 'UNAUTHORIZED', /wants credentials: who are you/],
    [200, writeFault(1002, 'no'), 'REFUSED', /^no$/],
    [200, writeFault(-32700, 'what is this'), 'PARSE_ERROR', /^what is this$/],
    [200, writeFault(77, 'of a plugin'), undefined, /^of a plugin$/],
  ])('answered %i %j is an error with its code', async (status, body, code, message) => {
    const url = await listen(createServer((_, response) => response.writeHead(status).end(body)));
    await expect(links(url).links.call('echo', [])).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  test('that can not be written is the mistake of its caller, and asks nobody', async () => {
    const { links: calls } = links('http://127.0.0.1:1');
    const cycle: unknown[] = [];
    cycle.push(cycle);
    await expect(calls.call('echo', [cycle as never])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('ends in its time, whether nothing comes or not all', async () => {
    const silent = createTcpServer((socket) => socket.on('data', () => {}));
    const { clock, links: calls } = links(await listen(silent));
    const call = calls.call('echo', []);
    call.catch(() => {});
    await once(silent, 'connection');
    await clock.advanceAsync(5_000);
    await expect(call).rejects.toMatchObject({ code: 'UNREACHABLE', message: /within 5000 ms/ });

    const half = createServer((_, response) =>
      response.writeHead(200, { 'content-length': 100 }).write('<?xml'),
    );
    const url = await listen(half);
    const other = links(url);
    const cut = other.links.call('echo', [], { timeoutMs: 7_000 });
    cut.catch(() => {});
    await once(half, 'request');
    await other.clock.advanceAsync(7_000);
    await expect(cut).rejects.toMatchObject({ code: 'UNREACHABLE', message: /within 7000 ms/ });
  });

  test('is given up by its signal with its reason, before and while it waits', async () => {
    const server = createServer(() => {});
    const { links: calls, turns } = links(await listen(server));
    const controller = new AbortController();
    const call = calls.call('echo', [], { signal: controller.signal });
    await once(server, 'request');
    controller.abort(new Error('enough'));
    await expect(call).rejects.toThrow('enough');
    await expect(calls.call('echo', [], { signal: controller.signal })).rejects.toThrow('enough');
    expect(turns).toEqual([]);
  });

  test('is repeated on a new connection where the registry had closed an idle one', async () => {
    const server = createTcpServer();
    let connections = 0;
    server.on('connection', (socket) => {
      connections += 1;
      const isFirst = connections === 1;
      let calls = 0;
      socket.on('error', () => {});
      socket.on('data', () => {
        calls += 1;
        const body = writeResponse(connections);
        if (isFirst && calls === 2) socket.resetAndDestroy();
        else socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
      });
    });
    const { links: calls } = links(await listen(server));
    const first = await calls.call('echo', []);
    const second = await calls.call('echo', []);
    expect([first.value, second.value]).toEqual([1, 2]);
    expect(calls.isSame(first.from)).toBe(false);
    expect(calls.isSame(second.from)).toBe(true);
  });

  test('that is answered without end is cut off', async () => {
    const chunk = Buffer.alloc(1024 * 1024, 0x20);
    const url = await listen(
      createServer((_, response) => {
        const write = () => {
          while (response.write(chunk));
          response.once('drain', write);
        };
        write();
      }),
    );
    await expect(links(url).links.call('echo', [])).rejects.toMatchObject({ code: 'LIMIT_REACHED' });
  });
});

describe('several addresses', () => {
  test('are tried in turn, and the one that answers is kept', async () => {
    const url = await listen(createServer(echo));
    const { links: calls } = links('http://127.0.0.1:1', url);
    const tried: string[] = [];
    for (const _ of [1, 2]) tried.push(String((await calls.call('echo', [])).value));
    expect(tried).toEqual(['echo', 'echo']);
    await expect(links('http://127.0.0.1:1', 'http://[::1]:1').links.call('echo', [])).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringMatching(/^No registry answered, of http.* .*127\.0\.0\.1:1.*\[::1\]:1/),
    });
  });

  test('are not tried, nor is a connection, where a call is to be made but once', async () => {
    const made: string[] = [];
    const breaksAtSecond: RequestListener = async (request, response) => {
      made.push(readMethodCall(await bodyOf(request)).method);
      if (made.length === 1) response.end(writeResponse(true));
      else response.destroy();
    };
    const { links: calls } = links(
      await listen(createServer(breaksAtSecond)),
      await listen(createServer(breaksAtSecond)),
    );
    await calls.call('first', []);
    await expect(calls.call('bill', [], { isOnce: true })).rejects.toMatchObject({ code: 'UNREACHABLE' });
    expect(made).toEqual(['first', 'bill']);
    await expect(calls.call('again', [])).rejects.toMatchObject({ code: 'UNREACHABLE' });
    expect(made.slice(2)).toEqual(['again', 'again']);
  });

  test('are not gone back to because a wait ends late that began at another', async () => {
    let isHere = true;
    const { promise: waits, open: toWait } = gate();
    const { promise: ended, open: endWait } = gate();
    const first = createServer(async (request, response) => {
      const { method } = readMethodCall(await bodyOf(request));
      if (method === 'resolve') {
        toWait();
        await ended;
      } else if (!isHere) response.destroy();
      response.end(writeResponse('first'));
    });
    const second = createServer((_, response) => response.end(writeResponse('second')));
    const { links: calls } = links(await listen(first), await listen(second));
    const wait = calls.call('resolve', ['x', 100]);
    await waits;
    isHere = false;
    expect((await calls.call('echo', [])).value).toBe('second');
    isHere = true;
    endWait();
    expect((await wait).value).toBe('first');
    expect((await calls.call('echo', [])).value).toBe('second');
  });

  test('are tried where one stops, is full or is none; not where it refuses', async () => {
    const good = await listen(createServer(echo));
    for (const [status, body, isTried] of [
      [200, writeFault(1010, 'STOPPING'), true],
      [503, 'LIMIT_REACHED: full', true],
      [404, 'a web server', true],
      [403, 'HOST_NOT_ALLOWED: no', false],
      [200, writeFault(1002, 'no'), false],
    ] as const) {
      const bad = await listen(createServer((_, response) => response.writeHead(status).end(body)));
      const call = links(bad, good).links.call('echo', []);
      await (isTried
        ? expect(call).resolves.toMatchObject({ value: ['echo'] })
        : expect(call).rejects.toThrow());
    }
  });

  test('are left for the next when one takes too long to connect to, which is shorter than a call', async () => {
    // It accepts, and then says nothing that TLS could begin with.
    const silent = createTcpServer((socket) => socket.on('data', () => {}));
    const silentUrl = (await listen(silent)).replace('http:', 'https:');
    const { clock, links: calls } = links(silentUrl, await listen(createServer(echo)));
    const call = calls.call('echo', []);
    await once(silent, 'connection');
    await clock.advanceAsync(2_000);
    expect((await call).value).toEqual(['echo']);
  });

  test('tell once that none answers, and once that one does again', async () => {
    const server = createServer(echo);
    const url = await listen(server);
    const { port } = new URL(url);
    server.close();
    await once(server, 'close');
    const { links: calls, turns } = links(url);
    for (const _ of [1, 2, 3]) await calls.call('echo', []).catch(() => {});
    expect(turns).toEqual(['UNREACHABLE']);
    await listen(createServer(echo), Number(port));
    for (const _ of [1, 2]) await calls.call('echo', []);
    expect(turns).toEqual(['UNREACHABLE', undefined]);
  });
});

describe('who answered', () => {
  test('is the same as long as a connection stays open, and is another after all were closed', async () => {
    const server = createServer(echo);
    const { links: calls } = links(await listen(server));
    const { from } = await calls.call('echo', []);
    await Promise.all([calls.call('echo', []), calls.call('echo', []), calls.call('resolve', ['x', 1])]);
    expect(calls.isSame(from)).toBe(true);
    expect(calls.localAddress).toBe('127.0.0.1');
    server.closeAllConnections();
    await expect.poll(() => calls.isSame(from)).toBe(false);
    const again = await calls.call('echo', []);
    expect(calls.isSame(from)).toBe(false);
    expect(calls.isSame(again.from)).toBe(true);
  });

  test('is not known any more once a call has hung, though another connection is open', async () => {
    let isHanging = false;
    const server = createServer((request, response) => (isHanging ? undefined : echo(request, response)));
    const { clock, links: calls } = links(await listen(server));
    const { from } = await calls.call('resolve', ['x', 1]);
    isHanging = true;
    const call = calls.call('echo', []);
    call.catch(() => {});
    await once(server, 'request');
    await clock.advanceAsync(5_000);
    await expect(call).rejects.toThrow('within 5000 ms');
    expect(calls.isSame(from)).toBe(false);
  });

  test('can be told a last word, which leaves before the call returns', async () => {
    const heard: string[] = [];
    const server = createServer(async (request, response) => {
      heard.push(readMethodCall(await bodyOf(request)).method);
      response.end(writeResponse(true));
    });
    const { links: calls } = links(await listen(server));
    const { from } = await calls.call('register', []);
    await expect.poll(() => calls.callAtExit(from, 'unregister', ['payments', 1])).toBe(true);
    await expect.poll(() => heard).toEqual(['register', 'unregister']);
  });
});
