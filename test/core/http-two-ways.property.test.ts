import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll } from '../support/http-door.js';
import { type Outcome, twoWays } from '../support/two-ways.js';

afterEach(closeAll);

const often = <T>(usual: T, ...others: T[]) =>
  fc.oneof(
    { weight: 8, arbitrary: fc.constant(usual) },
    { weight: 2, arbitrary: fc.constantFrom(usual, ...others) },
  );

/** Lines beside Host and Content-Length: of no concern, of some, broken. What offers another protocol is left out: node
 * drops what is pipelined behind it. */
const line = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      'Accept: */*',
      'User-Agent: x y',
      'Cookie: a=b',
      'X-A: 1',
      'x-a:2',
      'Content-Type: text/xml',
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      ...[
        'Authorization: Bearer x',
        'Connection: keep-alive',
        'Connection: close',
        'Connection: Close',
        'Connection: x',
      ],
      ...[
        'Content-Type: TEXT/XML;a=b',
        'Content-Type: text/plain',
        'Content-Encoding: identity',
        'Expect: x',
        'TE: x',
      ],
      ...[
        'Origin: null',
        'Sec-Fetch-Site: none',
        'Transfer-Encoding: chunked',
        'Content-Length: 2',
        'Host: localhost',
      ],
      ...[
        'Keep-Alive: 5',
        'Proxy-Connection: close',
        'Trailer: X-B',
        'Set-Cookie: a',
        'X-\xc4: 1',
        'X-B: \xc4',
        'X-B:',
        'X-B : 1',
      ],
      ...[
        'X-B: 1 ',
        ' X-B: 1',
        '\tfolded',
        'X-B: \t1',
        'X-B: a\0b',
        'X-B: a\x7fb',
        'X-B: a\rb',
        'X-B: a\nb',
        ':',
        '',
        'nothing',
      ],
    ),
  },
);

const message = fc
  .record({
    start: fc.tuple(
      often('POST', 'GET', 'PUT', 'PoST', 'POSTS', ''),
      often(' ', '  ', '\t'),
      often('/', '/RPC2', '/?a', '/RPC2/', '*', '/\xe4'),
    ),
    version: often('HTTP/1.1', 'HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'http/1.1', ''),
    host: often('Host: localhost', 'host: 127.0.0.1:80', 'Host: evil.example', 'Host: a b', 'Host:'),
    body: fc.oneof(fc.constantFrom('', 'hi', '<a/>'), fc.string({ maxLength: 40 })),
    lie: often(0, 0, 1, -1, 1000),
    spelling: often('', '0', '+', '-', ' ', '0x'),
    lines: fc.array(line, { maxLength: 6 }),
    at: fc.nat(6),
    end: often('\r\n', '\n', '\r'),
  })
  .map(({ start, version, host, body, lie, spelling, lines, at, end }) => {
    const bytes = Buffer.from(body);
    const length = `Content-Length: ${spelling}${Math.max(0, bytes.length + lie)}`;
    const all = [...lines.slice(0, at), host, ...lines.slice(at), length];
    const head = [`${start.join('')} ${version}`, ...all, '', ''].join('\r\n').replace(/\r\n/, end);
    return Buffer.concat([Buffer.from(head, 'latin1'), bytes]);
  });

/** A message with some of its bytes changed, doubled or left out. */
const mangled = fc
  .tuple(message, fc.array(fc.tuple(fc.nat(400), fc.nat(255), fc.nat(2)), { maxLength: 2 }))
  .map(([bytes, changes]) => {
    let text = bytes.toString('latin1');
    for (const [where, code, kind] of changes) {
      const at = where % (text.length + 1);
      const char = String.fromCharCode(code);
      text = text.slice(0, at) + (kind === 0 ? '' : char) + text.slice(at + (kind === 1 ? 0 : 1));
    }
    return Buffer.from(text, 'latin1');
  });

/** Where to cut. */
const cuts = fc.array(fc.nat(400), { maxLength: 4 });

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at
    .slice(1)
    .map((end, index) => bytes.subarray(at[index], end))
    .filter((piece) => piece.length > 0);
}

/**
 * What is no request behind one that is gets 400, or the connection is closed with no more, as it happens to arrive; so
 * only what came before that is compared, but for whether it says that it is the last.
 */
function comparable(answers: Outcome): Outcome {
  const end = answers.findIndex(({ status }, index) => index > 0 && status === 400);
  return answers.slice(0, end < 0 ? undefined : end).map(({ headers, ...answer }) => {
    const { connection, 'keep-alive': keepAlive, ...others } = headers;
    return { ...answer, headers: others };
  });
}

function isRefusal(answers: Outcome): boolean {
  return answers.every(({ status, headers }) => status >= 400 && headers.connection === 'close');
}

/** So many are sent at once, since what is not whole has to run into its timeout. */
const BATCH = 250;

async function check(inputs: fc.Arbitrary<[Buffer, number[]]>, count: number): Promise<Set<string>> {
  const { both, ways, errors } = await twoWays();
  await fc.assert(
    fc.asyncProperty(fc.array(inputs, { minLength: BATCH, maxLength: BATCH }), async (batch) => {
      const outcomes = await Promise.all(batch.map(([bytes, places]) => both(...cut(bytes, places))));
      for (const [index, [quick, node]] of outcomes.entries()) {
        // Who is refused and goes on sending may find its connection reset before it has read why.
        if (isRefusal(quick) && isRefusal(node) && quick.length * node.length === 0) continue;
        expect(comparable(quick), JSON.stringify(batch[index]?.[0].toString('latin1'))).toEqual(
          comparable(node),
        );
      }
    }),
    { numRuns: count / BATCH, endOnFailure: true },
  );
  expect(errors).toEqual([]);
  return new Set(ways);
}

describe('the quick way and node:http answer alike', () => {
  it('whatever a request is made of, in whatever pieces it comes', async () => {
    expect(await check(fc.tuple(message, cuts), 500)).toEqual(new Set(['quick', 'node']));
  }, 60_000);

  it('whatever is changed in it', async () => {
    expect(await check(fc.tuple(mangled, cuts), 500)).toEqual(new Set(['quick', 'node']));
  }, 60_000);

  it('any bytes, and goes on', async () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 }).map((array) => Buffer.from(array));
    await check(fc.tuple(bytes, cuts), BATCH);
  }, 60_000);
});
