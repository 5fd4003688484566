import { describe, expect, test } from 'vitest';
import { readMethodCall, readMethodResponse } from '../../../../plugins/transports/xml-rpc/reader.js';
import { callOf, codeOf, codeOfValue, faultFrom, read } from './reader-support.js';

describe('what stock clients send', () => {
  test("Python's register call", () => {
    const body =
      "<?xml version='1.0'?>\n<methodCall>\n<methodName>register</methodName>\n<params>\n<param>\n<value><string>payments-123</string></value>\n</param>\n<param>\n<value><string>127.0.0.1</string></value>\n</param>\n<param>\n<value><int>9000</int></value>\n</param>\n<param>\n<value><int>1</int></value>\n</param>\n</params>\n</methodCall>\n";
    const expected = { method: 'register', params: ['payments-123', '127.0.0.1', 9000, 1] };
    expect(readMethodCall(Buffer.from(body))).toEqual(expected);
    expect(readMethodCall(new Uint8Array(Buffer.from(body)))).toEqual(expected);
    expect(readMethodCall(body)).toEqual(expected);
  });

  test("npm xmlrpc's register call", () => {
    const body =
      '<?xml version="1.0"?><methodCall><methodName>register</methodName><params><param><value><string>payments-123</string></value></param><param><value><string>127.0.0.1</string></value></param><param><value><int>9000</int></value></param><param><value><int>1</int></value></param></params></methodCall>';
    expect(readMethodCall(Buffer.from(body)).params).toEqual(['payments-123', '127.0.0.1', 9000, 1]);
  });

  test("Python's spelling of every type", () => {
    const body =
      "<?xml version='1.0'?>\n<methodCall>\n<methodName>register</methodName>\n<params>\n<param>\n<value><string>Grüße &amp; &lt;b&gt;</string></value>\n</param>\n<param>\n<value><boolean>1</boolean></value>\n</param>\n<param>\n<value><double>1.5</double></value>\n</param>\n<param>\n<value><int>-7</int></value>\n</param>\n<param>\n<value><dateTime.iso8601>20250131T23:59:59</dateTime.iso8601></value>\n</param>\n<param>\n<value><base64>\nAP8Q\n</base64></value>\n</param>\n<param>\n<value><array><data>\n<value><int>1</int></value>\n<value><array><data>\n</data></array></value>\n<value><string>x</string></value>\n</data></array></value>\n</param>\n<param>\n<value><struct>\n<member>\n<name>instance</name>\n<value><string>a</string></value>\n</member>\n<member>\n<name>tags</name>\n<value><array><data>\n<value><string>blue</string></value>\n</data></array></value>\n</member>\n<member>\n<name>ttl</name>\n<value><int>30</int></value>\n</member>\n</struct></value>\n</param>\n<param>\n<value><nil/></value></param>\n</params>\n</methodCall>\n";
    expect(readMethodCall(Buffer.from(body)).params).toEqual([
      'Grüße & <b>',
      true,
      1.5,
      -7,
      new Date('2025-01-31T23:59:59Z'),
      new Uint8Array([0, 255, 16]),
      [1, [], 'x'],
      { instance: 'a', tags: ['blue'], ttl: 30 },
      null,
    ]);
  });

  test("Python's doubles with an exponent, which XML-RPC doesn't have", () => {
    const body =
      "<?xml version='1.0'?>\n<methodCall>\n<methodName>m</methodName>\n<params>\n<param>\n<value><double>1e+20</double></value>\n</param>\n<param>\n<value><double>1e-07</double></value>\n</param>\n</params>\n</methodCall>\n";
    expect(readMethodCall(body).params).toEqual([1e20, 1e-7]);
  });

  test("Python's system.multicall and its call without parameters", () => {
    const multicall =
      "<?xml version='1.0'?>\n<methodCall>\n<methodName>system.multicall</methodName>\n<params>\n<param>\n<value><array><data>\n<value><struct>\n<member>\n<name>methodName</name>\n<value><string>register</string></value>\n</member>\n<member>\n<name>params</name>\n<value><array><data>\n<value><string>a</string></value>\n<value><string>127.0.0.1</string></value>\n<value><int>1</int></value>\n</data></array></value>\n</member>\n</struct></value>\n</data></array></value>\n</param>\n</params>\n</methodCall>\n";
    expect(readMethodCall(multicall).params).toEqual([
      [{ methodName: 'register', params: ['a', '127.0.0.1', 1] }],
    ]);
    const bare =
      "<?xml version='1.0'?>\n<methodCall>\n<methodName>system.listMethods</methodName>\n<params>\n</params>\n</methodCall>\n";
    expect(readMethodCall(bare)).toEqual({ method: 'system.listMethods', params: [] });
  });

  test('namespaces on the root and the nil and i8 of the Apache extensions', () => {
    const body =
      '<?xml version="1.0" encoding="UTF-8"?><methodCall xmlns:ex="http://ws.apache.org/xmlrpc/namespaces/extensions" xmlns=\'x\'>' +
      '<methodName>m</methodName><params><param><value><ex:nil/></value></param><param><value><ex:i8>5</ex:i8></value></param></params></methodCall>';
    expect(readMethodCall(body).params).toEqual([null, 5]);
  });
});

