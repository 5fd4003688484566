import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ERROR_CODES, type ErrorCode, RegistryError } from '../../../../core/index.js';
import {
  FAULT_CODE_OF_ERROR,
  FAULT_CODES,
  faultOf,
  XmlRpcFault,
} from '../../../../plugins/transports/xml-rpc/faults.js';
import type { XmlRpcValue } from '../../../../plugins/transports/xml-rpc/values.js';
import {
  dateTime,
  encodeValue,
  ListWriter,
  prepareAnswer,
  preparedResponse,
  writeCall,
  writeFault,
  writeResponse,
} from '../../../../plugins/transports/xml-rpc/writer.js';

/** What stands between `<value>` and `</value>` of an answer. */
function written(value: XmlRpcValue): string {
  const [, inner] =
    /^<\?xml version="1\.0"\?><methodResponse><params><param><value>(.*)<\/value><\/param><\/params><\/methodResponse>$/s.exec(
      writeResponse(value),
    ) ?? [];
  if (inner === undefined) throw new Error(`no answer around ${writeResponse(value)}`);
  return inner;
}

describe('values on the wire', () => {
  test.each<[XmlRpcValue, string]>([
    ['', '<string></string>'],
    ['a "b" \'c\'\t\n', '<string>a "b" \'c\'\t\n</string>'],
    ['<&>]]>', '<string>&lt;&amp;&gt;]]&gt;</string>'],
    ['a\r\nb', '<string>a&#13;\nb</string>'],
    ['Grüße 😀', '<string>Grüße 😀</string>'],
    ['a\0b\u001b\ud800c\ufffe', '<string>a\ufffdb\ufffd\ufffdc\ufffd</string>'],
    [0, '<int>0</int>'],
    [-0, '<int>0</int>'],
    [2147483647, '<int>2147483647</int>'],
    [-2147483648, '<int>-2147483648</int>'],
    [2147483648, '<double>2147483648</double>'],
    [1.5, '<double>1.5</double>'],
    [-1e21, '<double>-1000000000000000000000</double>'],
    [1.25e22, '<double>12500000000000000000000</double>'],
    [1e-7, '<double>0.0000001</double>'],
    [-1.5e-9, '<double>-0.0000000015</double>'],
    [5n, '<i8>5</i8>'],
    [-(2n ** 63n), '<i8>-9223372036854775808</i8>'],
    [true, '<boolean>1</boolean>'],
    [false, '<boolean>0</boolean>'],
    [null, '<nil/>'],
    [new Date('2025-01-31T23:59:59.999Z'), '<dateTime.iso8601>20250131T23:59:59</dateTime.iso8601>'],
    [new Date('0007-01-01T00:00:00Z'), '<dateTime.iso8601>00070101T00:00:00</dateTime.iso8601>'],
    [new Uint8Array([0, 255, 16]), '<base64>AP8Q</base64>'],
    [Buffer.from('xAPI').subarray(1), '<base64>QVBJ</base64>'],
    [[], '<array><data></data></array>'],
    [[1, 'a'], '<array><data><value><int>1</int></value><value><string>a</string></value></data></array>'],
    [{}, '<struct></struct>'],
    [{ 'a<': 1 }, '<struct><member><name>a&lt;</name><value><int>1</int></value></member></struct>'],
    [
      JSON.parse('{"__proto__":1}'),
      '<struct><member><name>__proto__</name><value><int>1</int></value></member></struct>',
    ],
  ])('case %#: %o is written as %s', (value, expected) => {
    expect(written(value)).toBe(expected);
  });

  test('a name made to look like markup stays a name', () => {
    const name = ']]></string></value><value><string>forged';
    expect(written(name)).toBe(
      '<string>]]&gt;&lt;/string&gt;&lt;/value&gt;&lt;value&gt;&lt;string&gt;forged</string>',
    );
  });

  test.each<[string, unknown]>([
    ['NaN', Number.NaN],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['an integer beyond 64 bits', 2n ** 63n],
    ['a date that is none', new Date(Number.NaN)],
    ['a date after the year 9999', new Date(8.64e15)],
    ['a function', () => 1],
    ['a symbol', Symbol('a')],
    ['undefined in a struct', { a: undefined }],
    ['a hole in an array', new Array(3)],
  ])('%s is a fault of the server', (_, value) => {
    expect(() => writeResponse(value as XmlRpcValue)).toThrow(
      expect.objectContaining({ name: 'XmlRpcFault', faultCode: FAULT_CODES.INTERNAL }),
    );
  });

  test('a value that holds itself is a fault, and so is one that does so in many places', () => {
    const loop: unknown[] = [];
    loop.push({ loop });
    expect(() => writeResponse(loop as XmlRpcValue)).toThrow(XmlRpcFault);
    let wide: XmlRpcValue = 'x';
    for (let depth = 0; depth < 60; depth++) wide = [wide, wide];
    expect(() => writeResponse(wide)).toThrow('longer than 16777216 characters');
  });

  test('64 arrays may lie in each other, 65 may not', () => {
    const nested = (depth: number) => {
      let value: XmlRpcValue = [];
      for (let i = 1; i < depth; i++) value = [value];
      return value;
    };
    expect(writeResponse(nested(64))).toContain('<data></data>');
    expect(() => writeResponse(nested(65))).toThrow(XmlRpcFault);
  });

  test('an answer may be as long as allowed, and no longer', () => {
    const value = ['a'.repeat(100)];
    expect(writeResponse(value, { length: 1000 })).toContain('aaa');
    expect(() => writeResponse(value, { length: 100 })).toThrow(
      expect.objectContaining({ faultCode: FAULT_CODES.APPLICATION }),
    );
  });
});

