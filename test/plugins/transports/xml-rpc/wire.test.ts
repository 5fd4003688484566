import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRegistry, type Registry, silentLogger } from '../../../../core/index.js';
import xmlRpc from '../../../../plugins/transports/xml-rpc/index.js';
import { exchange } from '../../../support/exchange.js';

/** What stock clients rely on, as bytes on the wire, where the clients themselves cannot be asked or would not tell. */
let registry: Registry;
let port: number;
beforeEach(async () => {
  const config = { store: 'memory', plugins: [[xmlRpc, { port: 0 }] as const] };
  registry = await createRegistry({ config, logger: silentLogger });
  await registry.start();
  port = registry.doors[0]?.address.port ?? 0;
});
afterEach(() => registry.stop());

const call = (method: string, params = '') =>
  `<methodCall><methodName>${method}</methodName>${params}</methodCall>`;
const params = (...values: string[]) =>
  `<params>${values.map((value) => `<param><value>${value}</value></param>`).join('')}</params>`;
const REGISTER = call('register', params('payments', '127.0.0.1', '<int>9000</int>'));
const ANSWER =
  '<?xml version="1.0"?><methodResponse><params><param><value><int>1</int></value></param></params></methodResponse>';

interface Sent {
  readonly path?: string;
  readonly method?: string;
  readonly version?: string;
  /** Header lines, each with its CRLF. */
  readonly lines?: string;
  /** null for none. */
  readonly type?: string | null;
}