describe('messages', () => {
  test('parameters may be missing, in each of three ways', () => {
    for (const params of ['', '<params/>', '<params></params>', '<params> <!-- none --> </params>']) {
      const body = `<methodCall><methodName>a.b/c:d_1</methodName>${params}</methodCall>`;
      expect(readMethodCall(body)).toEqual({ method: 'a.b/c:d_1', params: [] });
    }
  });

  test('CRLF, comments, processing instructions and spaces in tags stand between elements', () => {
    const body = [
      '<?xml version = "1.0" standalone = "yes" ?>',
      '<?xml-stylesheet href="x"?><!-- a > b -->',
      '<methodCall >',
      '<methodName\t>m</methodName ><!----><params\n><param> <value > <!-- c --><int>1</int> </value > </param></params>',
      '</methodCall>\r\n<!-- end --> ',
    ].join('\r\n');
    expect(readMethodCall(body)).toEqual({ method: 'm', params: [1] });
  });

  test.each([
    ['nothing at all', '', -32700],
    ['a method name only', 'register', -32700],
    ['text before the root', `x${callOf('')}`, -32700],
    ['a DTD after the declaration', callOf('').replace('?>', '?>\n<!DOCTYPE methodCall>'), -32600],
    ['a DTD within the root', callOf('').replace('<params>', '<!DOCTYPE a><params>'), -32700],
    ['an instruction without a name', callOf('').replace('<params>', '<? a?><params>'), -32700],
    ['an instruction without its end', callOf('').replace('<params>', '<?a'), -32700],
    ['an instruction named xml', callOf('').replace('<params>', '<?XmL ?><params>'), -32700],
    ['HTML', '<!DOCTYPE html><html></html>', -32600],
    ['a DTD with an entity', '<!DOCTYPE a [<!ENTITY x "y">]><methodCall/>', -32600],
    ['another root', '<methodResponse></methodResponse>', -32600],
    ['a root with the name as a start', '<methodCallX></methodCallX>', -32600],
    ['an empty root', '<methodCall/>', -32600],
    ['no method name', '<methodCall><params/></methodCall>', -32600],
    ['a fault in a call', '<methodCall><fault/></methodCall>', -32600],
    ['an empty method name', '<methodCall><methodName></methodName></methodCall>', -32600],
    ['a method name with a space', '<methodCall><methodName>a b</methodName></methodCall>', -32600],
    [
      'a method name with a newline at its end',
      '<methodCall><methodName>a\n</methodName></methodCall>',
      -32600,
    ],
    [
      'two method names',
      '<methodCall><methodName>a</methodName><methodName>b</methodName></methodCall>',
      -32600,
    ],
    ['a message cut off', callOf('<int>1</int>').slice(0, -1), -32700],
    ['a message cut off in text', '<methodCall><methodName>m', -32700],
    ['text after the end', `${callOf('')}x`, -32700],
    ['a second message', callOf('') + callOf(''), -32700],
    ['text between elements', '<methodCall>x<methodName>m</methodName></methodCall>', -32600],
    ['two values in a param', callOf('</value><value>'), -32600],
    ['a declaration that is not at the start', ` ${callOf('')}`, -32700],
    ['XML 1.1', callOf('').replace('1.0', '1.1'), -32700],
    ['a declaration without a version', '<?xml encoding="utf-8"?><methodCall/>', -32700],
    ['a comment with -- in it', `<!-- a -- b -->${callOf('').slice(21)}`, -32700],
    ['a comment without an end', `<!-- a ${callOf('').slice(21)}`, -32700],
    ['an instruction without an end', `<?a ${callOf('').slice(21)}`, -32700],
    ['a foreign attribute on the root', '<methodCall a="b"><methodName>m</methodName></methodCall>', -32600],
    [
      'a namespace declared twice',
      '<methodCall xmlns:a="b" xmlns:a="c"><methodName>m</methodName></methodCall>',
      -32700,
    ],
    ['a namespace without quotes', '<methodCall xmlns:a=b><methodName>m</methodName></methodCall>', -32600],
  ])('%s is a fault', (_, body, code) => {
    expect(codeOf(body)).toBe(code);
    expect(codeOf(Buffer.from(body))).toBe(code);
  });

  test('a method name has at most 256 characters', () => {
    const named = (length: number) =>
      `<methodCall><methodName>${'m'.repeat(length)}</methodName></methodCall>`;
    expect(readMethodCall(named(256)).method).toHaveLength(256);
    expect(codeOf(named(257))).toBe(-32600);
  });
});

