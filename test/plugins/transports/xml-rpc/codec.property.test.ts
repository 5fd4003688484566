import { createRequire } from 'node:module';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { SaxesParser } from 'saxes';
import { describe, expect, test } from 'vitest';
import { XmlRpcFault } from '../../../../plugins/transports/xml-rpc/faults.js';
import { readMethodCall, readMethodResponse } from '../../../../plugins/transports/xml-rpc/reader.js';
import type { XmlRpcValue } from '../../../../plugins/transports/xml-rpc/values.js';
import { writeCall, writeFault, writeResponse } from '../../../../plugins/transports/xml-rpc/writer.js';

const require = createRequire(import.meta.url);
const serializer = require('xmlrpc/lib/serializer.js') as {
  serializeMethodCall(method: string, params: XmlRpcValue[]): string;
  serializeMethodResponse(value: XmlRpcValue): string;
};
const Deserializer = require('xmlrpc/lib/deserializer.js') as new () => {
  deserializeMethodCall(
    body: NodeJS.ReadableStream,
    done: (error: unknown, method: string, params: XmlRpcValue[]) => void,
  ): void;
};

/** What the npm client reads. It may only ever be given what we wrote: on some messages it takes the process down. */
function readByNpm(body: string): Promise<{ method: string; params: XmlRpcValue[] }> {
  return new Promise((resolve, reject) => {
    const stream = new PassThrough();
    new Deserializer().deserializeMethodCall(stream, (error, method, params) =>
      error ? reject(error) : resolve({ method, params }),
    );
    stream.end(body);
  });
}

function isWellFormed(text: string): boolean {
  let wellFormed = true;
  const parser = new SaxesParser();
  parser.on('error', () => {
    wellFormed = false;
  });
  parser.write(text).close();
  return wellFormed;
}

/** Whether the text was read. Anything thrown but a fault fails the test. */
function isRead(body: Uint8Array | string): boolean {
  let reads = 0;
  for (const read of [readMethodCall, readMethodResponse]) {
    try {
      read(body);
      reads++;
    } catch (error) {
      if (!(error instanceof XmlRpcFault)) throw error;
      // A code above zero is the one in the message: the fault was read.
      if (error.faultCode > 0) reads++;
    }
  }
  return reads > 0;
}

// Strings of every code unit, lone surrogates and controls among them, and strings that look like our own markup.
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
  fc
    .array(fc.constantFrom('<', '>', '&', ']]>', '\r', '\n', ' ', 'amp;', '</value>', '<![CDATA[', 'a'))
    .map((p) => p.join('')),
);
/** What XML can carry as it is, and what nobody has to escape by CDATA, in which npm's `]]>` and CR go astray. */
const plainText = anyText.map((text) =>
  text.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\r\ud800-\udfff\ufffe\uffff]/gu, '').replaceAll(']]>', ''),
);
const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const double = fc.double({ noNaN: true, noDefaultInfinity: true });
const second = fc
  .integer({ min: Date.UTC(1000, 0), max: Date.UTC(9999, 11) })
  .map((ms) => new Date(ms - (ms % 1000)));
const bytes = fc.uint8Array().map((array) => new Uint8Array(array));

function valuesOf(leaf: fc.Arbitrary<XmlRpcValue>, name: fc.Arbitrary<string>): fc.Arbitrary<XmlRpcValue> {
  return fc.letrec<{ value: XmlRpcValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      leaf,
      fc.array(tie('value'), { maxLength: 5 }),
      fc.dictionary(name, tie('value'), { maxKeys: 5 }),
    ),
  })).value;
}

