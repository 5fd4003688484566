import { describe, expect, test } from 'vitest';
import { readMethodCall } from '../../../../plugins/transports/xml-rpc/reader.js';
import { callOf, codeOf, codeOfValue, read } from './reader-support.js';

describe('text', () => {
  test.each([
    ['<string>a</string>', 'a'],
    ['plain', 'plain'],
    ['  kept as it is\n', '  kept as it is\n'],
    ['', ''],
    [' ', ' '],
    ['<string/>', ''],
    ['<string></string>', ''],
    ['<string> a </string>', ' a '],
    ['&lt;&gt;&amp;&quot;&apos;', '<>&"\''],
    ['&#65;&#x42;&#x1F600;&#00067;&#9;&#13;', 'AB😀C\t\r'],
    ['<string><![CDATA[<b>&amp;]]]]><![CDATA[>]]></string>', '<b>&amp;]]>'],
    ['<![CDATA[a]]>', 'a'],
    ['a<!-- b -->c', 'ac'],
    ['<!-- b -->c', 'c'],
    ['<string>a > b ] ]] ]></string>', 'a > b ] ]] ]>'],
    ['<string>Grüße 日本 😀</string>', 'Grüße 日本 😀'],
    ['a\r\nb\rc', 'a\nb\nc'],
    [
      '<string>a text that is longer than thirteen characters</string>',
      'a text that is longer than thirteen characters',
    ],
  ])('%j is %j', (inner, expected) => {
    expect(read(inner)).toBe(expected);
  });

  test('a value without anything is the empty string', () => {
    const body =
      '<methodCall><methodName>m</methodName><params><param><value/></param></params></methodCall>';
    expect(readMethodCall(body).params).toEqual(['']);
  });

  test.each([
    ['an entity that XML has not', '&nbsp;', -32700],
    ['a bare &', 'a & b', -32700],
    ['an entity without its end', '&lt', -32700],
    ['a reference without a number', '&#;', -32700],
    ['a number beyond Unicode', '&#x110000;', -32702],
    ['a number beyond counting', `&#${'9'.repeat(400)};`, -32702],
    ['a NUL', '&#0;', -32702],
    ['half a surrogate pair', '&#xD800;', -32702],
    ['U+FFFF', '&#xFFFF;', -32702],
    ['a control character', 'a\u0007b', -32702],
    ['a CDATA end in text', 'a]]>b', -32700],
    ['CDATA without an end', '<![CDATA[a', -32700],
    ['an element in a string', '<string><b>x</b></string>', -32600],
    ['a processing instruction in a string', '<string>a<?b?></string>', -32600],
    ['text beside a typed value', 'a<int>1</int>', -32600],
    ['text after a typed value', '<int>1</int>a', -32600],
    ['two typed values', '<int>1</int><int>2</int>', -32600],
    ['an attribute', '<string lang="en">a</string>', -32600],
    ['an unknown type', '<float>1</float>', -32600],
    ['a type in capitals', '<INT>1</INT>', -32600],
    ['another end tag', '<int>1</i4>', -32700],
  ])('%s is a fault', (_, inner, code) => {
    expect(codeOfValue(inner)).toBe(code);
  });

  test('a lone surrogate in a string that was decoded elsewhere is a fault', () => {
    expect(codeOf(callOf('\ud800'))).toBe(-32702);
  });
});

