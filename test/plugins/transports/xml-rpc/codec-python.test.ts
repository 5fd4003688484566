import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readMethodCall } from '../../../../plugins/transports/xml-rpc/reader.js';
import type { XmlRpcValue } from '../../../../plugins/transports/xml-rpc/values.js';
import { writeCall } from '../../../../plugins/transports/xml-rpc/writer.js';
import { needs } from '../../../support/needs.js';

/** A value that both JSON and Python tell exactly: its type's letter, and what it is. */
type Told = readonly [type: string, of: unknown];

/** Of each `{xml}` answers what Python reads in it, of each `{told}` how Python writes it; all in one process. */
const PYTHON = `
import base64, datetime, json, sys, xmlrpc.client

def tell(value):
    if value is None: return ['n', None]
    if isinstance(value, bool): return ['b', value]
    if isinstance(value, str): return ['s', value]
    if isinstance(value, int): return ['i', str(value)]
    if isinstance(value, float): return ['d', repr(value)]
    if isinstance(value, bytes): return ['y', base64.b64encode(value).decode()]
    if isinstance(value, datetime.datetime): return ['t', int((value - datetime.datetime(1970, 1, 1)).total_seconds())]
    if isinstance(value, (list, tuple)): return ['a', [tell(item) for item in value]]
    return ['m', [[name, tell(member)] for name, member in value.items()]]

def make(told):
    kind, of = told
    if kind == 'i': return int(of)
    if kind == 'd': return float(of)
    if kind == 'y': return base64.b64decode(of)
    if kind == 't': return datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=of)
    if kind == 'a': return [make(item) for item in of]
    if kind == 'm': return {name: make(member) for name, member in of}
    return of

def answer(item):
    if 'xml' in item: return tell(xmlrpc.client.loads(item['xml'], use_builtin_types=True)[0][0])
    return xmlrpc.client.dumps((make(item['told']),), 'm', allow_none=True)

print(json.dumps([answer(item) for item in json.load(sys.stdin)]))
`;

function askPython(items: readonly ({ xml: string } | { told: Told })[]): unknown[] {
  const { stdout, stderr, status } = spawnSync('python3', ['-c', PYTHON], {
    input: JSON.stringify(items),
    maxBuffer: 64 * 1024 * 1024,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr.slice(-2_000));
  return JSON.parse(stdout);
}

function tell(value: XmlRpcValue): Told {
  if (value === null) return ['n', null];
  if (typeof value === 'string') return ['s', value];
  if (typeof value === 'boolean') return ['b', value];
  if (typeof value === 'bigint') return ['i', String(value)];
  if (typeof value === 'number') {
    return value === (value | 0) ? ['i', String(value)] : ['d', value];
  }
  if (value instanceof Date) return ['t', value.getTime() / 1_000];
  if (value instanceof Uint8Array) return ['y', Buffer.from(value).toString('base64')];
  if (Array.isArray(value)) return ['a', value.map(tell)];
  return ['m', Object.entries(value).map(([name, member]) => [name, tell(member)])];
}

/** Python's own words for a double read as what they say. */
function withNumbers([type, of]: Told): Told {
  if (type === 'd') return ['d', Number(of)];
  if (type === 'a') return ['a', (of as Told[]).map(withNumbers)];
  if (type === 'm')
    return ['m', (of as [string, Told][]).map(([name, member]) => [name, withNumbers(member)])];
  return [type, of];
}

const ILLEGAL = /[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]/gu;
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(fc.constantFrom('<', '>', '&', ']]>', '\r', '\n', ' ', '</value>', '<![CDATA[', '日', '😀'))
    .map((p) => p.join('')),
);
const legal = text.map((found) => found.replace(ILLEGAL, ''));
const name = legal.map((found) => `n${found}`);

function values(leaf: fc.Arbitrary<XmlRpcValue>, names: fc.Arbitrary<string>): fc.Arbitrary<XmlRpcValue> {
  return fc.letrec<{ value: XmlRpcValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.array(tie('value'), { maxLength: 5 }),
      fc.dictionary(names, tie('value'), { maxKeys: 5 }),
    ),
  })).value;
}

const plain = fc.oneof(
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((number) => !Number.isInteger(number)),
  fc.boolean(),
  fc.constant(null),
  fc.uint8Array().map((bytes) => new Uint8Array(bytes)),
  fc.integer({ min: Date.UTC(1000, 0), max: Date.UTC(9999, 11) }).map((ms) => new Date(ms - (ms % 1000))),
);

const python = needs('python3', '--version');

test.skipIf(!python.isMet)(`Python reads what the writer writes as what was meant${python.note}`, () => {
  const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  const meant = fc.sample(values(fc.oneof(plain, legal, long), name), { numRuns: 400, seed: 1 });
  const read = askPython(meant.map((value) => ({ xml: writeCall('m', [value]) })));
  expect(read.map((told) => withNumbers(told as Told))).toEqual(meant.map(tell));
});

test.skipIf(!python.isMet)(`what Python writes is read as what was meant${python.note}`, () => {
  // It writes a CR as it is, which is LF to whoever reads XML.
  const written = legal.map((found) => found.replaceAll('\r', ''));
  const meant = fc.sample(
    values(
      fc.oneof(plain, written),
      name.map((found) => found.replaceAll('\r', '')),
    ),
    { numRuns: 400, seed: 2 },
  );
  const bodies = askPython(meant.map((value) => ({ told: tell(value) }))) as string[];
  expect(bodies.map((body) => readMethodCall(Buffer.from(body)).params)).toEqual(
    meant.map((value) => [value]),
  );
});