const anyValue = valuesOf(
  fc.oneof(
    anyText,
    int,
    double,
    fc.boolean(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    second,
    bytes,
    fc.constant(null),
  ),
  fc.oneof(anyText, fc.constantFrom('__proto__', 'constructor', 'toString')),
);
/** What both codecs can say: npm's knows no integer beyond 32 bits and keeps no `__proto__`. */
const commonValue = valuesOf(
  fc.oneof(
    plainText,
    int,
    double.filter((number) => number % 1 !== 0),
    fc.boolean(),
    fc.constant(null),
  ),
  plainText.filter((name) => name !== '__proto__'),
);

/** What a value comes back as: what XML can't carry replaced, numbers that are exact as numbers, no -0. */
function carried(value: XmlRpcValue): XmlRpcValue {
  if (typeof value === 'string') {
    return value.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]/gu, '\ufffd');
  }
  if (typeof value === 'number') return value + 0;
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (value === null || typeof value !== 'object' || value instanceof Date || value instanceof Uint8Array)
    return value;
  if (Array.isArray(value)) return value.map(carried);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [carried(name), carried(member)]));
}

/** Whether two names of one struct become the same on the wire: our reader refuses such a struct, rightly. */
function hasTwins(value: XmlRpcValue): boolean {
  if (value === null || typeof value !== 'object' || value instanceof Date || value instanceof Uint8Array)
    return false;
  const names = Object.keys(value);
  return new Set(names.map(carried)).size < names.length || Object.values(value).some(hasTwins);
}

const REAL_MESSAGES = [
  "<?xml version='1.0'?>\n<methodCall>\n<methodName>register</methodName>\n<params>\n<param>\n<value><string>payments &amp; co</string></value>\n</param>\n<param>\n<value><int>9000</int></value>\n</param>\n</params>\n</methodCall>\n",
  '<?xml version="1.0" encoding="utf-8"?>\r\n<methodCall xmlns:ex="urn:x"><!-- c --><methodName>m</methodName><params><param><value>a<![CDATA[b]]>&#67;</value></param><param><value><ex:nil/></value></param></params></methodCall>',
  '<?xml version="1.0"?><methodCall><methodName>find</methodName><params><param><value><struct><member><name>a</name><value><array><data><value><i8>5</i8></value><value/></data></array></value></member><member><name>b</name><value><base64>AP8Q</base64></value></member></struct></value></param></params></methodCall>',
  '<?xml version="1.0"?><methodResponse><params><param><value><dateTime.iso8601>20250131T23:59:59</dateTime.iso8601></value></param></params></methodResponse>',
  '<?xml version="1.0"?><methodResponse><fault><value><struct><member><name>faultCode</name><value><int>4</int></value></member><member><name>faultString</name><value><string>no</string></value></member></struct></value></fault></methodResponse>',
];
const TOKENS = [
  ...[
    '<',
    '>',
    '/',
    '&',
    ';',
    '"',
    "'",
    '=',
    ' ',
    '\n',
    '\r',
    '\0',
    '\u0085',
    '\ud800',
    '\ufffe',
    '\ufeff',
    ']]>',
    '<![CDATA[',
    '<!--',
    '-->',
    '--',
  ],
  ...[
    '<?',
    '?>',
    '<?xml version="1.0"?>',
    '<!DOCTYPE a>',
    '&#x110000;',
    '&#0;',
    '&lt;',
    '&#',
    '&#x41;',
    '<fault/>',
    '<value/>',
    '<value>',
    '</value>',
  ],
  ...[
    '<int>',
    '</int>',
    '<string>',
    '<struct>',
    '<array><data>',
    '<nil/>',
    '<member>',
    '<name>',
    '<a:b/>',
    ' a="b"',
    ' xmlns="x"',
    'é',
    '日',
    '😀',
    '1',
    'a',
  ],
];
const edit = fc.record({
  at: fc.nat(1000),
  removed: fc.oneof(fc.constant(0), fc.nat(12)),
  added: fc.oneof(fc.constantFrom(...TOKENS), fc.constant(''), anyText),
});
const mutated = fc
  .tuple(fc.constantFrom(...REAL_MESSAGES), fc.array(edit, { minLength: 1, maxLength: 4 }))
  .map(([message, edits]) =>
    edits.reduce((text, { at, removed, added }) => {
      const start = at % (text.length + 1);
      return text.slice(0, start) + added + text.slice(start + removed);
    }, message),
  );

