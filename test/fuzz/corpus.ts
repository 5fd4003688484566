/** How one stock client writes a call. */
interface Dialect {
  readonly declaration: string;
  /** Between elements, with the depth of the one that follows. */
  readonly gap: (depth: number) => string;
  /** What comes after the message. */
  readonly end: string;
  readonly root?: string;
  readonly int: 'int' | 'i4';
  readonly isStringTyped: boolean;
  readonly encoding?: BufferEncoding;
}

const none = () => '';
const line = () => '\n';
const version = `<?xml version="1.0"?>`;
const utf8 = `<?xml version="1.0" encoding="UTF-8"?>`;
const plain = { declaration: version, gap: none, end: '', int: 'int', isStringTyped: true } as const;

/** Read off what each client sends. */
const DIALECTS: Readonly<Record<string, Dialect>> = {
  npm: plain,
  python: { ...plain, declaration: `<?xml version='1.0'?>\n`, gap: line, end: '\n' },
  pythonLatin1: {
    ...plain,
    declaration: `<?xml version='1.0' encoding='iso-8859-1'?>\n`,
    gap: line,
    end: '\n',
    encoding: 'latin1',
  },
  ruby: { ...plain, declaration: `<?xml version="1.0" ?>`, int: 'i4', end: '\n' },
  php: { ...plain, declaration: `<?xml version="1.0" encoding="UTF-8" ?>\n`, gap: line },
  perl: { ...plain, declaration: `<?xml version="1.0" encoding="us-ascii"?>` },
  apache: {
    ...plain,
    declaration: utf8,
    root: '<methodCall xmlns:ex="http://ws.apache.org/xmlrpc/namespaces/extensions">',
    int: 'i4',
    isStringTyped: false,
  },
  xmlrpcC: { ...plain, declaration: `${utf8}\r\n`, gap: () => '\r\n', end: '\r\n', int: 'i4' },
  dotNet: { ...plain, declaration: `${version}\r\n`, gap: (depth) => `\r\n${'  '.repeat(depth)}`, int: 'i4' },
  ros: { ...plain, gap: () => '\r\n', int: 'i4', isStringTyped: false },
  utf16: { ...plain, declaration: '\ufeff<?xml version="1.0" encoding="utf-16"?>', encoding: 'utf16le' },
};

const DETAILS = {
  instance: 'a-1',
  version: '2.0.1',
  tags: ['blue', 'canary & co'],
  meta: { region: 'eu-west-1', 'team <x>': ']]> Grüße' },
  weight: 3,
  zone: 'eu',
  ttl: '30s',
};
const WIDE = Object.fromEntries(
  Array.from({ length: 60 }, (_, at) => [`key${at}`, [at, `v${at}`, at % 2 === 0]]),
);

/** Calls of every method of the door; what fails is as good as what doesn't. */
const CALLS: readonly (readonly [string, ...unknown[]])[] = [
  ['register', 'payments', '127.0.0.1', 9000],
  ['register', 'payments', '127.0.0.1', 9000, 1],
  ['register', 'Grüße & <b>', 'http://10.0.0.1/', '9000', -1],
  ['register', 'payments', 'db.example.org', 5432, 1, DETAILS],
  ['update_status', 'payments', 0],
  ['update_status', 'payments', 4, 1],
  ['unregister', 'payments', 3],
  ['get_service_details', 'payments'],
  ['get_all_service_details'],
  ['get_reg_count'],
  ['heartbeat', 'payments'],
  ['heartbeat', 'payments', 1],
  ['lookup', 'payments'],
  ['lookup', 'payments', { zone: 'eu', port: { $gt: 80 } }],
  ['resolve', 'nobody', 0],
  [
    'find',
    { name: { $in: ['payments', 'a'] }, $or: [{ port: 9000 }, { tags: 'blue' }] },
    { limit: 10, sort: { port: -1 } },
  ],
  ['find', { name: { $regex: '^pay' }, meta: { $exists: true } }],
  ['list_services'],
  ['system.listMethods'],
  ['system.methodSignature', 'register'],
  ['system.methodHelp', 'lookup'],
  [
    'system.multicall',
    [
      { methodName: 'register', params: ['multi', '127.0.0.1', 1] },
      { methodName: 'get_reg_count', params: [] },
      { methodName: 'nonsense', params: [1.5, true] },
    ],
  ],
  [
    'every.type',
    'a\tb',
    1,
    -2147483648,
    1.5,
    true,
    false,
    new Date(0),
    new Uint8Array([0, 255, 16]),
    null,
    5n,
    [],
    {},
    WIDE,
  ],
];

/** One call as a client writes it. */
function render(dialect: Dialect, [method, ...params]: readonly [string, ...unknown[]]): Buffer {
  const { gap } = dialect;
  let out = `${dialect.declaration}${dialect.root ?? '<methodCall>'}${gap(1)}<methodName>${method}</methodName>${gap(1)}<params>`;
  for (const param of params) out += `${gap(2)}<param>${gap(3)}${value(dialect, param, 3)}${gap(2)}</param>`;
  out += `${gap(1)}</params>${gap(0)}</methodCall>${dialect.end}`;
  return Buffer.from(out, dialect.encoding ?? 'utf8');
}

function value(dialect: Dialect, of: unknown, depth: number): string {
  return `<value>${typed(dialect, of, depth)}</value>`;
}

function typed(dialect: Dialect, of: unknown, depth: number): string {
  const { gap, int, declaration } = dialect;
  if (of === null) return dialect.root === undefined ? '<nil/>' : '<ex:nil/>';
  if (typeof of === 'string') {
    let text = of.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
    if (declaration.includes('us-ascii'))
      text = text.replace(/[^ -~\t]/g, (found) => `&#x${found.charCodeAt(0).toString(16)};`);
    return dialect.isStringTyped ? `<string>${text}</string>` : text;
  }
  if (typeof of === 'bigint') return `<i8>${of}</i8>`;
  if (typeof of === 'number')
    return Number.isInteger(of) ? `<${int}>${of}</${int}>` : `<double>${of}</double>`;
  if (typeof of === 'boolean') return `<boolean>${Number(of)}</boolean>`;
  if (of instanceof Date) return '<dateTime.iso8601>19700101T00:00:00</dateTime.iso8601>';
  if (of instanceof Uint8Array)
    return `<base64>${gap(0)}${Buffer.from(of).toString('base64')}${gap(0)}</base64>`;
  if (Array.isArray(of)) {
    const items = of.map((item) => `${gap(depth + 2)}${value(dialect, item, depth + 2)}`);
    return `<array>${gap(depth + 1)}<data>${items.join('')}${gap(depth + 1)}</data>${gap(depth)}</array>`;
  }
  const members = Object.entries(of as object).map(
    ([name, member]) =>
      `${gap(depth + 1)}<member>${gap(depth + 2)}<name>${typed({ ...dialect, isStringTyped: false }, name, 0)}</name>${value(dialect, member, depth + 2)}</member>`,
  );
  return `<struct>${members.join('')}${gap(depth)}</struct>`;
}

/** What every stock client sends for every method: the messages that are mutated. */
export const CORPUS: readonly Buffer[] = Object.values(DIALECTS).flatMap((dialect) =>
  CALLS.map((call) => render(dialect, call)),
);