describe('a value that is written ahead', () => {
  const items: XmlRpcValue[] = [
    'a<b',
    7,
    [1, { deep: [true] }],
    { k: 'v' },
    new Date(0),
    new Uint8Array([1]),
  ];

  test('reads the same as if it had been written with the rest', () => {
    const list = new ListWriter();
    for (const item of items) list.add(item);
    expect(writeResponse(list.end())).toBe(writeResponse(items));
    expect(writeResponse(items.map((item) => encodeValue(item)))).toBe(writeResponse(items));
    expect(writeResponse([encodeValue(items), 'x'])).toBe(writeResponse([items, 'x']));
    expect(writeResponse(new ListWriter().end())).toBe(writeResponse([]));
  });

  test('ends a list as soon as it is too long, with the error that is asked for', () => {
    const list = new ListWriter({ length: 200, tooLong: (length) => new Error(`over ${length}`) });
    let added = 0;
    expect(() => {
      for (; added < 1_000; added++) list.add('x'.repeat(50));
    }).toThrow('over 200');
    expect(added).toBeLessThan(5);
    expect(() => encodeValue('x'.repeat(200), { length: 100 })).toThrow('longer than 100');
  });

  test('does not count against the limit of what it becomes part of, which still holds for the rest', () => {
    const long = encodeValue('x'.repeat(1_000));
    expect(writeResponse([long, 'y'], { length: 300 })).toContain('xxx');
    expect(() => writeResponse([long, 'y'.repeat(300), 'z'], { length: 300 })).toThrow('longer than');
  });
});

test('a call is written with its name and its parameters', () => {
  expect(writeCall('a.b', [1, 'x'])).toBe(
    '<?xml version="1.0"?><methodCall><methodName>a.b</methodName><params><param><value><int>1</int></value></param>' +
      '<param><value><string>x</string></value></param></params></methodCall>',
  );
  expect(writeCall('a<b', [])).toContain('<methodName>a&lt;b</methodName><params></params>');
});

test('a fault is written with its code and its message', () => {
  expect(writeFault(-32601, 'no <b>\0')).toBe(
    '<?xml version="1.0"?><methodResponse><fault><value><struct><member><name>faultCode</name><value><int>-32601</int></value></member>' +
      '<member><name>faultString</name><value><string>no &lt;b&gt;\ufffd</string></value></member></struct></value></fault></methodResponse>',
  );
});

describe('what callers are told of an error', () => {
  test('a fault as it is', () => {
    expect(faultOf(new XmlRpcFault(7, 'seven'))).toEqual({ code: 7, message: 'seven' });
  });

  test("a registry's error by the number of its code", () => {
    expect(faultOf(new RegistryError('NOT_FOUND', 'no such'))).toEqual({ code: 1001, message: 'no such' });
    expect(faultOf(new RegistryError('INVALID_ARGUMENT', 'bad')).code).toBe(-32602);
  });

  test('every code has a number, no two the same, positive but for the two of the interop codes', () => {
    const codes = Object.keys(ERROR_CODES) as ErrorCode[];
    expect(new Set(Object.values(FAULT_CODE_OF_ERROR)).size).toBe(codes.length);
    for (const code of codes) {
      const isInterop = code === 'INVALID_ARGUMENT' || code === 'INTERNAL';
      expect(FAULT_CODE_OF_ERROR[code], code).toSatisfy(
        (number) => Number.isInteger(number) && (isInterop ? number < 0 : number > 0),
      );
    }
  });

  test('of anything else only that the registry failed', () => {
    for (const thrown of [new Error('ENOENT /secret/path'), 'text', undefined, null, { code: 'NOT_FOUND' }]) {
      const { code, message } = faultOf(thrown);
      expect(code).toBe(FAULT_CODES.INTERNAL);
      expect(message).not.toContain('secret');
    }
  });
});

describe('an answer that was prepared', () => {
  const value: XmlRpcValue = { cursor: 'a<b&', list: [1, true, 'x'] };

  test('is the same as one that is written each time, on its own and within another', () => {
    const prepared = prepareAnswer(value);
    expect(writeResponse(prepared)).toBe(writeResponse(value));
    expect(writeResponse([[prepared], { again: prepared }])).toBe(writeResponse([[value], { again: value }]));
    expect(preparedResponse(prepared).toString()).toBe(writeResponse(value));
  });

  test('has one response in bytes for everybody', () => {
    const prepared = prepareAnswer(value);
    expect(preparedResponse(prepared)).toBe(preparedResponse(prepared));
  });
});

test('writes any time of the years 0 to 9999 to the second, in UTC', () => {
  const first = Date.parse('0000-01-01T00:00:00Z');
  const last = Date.parse('9999-12-31T23:59:59.999Z');
  // Of one day and of any, since a day is written once for all times in it.
  const times = fc.array(
    fc.oneof(fc.integer({ min: first, max: last }), fc.integer({ min: 0, max: 86_400_000 })),
  );
  fc.assert(
    fc.property(times, (all) => {
      for (const time of all) {
        expect(dateTime(time)).toBe(new Date(time).toISOString().slice(0, 19).replaceAll('-', ''));
      }
    }),
  );
});