describe('arrays and structs', () => {
  const member = (name: string, value: string) =>
    `<member><name>${name}</name><value>${value}</value></member>`;
  const nested = (depth: number) =>
    '<array><data><value>'.repeat(depth - 1) +
    '<array><data/></array>' +
    '</value></data></array>'.repeat(depth - 1);

  test('the members of a struct keep their order and their names', () => {
    const struct = `<struct>${member('b', '1')}${member(' a ', '<int>2</int>')}${member('', '')}${member('&lt;', '')}</struct>`;
    expect(Object.entries(read(struct) as object)).toEqual([
      ['b', '1'],
      [' a ', 2],
      ['', ''],
      ['<', ''],
    ]);
    expect(read('<struct/>')).toEqual({});
    expect(read('<struct> </struct>')).toEqual({});
  });

  test('__proto__, constructor and toString are members like any other', () => {
    const members = ['__proto__', 'constructor', 'toString']
      .map((name) => member(name, '<struct/>'))
      .join('');
    const struct = read(`<struct>${members}</struct>`) as object;
    expect(Object.keys(struct)).toEqual(['__proto__', 'constructor', 'toString']);
    expect(Object.getPrototypeOf(struct)).toBe(Object.prototype);
    expect(codeOfValue(`<struct>${member('__proto__', '')}${member('__proto__', '')}</struct>`)).toBe(-32600);
  });

  test('what lies in each other comes out as it lay', () => {
    const inner = `<array><data><value><struct>${member('x', '<array><data><value><i4>1</i4></value><value/></data></array>')}</struct></value><value>z</value></data></array>`;
    expect(read(`<struct>${member('a', inner)}${member('b', '<nil/>')}</struct>`)).toEqual({
      a: [{ x: [1, ''] }, 'z'],
      b: null,
    });
  });

  test.each([
    ['a member twice', `<struct>${member('a', '1')}${member('a', '2')}</struct>`, -32600],
    ['a member without a name', '<struct><member><value/></member></struct>', -32600],
    ['a member without a value', '<struct><member><name>a</name></member></struct>', -32700],
    ['a member with its value first', '<struct><member><value/><name>a</name></member></struct>', -32600],
    ['an empty member', '<struct><member/></struct>', -32600],
    ['a value straight in a struct', '<struct><value/></struct>', -32600],
    ['an array without data', '<array></array>', -32700],
    ['an empty array tag', '<array/>', -32700],
    ['two data in an array', '<array><data/><data/></array>', -32600],
    ['text in an array', '<array><data>1</data></array>', -32600],
    ['an end tag in the wrong place', '<array><data></array></data>', -32700],
  ])('%s is a fault', (_, inner, code) => {
    expect(codeOfValue(inner)).toBe(code);
  });

  test('64 arrays may lie in each other, 65 may not, and 100,000 do no harm', () => {
    expect(read(nested(64))).toBeInstanceOf(Array);
    expect(faultFrom(() => read(nested(65))).message).toContain('at most 64');
    expect(codeOfValue('<array><data><value>'.repeat(100_000))).toBe(-32600);
    expect(faultFrom(() => readMethodCall(callOf(nested(3)), { depth: 2 })).message).toContain('at most 2');
  });

  test('a message holds at most as many values as allowed, over all its parameters', () => {
    const body = (count: number) => callOf(`<array><data>${'<value/>'.repeat(count)}</data></array>`);
    expect(readMethodCall(body(99_999)).params[0]).toHaveLength(99_999);
    expect(codeOf(body(100_000))).toBe(-32600);
    expect(faultFrom(() => readMethodCall(body(3), { values: 3 })).message).toContain('at most 3 values');
  });
});