describe('scalars', () => {
  test.each([
    ['<int>0</int>', 0],
    ['<i4>-0</i4>', 0],
    ['<int>+7</int>', 7],
    ['<int>-7</int>', -7],
    ['<int>0000000000000007</int>', 7],
    ['<int> \n 7\t</int>', 7],
    ['<int><![CDATA[7]]></int>', 7],
    ['<int>2147483647</int>', 2147483647],
    ['<i4>-2147483648</i4>', -2147483648],
    ['<i8>9007199254740991</i8>', 9007199254740991],
    ['<i8>9007199254740993</i8>', 9007199254740993n],
    ['<i8>-0009223372036854775808</i8>', -9223372036854775808n],
    ['<i8>-0</i8>', 0],
    ['<double>1</double>', 1],
    ['<double>-.5</double>', -0.5],
    ['<double>+1.</double>', 1],
    ['<double> 3.14 </double>', 3.14],
    ['<double>1E5</double>', 100000],
    ['<boolean>1</boolean>', true],
    ['<boolean> 0 </boolean>', false],
    ['<nil/>', null],
    ['<nil></nil>', null],
    ['<nil> </nil>', null],
  ])('%s is %s', (inner, expected) => {
    expect(read(inner)).toBe(expected);
  });

  test.each([
    ...[
      '',
      '12abc',
      '1.9',
      '0x10',
      '1e3',
      '+',
      '--1',
      '1 2',
      '１',
      '\u00a07',
      '2147483648',
      '-2147483649',
      '9'.repeat(400),
    ].map((text) => `<int>${text}</int>`),
    '<int/>',
    ...['', '-', '9223372036854775808', '-9223372036854775809', '1.0', '9'.repeat(400)].map(
      (text) => `<i8>${text}</i8>`,
    ),
    ...['', '.', '-', '0x10', 'nan', 'NaN', 'inf', 'Infinity', '1e999', '1,5', '1e', '1.2.3'].map(
      (text) => `<double>${text}</double>`,
    ),
    ...['', '2', 'true', '01', '-1'].map((text) => `<boolean>${text}</boolean>`),
    '<nil>x</nil>',
  ])('%s is a fault', (inner) => {
    expect(codeOfValue(inner)).toBe(-32600);
  });

  test.each([
    ['20250131T23:59:59', '2025-01-31T23:59:59.000Z'],
    ['2025-01-31T23:59:59Z', '2025-01-31T23:59:59.000Z'],
    ['20250131T23:59:59.5', '2025-01-31T23:59:59.500Z'],
    ['20250131T23:59:59.123456789Z', '2025-01-31T23:59:59.123Z'],
    ['20240229T00:00:00', '2024-02-29T00:00:00.000Z'],
    ['00010101T00:00:00', '0001-01-01T00:00:00.000Z'],
    [' 20250131T23:59:59\n', '2025-01-31T23:59:59.000Z'],
    // As aXMLRPC writes it, RPC::XML west of Greenwich, and a PHP server.
    ['20250131T235959', '2025-01-31T23:59:59.000Z'],
    ['2008-09-29T12:00:00-07:00', '2008-09-29T19:00:00.000Z'],
    ['2014-11-10T23:38:51+0130', '2014-11-10T22:08:51.000Z'],
  ])('the date %s is %s', (text, expected) => {
    expect((read(`<dateTime.iso8601>${text}</dateTime.iso8601>`) as Date).toISOString()).toBe(expected);
  });

  test.each([
    '',
    '20250131',
    '20250229T00:00:00',
    '20251301T00:00:00',
    '20250100T00:00:00',
    '20250101T24:00:00',
    '20250101T00:60:00',
    '20250101T00:00:60',
    '2025-0101T00:00:00',
    '20250101 00:00:00',
    '20250101T00:0000',
    '20250101T00:00:00+24:00',
    '20250101T00:00:00+01:60',
    '20250101T00:00:00+1',
    '20250101T00:00:00Z+01:00',
    '00000101T00:00:00+01:00',
    '99991231T23:59:59-01:00',
    '20250101T00:00:00.',
    '120250101T00:00:00',
  ])('the date %j is a fault', (text) => {
    expect(codeOfValue(`<dateTime.iso8601>${text}</dateTime.iso8601>`)).toBe(-32600);
  });

  test('base64 may be broken into lines, and is bytes', () => {
    expect(read('<base64>\r\n AP8\n Q \t</base64>')).toEqual(new Uint8Array([0, 255, 16]));
    expect(read('<base64>AP8Q&#13;\n</base64>')).toEqual(new Uint8Array([0, 255, 16]));
    expect(read('<base64/>')).toEqual(new Uint8Array());
  });

  test.each(['A', 'AP8', 'AP8=Q', 'AP8Q=', 'A_-Q', 'AP9=', 'A*8Q', '===='])(
    'the base64 %j is a fault',
    (text) => {
      expect(codeOfValue(`<base64>${text}</base64>`)).toBe(-32600);
    },
  );
});