describe('the writer', () => {
  test('writes well-formed XML of any value', () => {
    fc.assert(
      fc.property(anyValue, anyText, fc.integer(), (value, text, code) => {
        for (const body of [writeResponse(value), writeCall(text, [value]), writeFault(code, text)]) {
          expect(isWellFormed(body), body).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('writes a great length of any one thing well-formed, and it is read back', () => {
    for (const unit of [
      'a',
      '<',
      '&',
      ']]>',
      '\r',
      '\r\n',
      '\0',
      '\ud800',
      '\udc00',
      '\ufffe',
      '😀',
      'ä',
      '&#0;',
    ]) {
      const text = unit.repeat(100_000 / unit.length);
      const body = writeResponse({ [unit]: text });
      expect(isWellFormed(body), JSON.stringify(unit)).toBe(true);
      expect(readMethodResponse(body)).toEqual(carried({ [unit]: text }));
    }
  });

  test('is read by npm xmlrpc as what was meant', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(commonValue, { maxLength: 3 }), async (params) => {
        expect(await readByNpm(writeCall('a.b', params))).toEqual({ method: 'a.b', params: carried(params) });
      }),
      { numRuns: 200 },
    );
  });

  test('writes bytes and bigints as npm xmlrpc reads them', async () => {
    const { params } = await readByNpm(writeCall('m', [new Uint8Array([0, 255, 16]), 2n ** 62n]));
    expect(params).toEqual([Buffer.from([0, 255, 16]), String(2n ** 62n)]);
  });
});

describe('the reader', () => {
  test('reads back any value the writer wrote', () => {
    fc.assert(
      fc.property(
        anyValue.filter((value) => !hasTwins(value)),
        (value) => {
          expect(readMethodResponse(writeResponse(value))).toEqual(carried(value));
          expect(readMethodCall(Buffer.from(writeCall('m', [value]))).params).toEqual([carried(value)]);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('reads what npm xmlrpc writes as what was meant', () => {
    fc.assert(
      fc.property(commonValue, (value) => {
        const body = serializer.serializeMethodCall('a.b', [value]);
        expect(readMethodCall(Buffer.from(body)), body).toEqual({ method: 'a.b', params: [carried(value)] });
        expect(readMethodResponse(serializer.serializeMethodResponse(value))).toEqual(carried(value));
      }),
      { numRuns: 200 },
    );
  });

  test('reads bytes as npm xmlrpc writes them', () => {
    const body = serializer.serializeMethodCall('m', [Buffer.from([0, 255, 16])]);
    expect(readMethodCall(body).params).toEqual([new Uint8Array([0, 255, 16])]);
  });

  test('refuses whatever is not well-formed, with a fault and nothing else', () => {
    let read = 0;
    fc.assert(
      fc.property(mutated, (text) => {
        if (!isRead(text)) return;
        read++;
        // A mark at the start is the decoder's, and no part of the document.
        expect(isWellFormed(text.replace(/^\ufeff/, '')), text).toBe(true);
      }),
      { numRuns: 3000 },
    );
    expect(read).toBeGreaterThan(30);
  });

  test('throws nothing but faults, whatever the bytes', () => {
    const bytesOfMessage = fc
      .tuple(
        mutated,
        fc.constantFrom('utf8', 'latin1', 'utf16le'),
        fc.uint8Array({ maxLength: 3 }),
        fc.nat(500),
      )
      .map(([text, encoding, noise, at]) => {
        const body = Buffer.from(text, encoding as BufferEncoding);
        body.set(noise.subarray(0, Math.max(0, body.length - at)), Math.min(at, body.length));
        return body;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), bytesOfMessage), (body) => void isRead(body)),
      { numRuns: 1500 },
    );
    fc.assert(fc.property(anyText, (text) => void isRead(text)));
  });

  test('refuses a message cut off anywhere', () => {
    for (const message of REAL_MESSAGES.map((text) => text.trimEnd())) {
      expect(isRead(message)).toBe(true);
      for (let end = 0; end < message.length; end++)
        expect(isRead(message.slice(0, end)), message.slice(0, end)).toBe(false);
    }
  });
});