describe('encodings', () => {
  const declared = (encoding: string) => callOf('Grüße').replace('?>', ` encoding='${encoding}'?>`);
  const bytesIn = (bytes: number[]) => Buffer.from(callOf(String.fromCharCode(...bytes)), 'latin1');
  const bigEndian = (text: string) => Buffer.from(text, 'utf16le').swap16();

  test.each<[string, Buffer]>([
    ['UTF-8 by default', Buffer.from(callOf('Grüße'))],
    ['UTF-8 with a mark', Buffer.from(`\ufeff${declared('UTF-8')}`)],
    ['UTF-8 by name', Buffer.from(declared('utf-8'))],
    ['ISO-8859-1', Buffer.from(declared('ISO-8859-1'), 'latin1')],
    ["ISO-8859-1 by Python's names", Buffer.from(declared('latin-1'), 'latin1')],
    ["ISO-8859-1 by Java's name", Buffer.from(declared('ISO8859_1'), 'latin1')],
    [
      'ISO-8859-1 where each line ends in CRLF',
      Buffer.from(
        declared('ISO-8859-1')
          .replaceAll(/(?=<[^/?])/g, '\r\n')
          .trim(),
        'latin1',
      ),
    ],
    ['UTF-16, little end first, with a mark', Buffer.from(`\ufeff${declared('UTF-16')}`, 'utf16le')],
    ['UTF-16, big end first, with a mark', bigEndian(`\ufeff${declared('utf-16')}`)],
    ['UTF-16 without a mark', Buffer.from(declared('UTF-16LE'), 'utf16le')],
    ['UTF-16BE without a mark', bigEndian(declared('UTF-16BE'))],
    ['UTF-16 without a declaration', Buffer.from(`\ufeff${callOf('Grüße')}`, 'utf16le')],
  ])('%s is read right', (_, body) => {
    const before = Buffer.from(body);
    expect(readMethodCall(body).params).toEqual(['Grüße']);
    expect(body.equals(before)).toBe(true);
  });

  test('a mark is no part of a string that was decoded elsewhere', () => {
    expect(readMethodCall(`\ufeff${declared('koi8-r')}`).params).toEqual(['Grüße']);
  });

  test.each<[string, Buffer, number]>([
    ['an encoding it does not know', Buffer.from(declared('windows-1252'), 'latin1'), -32701],
    ['one it does not know though all is ASCII', Buffer.from(declared('ebcdic').replace('üß', 'us')), -32701],
    ['UTF-8 that says UTF-16', Buffer.from(declared('utf-16')), -32701],
    ['UTF-16 that says UTF-8', Buffer.from(`\ufeff${declared('utf-8')}`, 'utf16le'), -32701],
    ['marked UTF-8 that says Latin-1', Buffer.from(`\ufeff${declared('iso-8859-1')}`), -32701],
    ['Latin-1 that says nothing', Buffer.from(callOf('Grüße'), 'latin1'), -32702],
    ['Latin-1 that says UTF-8', Buffer.from(declared('utf-8'), 'latin1'), -32702],
    ['ASCII with an umlaut', Buffer.from(declared('us-ascii')), -32702],
    [
      'UTF-8 for half a surrogate pair',
      Buffer.from(callOf('?').replace('?</', '\0\0\0</')).fill(
        Buffer.from([0xed, 0xa0, 0x80]),
        callOf('').indexOf('</value>'),
        callOf('').indexOf('</value>') + 3,
      ),
      -32702,
    ],
    ['UTF-16 with half a character', Buffer.from(`\ufeff${callOf('a')}`, 'utf16le').subarray(0, -1), -32702],
    ['UTF-16 with half a surrogate pair', Buffer.from(`\ufeff${callOf('\udc00')}`, 'utf16le'), -32702],
    ['a NUL', Buffer.from(callOf('a\0b')), -32702],
    ['a control character in a comment', Buffer.from(callOf('a<!-- \x01 -->b')), -32702],
    ['a control character in CDATA', Buffer.from(callOf('<![CDATA[\x1b]]>')), -32702],
    ['a control character between tags', Buffer.from(callOf('').replace('<params>', '\x0c<params>')), -32702],
    [
      'a control character in a namespace',
      Buffer.from(callOf('').replace('<methodCall', '<methodCall xmlns="\x01"')),
      -32600,
    ],
    ['an overlong form of <', bytesIn([0xc0, 0xbc]), -32702],
    ['a character beyond Unicode in UTF-8', bytesIn([0xf4, 0x90, 0x80, 0x80]), -32702],
    ['U+FFFE', Buffer.from(callOf('\ufffe')), -32702],
    ['two marks', Buffer.from(`\ufeff\ufeff${callOf('')}`), -32700],
    [
      'UTF-32',
      Buffer.from([...callOf('')].flatMap((character) => [character.charCodeAt(0), 0, 0, 0])),
      -32701,
    ],
    [
      'Latin-1 that could be UTF-8, in a declaration too long to be read',
      Buffer.from(declared('iso-8859-1').replace(' encoding', `${'\r\n'.repeat(115)} encoding`)),
      -32700,
    ],
    [
      'the same after a mark',
      Buffer.from(`\ufeff${declared('iso-8859-1').replace(' encoding', `${' '.repeat(211)} encoding`)}`),
      -32701,
    ],
  ])('%s is a fault', (_, body, code) => {
    expect(codeOf(body)).toBe(code);
  });
});

