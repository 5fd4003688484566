import { afterEach, describe, expect, it } from 'vitest';
import { closeAll } from '../support/http-door.js';
import { twoWays } from '../support/two-ways.js';

afterEach(closeAll);

const request = (lines: string, body = '', start = 'POST / HTTP/1.1') =>
  `${start}\r\n${lines}\r\n\r\n${body}`;
const HOST = 'Host: localhost';
const LENGTH = 'Content-Length: 2';

/** A request, how it is answered, and whether it is ordinary enough for the quick way. */
const CASES: [what: string, bytes: string, status: number, isQuick?: boolean][] = [
  ['an ordinary request', request(`${HOST}\r\n${LENGTH}`, 'hi'), 200, true],
  [
    'one with headers of no concern',
    request(`${HOST}\r\nUser-Agent: xmlrpc/1 (x; y)\r\nAccept: */*\r\nX-A: 1\r\nX-A: 2\r\n${LENGTH}`, 'hi'),
    200,
    true,
  ],
  [
    'one to another path of the door',
    request(`${HOST}\r\n${LENGTH}`, 'hi', 'POST /RPC2 HTTP/1.1'),
    200,
    true,
  ],
  ['one with names in any case', request('hOST: localhost\r\nCONTENT-LENGTH: 2', 'hi'), 200, true],
  [
    'one with a Content-Type',
    request(`${HOST}\r\nContent-Type: text/xml; charset=utf-8\r\n${LENGTH}`, 'hi'),
    200,
    true,
  ],
  ['one with credentials', request(`${HOST}\r\nAuthorization: Basic eDp5\r\n${LENGTH}`, 'hi'), 200, true],
  ['one that says keep-alive', request(`${HOST}\r\nConnection: Keep-Alive\r\n${LENGTH}`, 'hi'), 200, true],
  ['one that says close', request(`${HOST}\r\nConnection: close\r\n${LENGTH}`, 'hi'), 200, true],
  ['one without a body', request(`${HOST}\r\nContent-Length: 0`), 200, true],
  [
    'one with no spaces before values, and many',
    request('Host:localhost\r\nContent-Length:    2', 'hi'),
    200,
    true,
  ],
  ['a body of bytes that are no text', request(`${HOST}\r\n${LENGTH}`, '\0\xff'), 200, true],

  ['no Content-Length', request(HOST), 200],
  ['a query', request(`${HOST}\r\n${LENGTH}`, 'hi', 'POST /?a=b HTTP/1.1'), 200],
  ['an empty line before', `\r\n${request(`${HOST}\r\n${LENGTH}`, 'hi')}`, 200],
  ['an absolute URL', request(`${HOST}\r\n${LENGTH}`, 'hi', 'POST http://localhost/ HTTP/1.1'), 404],
  ['HTTP/1.0', request(LENGTH, 'hi', 'POST / HTTP/1.0'), 200],
  ['chunks', request(`${HOST}\r\nTransfer-Encoding: chunked`, '2\r\nhi\r\n0\r\n\r\n'), 200],
  ['an expectation of 100-continue', request(`${HOST}\r\nExpect: 100-continue\r\n${LENGTH}`, 'hi'), 100],
  ['spaces behind a value', request(`${HOST}  \r\n${LENGTH}`, 'hi'), 200],
  ['a tab before a value', request(`Host:\tlocalhost\r\n${LENGTH}`, 'hi'), 200],
  ['Latin-1 in a value', request(`${HOST}\r\nX-A: \xe4\r\n${LENGTH}`, 'hi'), 200],
  ['an empty value', request(`${HOST}\r\nX-A:\r\n${LENGTH}`, 'hi'), 200],
  ['a length with zeros before it', request(`${HOST}\r\nContent-Length: 0002`, 'hi'), 200],
  ['a page of this origin', request(`${HOST}\r\nSec-Fetch-Site: same-origin\r\n${LENGTH}`, 'hi'), 200],
  ['a coding of nothing', request(`${HOST}\r\nContent-Encoding: identity\r\n${LENGTH}`, 'hi'), 200],

  ['an unknown path', request(`${HOST}\r\n${LENGTH}`, 'hi', 'POST /x HTTP/1.1'), 404],
  ['another method', request(HOST, '', 'GET / HTTP/1.1'), 405],
  ['another content type', request(`${HOST}\r\nContent-Type: text/html\r\n${LENGTH}`, 'hi'), 415],
  [
    'two content types',
    request(`${HOST}\r\nContent-Type: text/xml\r\nContent-Type: text/xml\r\n${LENGTH}`, 'hi'),
    415,
  ],
  ['a coding nobody knows', request(`${HOST}\r\nContent-Encoding: br\r\n${LENGTH}`, 'hi'), 415],
  ['a body that is too long', request(`${HOST}\r\nContent-Length: 1001`, 'x'.repeat(1001)), 413],
  ['a page of another site', request(`${HOST}\r\nOrigin: http://evil.example\r\n${LENGTH}`, 'hi'), 403],
  ['a fetch from another site', request(`${HOST}\r\nSec-Fetch-Site: cross-site\r\n${LENGTH}`, 'hi'), 403],
  ['a host that is not ours', request(`Host: evil.example\r\n${LENGTH}`, 'hi'), 403],
  ['no Host', request(LENGTH, 'hi'), 400],
  ['two Hosts', request(`${HOST}\r\n${HOST}\r\n${LENGTH}`, 'hi'), 400],
  ['a head that is too long', request(`${HOST}\r\nX-A: ${'x'.repeat(1500)}\r\n${LENGTH}`, 'hi'), 431],
  ['an unmeetable expectation', request(`${HOST}\r\nExpect: gold\r\n${LENGTH}`, 'hi'), 417],

  // Where two readers disagree on where a request ends, one of them can be made to take its body for a request.
  ['a length and chunks', request(`${HOST}\r\n${LENGTH}\r\nTransfer-Encoding: chunked`, '0\r\n\r\n'), 400],
  ['chunks and a length', request(`${HOST}\r\nTransfer-Encoding: chunked\r\n${LENGTH}`, '0\r\n\r\n'), 400],
  ['a coding that hides chunks', request(`${HOST}\r\nTransfer-Encoding: xchunked\r\n${LENGTH}`, 'hi'), 400],
  ['two lengths', request(`${HOST}\r\n${LENGTH}\r\nContent-Length: 3`, 'hi!'), 400],
  ['the same length twice', request(`${HOST}\r\n${LENGTH}\r\n${LENGTH}`, 'hi'), 400],
  ['two lengths in one line', request(`${HOST}\r\nContent-Length: 2, 2`, 'hi'), 400],
  ['a length with a sign', request(`${HOST}\r\nContent-Length: +2`, 'hi'), 400],
  ['a negative length', request(`${HOST}\r\nContent-Length: -2`, 'hi'), 400],
  ['a length in hexadecimal', request(`${HOST}\r\nContent-Length: 0x2`, 'hi'), 400],
  ['a length with a fraction', request(`${HOST}\r\nContent-Length: 2.0`, 'hi'), 400],
  ['a length beyond counting', request(`${HOST}\r\nContent-Length: ${'9'.repeat(30)}`, 'hi'), 400],
  ['an empty length', request(`${HOST}\r\nContent-Length:`), 400],
  ['a space before the colon', request(`${HOST}\r\nContent-Length : 2`, 'hi'), 400],
  ['a space before a name', request(`${HOST}\r\n ${LENGTH}`, 'hi'), 400],
  ['a folded line', request(`${HOST}\r\nX-A: a\r\n b\r\n${LENGTH}`, 'hi'), 400],
  ['a line without a colon', request(`${HOST}\r\nnothing\r\n${LENGTH}`, 'hi'), 400],
  ['a NUL in a value', request(`${HOST}\r\nX-A: \0\r\n${LENGTH}`, 'hi'), 400],
  ['a NUL in a name', request(`${HOST}\r\nX\0A: a\r\n${LENGTH}`, 'hi'), 400],
  ['a bare LF behind a line', request(`${HOST}\nX-A: a\r\n${LENGTH}`, 'hi'), 400],
  ['a bare CR in a value', request(`${HOST}\r\nX-A: a\rb\r\n${LENGTH}`, 'hi'), 400],
  ['bare LFs alone', 'POST / HTTP/1.1\nHost: localhost\nContent-Length: 2\n\nhi', 400],
  ['two spaces in the first line', request(`${HOST}\r\n${LENGTH}`, 'hi', 'POST  / HTTP/1.1'), 200],
  ['a version that is none', request(`${HOST}\r\n${LENGTH}`, 'hi', 'POST / HTTP/1.9'), 400],
  ['HTTP/2', request(`${HOST}\r\n${LENGTH}`, 'hi', 'POST / HTTP/2.0'), 200],
  ['a method in lower case', request(`${HOST}\r\n${LENGTH}`, 'hi', 'post / HTTP/1.1'), 400],
  ['what is no HTTP', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03', 400],
];

describe('the quick way and node:http answer alike:', () => {
  it.each(CASES)('%s', async (_, bytes, status, isQuick = false) => {
    const { both, ways } = await twoWays();
    const [quick, node] = await both(Buffer.from(bytes, 'latin1'));
    expect(quick).toEqual(node);
    expect(quick[0]?.status).toBe(status);
    if (isQuick) expect(ways).toContain('quick');
  });

  it('each of them, cut anywhere', async () => {
    const { both, ways, errors } = await twoWays();
    for (const [what, text] of CASES) {
      const bytes = Buffer.from(text, 'latin1');
      if (bytes.length > 250) continue;
      const [whole] = await both(bytes);
      const cuts = Array.from({ length: bytes.length - 1 }, (_, at) => at + 1);
      const outcomes = await Promise.all(cuts.map((at) => both(bytes.subarray(0, at), bytes.subarray(at))));
      for (const [index, [quick, node]] of outcomes.entries()) {
        expect(quick, `${what}, cut at ${index + 1}`).toEqual(whole);
        expect(node, `${what}, cut at ${index + 1}, node:http`).toEqual(whole);
      }
    }
    expect(ways).toContain('quick');
    expect(errors).toEqual([]);
  }, 120_000);

  it('each of them, byte by byte', async () => {
    const { both } = await twoWays();
    const outcomes = await Promise.all(
      CASES.filter(([, text]) => text.length < 250).map(async ([what, text]) => {
        const bytes = Buffer.from(text, 'latin1');
        const [whole] = await both(bytes);
        const [quick, node] = await both(...Array.from(bytes, (byte) => Buffer.of(byte)));
        return { what, whole, quick, node };
      }),
    );
    for (const { what, whole, quick, node } of outcomes) {
      expect(quick, what).toEqual(whole);
      expect(node, what).toEqual(whole);
    }
  }, 60_000);
});