function bytesOf(
  body: string | Buffer,
  { path = '/', method = 'POST', version = 'HTTP/1.1', lines, type = 'text/xml' }: Sent = {},
) {
  const host = lines ?? 'Host: localhost\r\n';
  const contentType = type === null ? '' : `Content-Type: ${type}\r\n`;
  const head = `${method} ${path} ${version}\r\n${host}${contentType}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), Buffer.from(body)]);
}
const send = (body: string | Buffer, sent?: Sent) => exchange(port, bytesOf(body, sent));

describe('every answer has Content-Length, spelled so, and is never chunked', () => {
  const large = 'x'.repeat(1024 * 1024 + 1);
  test.each<[string, number, () => Buffer | string]>([
    ['to a call', 200, () => bytesOf(REGISTER)],
    ['to a call by HTTP/1.0', 200, () => bytesOf(REGISTER, { version: 'HTTP/1.0', lines: '' })],
    ['that is a fault', 200, () => bytesOf(call('no_such_method'))],
    [
      'that is a fault by HTTP/1.0',
      200,
      () => bytesOf(call('no_such_method'), { version: 'HTTP/1.0', lines: '' }),
    ],
    ['to what is no XML', 200, () => bytesOf('hello')],
    ['to nothing', 200, () => bytesOf('')],
    ['to another path', 404, () => bytesOf(REGISTER, { path: '/api' })],
    ['to another method', 405, () => bytesOf(REGISTER, { method: 'PUT' })],
    ['to a form', 415, () => bytesOf(REGISTER, { type: 'application/x-www-form-urlencoded' })],
    ['to a body that is too large', 413, () => bytesOf(large)],
    [
      'to a web page',
      403,
      () => bytesOf(REGISTER, { lines: 'Host: localhost\r\nOrigin: http://localhost\r\n' }),
    ],
    ['to a strange Host', 403, () => bytesOf(REGISTER, { lines: 'Host: evil.example\r\n' })],
    ['without Host', 400, () => bytesOf(REGISTER, { lines: '' })],
    [
      'to broken gzip',
      400,
      () => bytesOf('hello', { lines: 'Host: localhost\r\nContent-Encoding: gzip\r\n' }),
    ],
    ['to what is no HTTP', 400, () => 'hello\r\n\r\n'],
  ])('%s', async (_, status, request) => {
    const answer = await exchange(port, request());
    expect(answer.status).toBe(status);
    expect(answer.head).toContain(`\r\nContent-Length: ${Buffer.byteLength(answer.body)}\r\n`);
    expect(answer.head).not.toMatch(/transfer-encoding/i);
    if (status !== 200) expect(answer.body).toMatch(/^[^\n]+\n$/);
  });

  test('to a call that had to wait', async () => {
    const answer = await send(call('resolve', params('nobody', '<double>0.01</double>')));
    expect(answer.head).toContain(`\r\nContent-Length: ${Buffer.byteLength(answer.body)}\r\n`);
  });
});

test('an answer holds no untyped string, no CDATA, no <nil/> and no <i8>, whatever is asked', async () => {
  const meta =
    '<struct><member><name>greeting</name><value>a &lt; b ]]&gt; &amp; Grüße</value></member></struct>';
  const details = `<struct><member><name>meta</name><value>${meta}</value></member></struct>`;
  await send(call('register', params('payments', '127.0.0.1', '<int>9000</int>', '<int>1</int>', details)));
  const asked = [
    call('get_service_details', params('payments')),
    call('get_all_service_details'),
    call('get_reg_count'),
    call('lookup', params('payments')),
    call('find'),
    call('list_services'),
    call('resolve', params('payments')),
    call('system.listMethods'),
    call('system.methodSignature', params('register')),
    call('system.methodHelp', params('register')),
    call('no_such_method'),
  ];
  for (const request of asked) {
    const { status, body } = await send(request);
    expect(status).toBe(200);
    expect(body).toMatch(/^<\?xml version="1\.0"\?><methodResponse>/);
    expect(body).not.toMatch(/<!\[CDATA\[|<nil|<i8>|<ex:/);
    const untyped = [
      ...body.matchAll(/<value>(?!<(?:int|boolean|string|double|dateTime\.iso8601|base64|array|struct)>)/g),
    ];
    expect(untyped).toEqual([]);
  }
});

describe('a request is taken as clients spell it', () => {
  const declared = `<?xml version='1.0'?>\n${REGISTER}`;
  const chunks = (body: string) => {
    const half = Math.ceil(body.length / 2);
    const parts = [body.slice(0, half), body.slice(half)];
    return `${parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('')}0\r\n\r\n`;
  };
  const head = (line: string) =>
    `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n${line}\r\n\r\n`;
  const packed = (coding: string, body: Buffer) =>
    bytesOf(body, { lines: `Host: localhost\r\nContent-Encoding: ${coding}\r\n` });
  const typed = (type: string | null) => bytesOf(REGISTER, { type });

  test.each<[string, () => Buffer | string]>([
    ['by HTTP/1.0 without Host', () => bytesOf(REGISTER, { version: 'HTTP/1.0', lines: '' })],
    ['at /RPC2', () => bytesOf(REGISTER, { path: '/RPC2' })],
    ['at / with a query', () => bytesOf(REGISTER, { path: '/?key=value' })],
    ['at /RPC2 with a query', () => bytesOf(REGISTER, { path: '/RPC2?key=value' })],
    ['without Content-Type', () => typed(null)],
    ['as text/xml with a charset', () => typed('text/xml; charset=utf-8')],
    ['as text/xml with a charset in quotes and no space', () => typed('text/xml;charset="UTF-8"')],
    ['as application/xml', () => typed('application/xml')],
    ['as TEXT/XML', () => typed('TEXT/XML')],
    [
      'with header names in lower case',
      () =>
        bytesOf(REGISTER)
          .toString()
          .replace(/^[A-Z][a-zA-Z-]+:/gm, (name) => name.toLowerCase()),
    ],
    ['with CRLF at its line ends', () => bytesOf(declared.replaceAll('><', '>\r\n\t<'))],
    [
      'with a declaration, comments and processing instructions',
      () => bytesOf(`${declared.replace('<params>', '<!-- a --><params><?b c?>')}<!-- d -->\n`),
    ],
    ['with CDATA', () => bytesOf(REGISTER.replace('payments', '<![CDATA[payments]]>'))],
    [
      'with CDATA in a typed string',
      () => bytesOf(REGISTER.replace('payments', '<string>pay<![CDATA[ments]]></string>')),
    ],
    ['packed with gzip', () => packed('gzip', gzipSync(REGISTER))],
    ['packed with x-gzip', () => packed('x-gzip', gzipSync(REGISTER))],
    ['packed with deflate, as zlib has it', () => packed('deflate', deflateSync(REGISTER))],
    ['packed with deflate, as some servers had it', () => packed('deflate', deflateRawSync(REGISTER))],
    ['in chunks', () => head('Transfer-Encoding: chunked') + chunks(REGISTER)],
  ])('%s', async (_, request) => {
    expect(await exchange(port, request())).toMatchObject({ status: 200, body: ANSWER });
    expect(registry.services.lookup('payments').records).toMatchObject([{ host: '127.0.0.1', port: 9000 }]);
  });

  test('after 100 Continue, where a client awaits that', async () => {
    const expecting = head(`Content-Length: ${REGISTER.length}\r\nExpect: 100-continue`);
    expect(await exchange(port, expecting, { afterContinue: REGISTER })).toMatchObject({
      status: 200,
      body: ANSWER,
    });
  });

  test('and without 100 Continue, where its body will not be taken', async () => {
    const expecting = head('Content-Length: 2000000\r\nExpect: 100-continue');
    expect((await exchange(port, expecting)).status).toBe(413);
  });

  test.each([
    ['without <params>', ''],
    ['with an empty <params>', '<params></params>'],
    ['with <params/>', '<params/>'],
  ])('%s, where there are none', async (_, none) => {
    expect((await send(call('get_reg_count', none))).body).toBe(ANSWER.replace('>1<', '>0<'));
  });

  test.each([
    'application/x-www-form-urlencoded',
    'text/plain',
    'multipart/form-data; boundary=x',
    'application/json',
    '',
  ])(
    'but not as %j, which a web page can send too or which is no XML: 415 says what is expected',
    async (type) => {
      const answer = await send(REGISTER, { type });
      expect(answer.status).toBe(415);
      expect(answer.body).toContain('text/xml');
      expect(registry.services.count()).toBe(0);
    },
  );
});

describe('text is read as the declaration says', () => {
  const GREETING = 'Grüße';
  /** A name of Latin-1, too. */
  const greet = (encoding?: string, text = GREETING) => {
    const meta = `<struct><member><name>grüße</name><value>${text}</value></member></struct>`;
    const details = `<struct><member><name>meta</name><value>${meta}</value></member></struct>`;
    const declaration = `<?xml version="1.0"${encoding === undefined ? '' : ` encoding="${encoding}"`}?>`;
    return (
      declaration +
      call('register', params('payments', '127.0.0.1', '<int>9000</int>', '<int>1</int>', details))
    );
  };
  const utf16 = (text: string) => Buffer.from(text, 'utf16le');
  const stored = () => registry.services.lookup('payments').records.map(({ meta }) => meta);

  test.each<[string, Buffer, string]>([
    ['nothing, which is UTF-8', Buffer.from(greet(undefined, 'Grüße 日本語 🜁')), 'Grüße 日本語 🜁'],
    ['UTF-8', Buffer.from(greet('UTF-8', 'Grüße 日本語 🜁')), 'Grüße 日本語 🜁'],
    ['UTF-8 with a mark', Buffer.from(`\ufeff${greet('utf-8')}`), GREETING],
    ['ISO-8859-1', Buffer.from(greet('ISO-8859-1'), 'latin1'), GREETING],
    [
      'ISO-8859-1, with a reference for what it lacks',
      Buffer.from(greet('iso-8859-1', 'Grüße &#26085;&#x672C;'), 'latin1'),
      'Grüße 日本',
    ],
    ['UTF-16 little-endian, with a mark', utf16(`\ufeff${greet('UTF-16', 'Grüße 🜁')}`), 'Grüße 🜁'],
    ['UTF-16 big-endian, with a mark', utf16(`\ufeff${greet('UTF-16', 'Grüße 🜁')}`).swap16(), 'Grüße 🜁'],
    ['UTF-16 little-endian, without a mark', utf16(greet('utf-16le')), GREETING],
    ['UTF-16 big-endian, without a mark', utf16(greet('utf-16be')).swap16(), GREETING],
  ])('%s', async (_, body, text) => {
    expect(await send(body)).toMatchObject({ status: 200, body: ANSWER });
    expect(stored()).toEqual([{ grüße: text }]);
    const { body: found } = await send(call('lookup', params('payments')));
    expect(found).toContain(`<name>grüße</name><value><string>${text}</string></value>`);
  });

  const unread = [
    'windows-1252',
    'windows-1251',
    'iso-8859-15',
    'koi8-r',
    'utf-7',
    'utf-32',
    'gb2312',
    'shift_jis',
    'euc-jp',
    'cp037',
  ];
  test.each(unread)(
    '%s is a fault -32701 that says what is read, and never text gone wrong',
    async (encoding) => {
      const { status, body } = await send(Buffer.from(greet(encoding), 'latin1'));
      expect(status).toBe(200);
      expect(body).toContain('<int>-32701</int>');
      expect(body).toContain(`found encoding &quot;${encoding}&quot;`.replaceAll('&quot;', '"'));
      expect(body).toContain('expected utf-8');
      expect(registry.services.count()).toBe(0);
    },
  );

  test.each<[string, Buffer]>([
    ['Latin-1 that says nothing', Buffer.from(greet(), 'latin1')],
    ['Latin-1 that says UTF-8', Buffer.from(greet('utf-8'), 'latin1')],
    ['UTF-8 that says ASCII', Buffer.from(greet('us-ascii'))],
  ])('%s is a fault -32702', async (_, body) => {
    expect((await send(body)).body).toContain('<int>-32702</int>');
    // The charset of a Content-Type is not asked, as no server of XML-RPC does: it must not make other text of it.
    expect((await send(body, { type: 'text/xml; charset=iso-8859-1' })).body).toContain('<int>-32702</int>');
    expect(registry.services.count()).toBe(0);
  });
});