describe('what a fault says', () => {
  test('what was found, where, and what was expected', () => {
    expect(
      faultFrom(() => readMethodCall('<methodCall><methodName>m</methodName><param/></methodCall>')).message,
    ).toBe('found "<param/></methodCall>" at offset 38; expected </methodCall>');
    expect(faultFrom(() => read('<int>12abc</int>')).message).toMatch(
      /^found "<int>12abc<\/int>.*" at offset \d+; expected a whole number from -2147483648 to 2147483647$/,
    );
    expect(faultFrom(() => readMethodCall('<methodCall>')).message).toBe(
      'found the end at offset 12; expected <methodName>',
    );
  });

  test('foreign text is cut, and nothing in it is hidden or breaks the line', () => {
    const { message } = faultFrom(() => readMethodCall(`\n<a\n\u202e\u0085${'x'.repeat(1000)}`));
    expect(message).toMatch(/^found "<a\\u\{a\}\\u\{202e\}\\u\{85\}x+…" at offset 1; expected <methodCall>$/);
    expect(message.length).toBeLessThan(120);
  });
});

describe('answers', () => {
  test("Python's answer", () => {
    const body =
      "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value><array><data>\n<value><string>127.0.0.1</string></value>\n<value><int>9000</int></value>\n</data></array></value>\n</param>\n</params>\n</methodResponse>\n";
    expect(readMethodResponse(body)).toEqual(['127.0.0.1', 9000]);
  });

  test("Python's fault is thrown with its code and its text", () => {
    const body =
      "<?xml version='1.0'?>\n<methodResponse>\n<fault>\n<value><struct>\n<member>\n<name>faultCode</name>\n<value><int>-32601</int></value>\n</member>\n<member>\n<name>faultString</name>\n<value><string>no method</string></value>\n</member>\n</struct></value>\n</fault>\n</methodResponse>\n";
    expect(faultFrom(() => readMethodResponse(body))).toMatchObject({
      faultCode: -32601,
      message: 'no method',
    });
  });

  test.each([
    '<params/>',
    '<params><param><value/></param><param><value/></param></params>',
    '<fault><value>x</value></fault>',
    '<fault><value><struct/></value></fault>',
    '<fault><value><nil/></value></fault>',
    '',
  ])('%j is no answer', (inner) => {
    const body = `<methodResponse>${inner}</methodResponse>`;
    expect(faultFrom(() => readMethodResponse(body)).faultCode).toBe(-32600);
  });
});
