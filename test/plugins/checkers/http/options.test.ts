import { describe, expect, test } from 'vitest';
import { createRegistry, parseArgument, silentLogger, systemClock } from '../../../../core/index.js';
import { createHttpChecker } from '../../../../plugins/checkers/http/http-checker.js';
import httpChecker from '../../../../plugins/checkers/http/index.js';
import { tempFolder } from '../../../support/temp-folder.js';

const { options } = createHttpChecker(systemClock);
const parse = (given: unknown) => parseArgument(options, given);

describe('a check is refused, and told why, that', () => {
  test.each([
    ['asks by an unknown method', { method: 'DELETE' }, /"method": .*GET/],
    ['has a path that is none', { path: 'health' }, /"path": expected a path that begins with '\/'/],
    ['has a path with a line end', { path: '/a\r\nX: y' }, /"path": expected a path/],
    ['has a path with a space', { path: '/a b' }, /"path": expected a path/],
    ['has a path with a fragment', { path: '/a#b' }, /"path": expected a path/],
    ['has a path that is long', { path: `/${'x'.repeat(1_024)}` }, /"path"/],
    ['has a body with GET', { body: 'x' }, /"body": expected none with method GET/],
    ['has a long body', { method: 'POST', body: 'x'.repeat(2_049) }, /"body"/],
    [
      'looks into the body of HEAD',
      { method: 'HEAD', match: 'x' },
      /"match": expected none with method HEAD/,
    ],
    [
      'frames the message itself',
      { headers: { 'Content-Length': '5' } },
      /"headers": expected no "Content-Length"/,
    ],
    ['frames it otherwise', { headers: { 'transfer-encoding': 'chunked' } }, /"headers": expected no/],
    [
      'keeps the connection',
      { headers: { Connection: 'keep-alive' } },
      /"headers": expected no "Connection"/,
    ],
    [
      'has a header of no name',
      { headers: { 'a b': 'x' } },
      /"headers": expected the name of a header, not "a b"/,
    ],
    ['has an empty header', { headers: { '': 'x' } }, /"headers": expected the name of a header/],
    ['has a header with a line end', { headers: { A: 'x\r\nB: y' } }, /"headers": expected "A" in Latin-1/],
    ['has a header beyond Latin-1', { headers: { A: '€' } }, /"headers": expected "A" in Latin-1/],
    ['has a header twice', { headers: { Host: 'a', host: 'b' } }, /"headers": expected "host" once/],
    ['has a long header', { headers: { A: 'x'.repeat(1_025) } }, /"headers.A"/],
    [
      'has many headers',
      { headers: Object.fromEntries(Array.from({ length: 33 }, (_, at) => [`h${at}`, ''])) },
      /"headers": expected at most 32/,
    ],
    ['expects no status', { status: 'ok' }, /"status": expected a status such as 204/],
    ['expects an interim status', { status: 100 }, /"status": .* from 200 to 999, not 100/],
    ['expects a range that is none', { status: '300-200' }, /"status": .* not "300-200"/],
    ['expects nothing', { status: [] }, /"status"/],
    ['expects much', { status: Array.from({ length: 17 }, (_, at) => 200 + at) }, /"status"/],
    ['has a broken pattern', { match: '(' }, /"match": expected a pattern of RE2: .*missing closing/],
    ['has a pattern that looks around', { match: '(?=a)' }, /"match": expected a pattern of RE2/],
    [
      'has a large pattern',
      { match: '(a{100}){5}' },
      /"match": expected a pattern of RE2: it has \d+ steps, and may have 128/,
    ],
    ['has a long pattern', { match: 'x'.repeat(257) }, /"match"/],
    ['trusts what is no certificate', { tls: { ca: 'me' } }, /"tls.ca": expected certificates in PEM/],
    [
      'trusts what can not be read',
      { tls: { ca: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' } },
      /"tls.ca": .*certificate 1 in it can't be read/,
    ],
    ['names a file of certificates', { tls: { ca: './ca.pem' } }, /"tls.ca": expected certificates in PEM/],
    ['misspells an option of TLS', { tls: { inscure: true } }, /Did you mean "insecure"/],
    ['misspells an option', { paht: '/' }, /Did you mean "path"/],
    ['expects a server of no name', { tls: { servername: 'a b' } }, /"tls.servername": expected a host name/],
  ])('%s', (_name, given, why) => {
    expect(() => parse(given)).toThrow(why);
  });

  test('brings a secret in a header, which is not told', () => {
    expect(() => parse({ headers: { Authorization: 'Bearer hush\n' } })).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('hush') }),
    );
  });
});

test('no pattern that is let in keeps the process busy, whatever the body', () => {
  const body = `c${Array.from({ length: 16 * 1024 }, (_, at) => ((at * 7_919) % 13 < 6 ? 'a' : 'b')).join('')}`;
  for (const match of [
    '(a|b)*a(a|b){38}c',
    'a.{120}c',
    '(.{0,7}a.{0,7}){4}c',
    '(a+a+)+$',
    '(?i)(a\\pL{25}|\\pL{27}a)c',
  ]) {
    const begun = process.cpuUsage();
    parse({ match }).match?.isFoundIn(body);
    const { user, system } = process.cpuUsage(begun);
    // 35 ms on an idle machine; JavaScript's own engine would not end.
    expect(user + system).toBeLessThan(1_000_000);
  }
});

test('the boot stops where the file of certificates is none, and says which', async () => {
  const folder = await tempFolder({ 'ca.pem': 'not yet' });
  for (const [ca, why] of [
    ['ca.pem', /option "ca": expected a file of PEM certificates at .*ca\.pem: there is no -----BEGIN/],
    ['gone.pem', /option "ca": expected a file of PEM certificates at .*gone\.pem: ENOENT/],
  ] as const) {
    const config = { store: 'memory', plugins: [[httpChecker, { ca }]] as never };
    const registry = createRegistry({ config, folder, logger: silentLogger });
    await expect(registry.then((one) => one.start())).rejects.toThrow(why);
  }
});

test('what posts may change something, and so is not for any registration to ask', () => {
  const { mayChange } = createHttpChecker(systemClock);
  expect(mayChange?.(parse({ path: '/health' }))).toBe(false);
  expect(mayChange?.(parse({ headers: { Accept: 'text/plain' } }))).toBe(false);
  expect(mayChange?.(parse({ method: 'POST' }))).toBe(true);
  expect(mayChange?.(parse({ headers: { 'X-HTTP-Method-Override': 'DELETE' } }))).toBe(true);
});
