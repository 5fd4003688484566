import { describe, expect, test } from 'vitest';
import { parseArgument, systemClock } from '../../../../core/index.js';
import { createDnsChecker } from '../../../../plugins/checkers/dns/dns-checker.js';
import { describeChecker } from '../../../contracts/checker.js';
import { Chance } from '../../../support/chance.js';
import { check, type DnsPeer, listenDns, response } from './dns-peer.js';

const ADDRESS = Buffer.from([10, 0, 0, 7]);
const good = (query: Buffer) => response(query, 0, [ADDRESS]);

/** A port at which nobody listens. */
async function gone(): Promise<DnsPeer> {
  const peer = await listenDns(() => undefined);
  await peer.close();
  return peer;
}

describe('the contract of checkers', () => {
  const peers: DnsPeer[] = [];
  const kept = async (peer: Promise<DnsPeer>) => {
    peers.push(await peer);
    return peer;
  };
  describeChecker({
    test,
    create: async () => ({
      checker: createDnsChecker(systemClock),
      options: { query: 'shop.internal', expect: '10.0.0.7' },
      healthy: () => kept(listenDns(good)),
      dead: gone,
      silent: () => kept(listenDns(() => undefined)),
      dispose: async () => {
        for (const { close } of peers.splice(0)) await close();
      },
    }),
  });
});

describe('a server that answers', () => {
  test('with a record is running, and is asked once', async () => {
    const peer = await listenDns(good);
    expect(await check(peer)).toMatchObject({ status: 'running', output: 'A shop.internal: 10.0.0.7' });
    expect(peer.queries).toHaveLength(1);
    expect(peer.queries[0]?.toString('latin1')).toContain('\x04shop\x08internal\x00\x00\x01\x00\x01');
  });

  test('with several records has to have the expected one among them', async () => {
    const peer = await listenDns((query) => response(query, 0, [Buffer.from([10, 0, 0, 6]), ADDRESS]));
    const options = { query: 'shop.internal', expect: '10.0.0.7' };
    expect(await check(peer, options)).toMatchObject({
      status: 'running',
      output: 'A shop.internal: 10.0.0.6 and 1 more',
    });
    expect(await check(peer, { ...options, expect: '10.0.0.8' })).toMatchObject({
      status: 'error',
      output: 'A shop.internal: 10.0.0.6 and 1 more, expected 10.0.0.8',
    });
  });

  test.each([
    [0, 'no such record'],
    [1, 'FORMERR'],
    [2, 'SERVFAIL'],
    [3, 'NXDOMAIN'],
    [4, 'NOTIMP'],
    [5, 'REFUSED'],
  ])('with code %i and no record is an error that says so, at once', async (code, words) => {
    const peer = await listenDns((query) => response(query, code));
    expect(await check(peer)).toMatchObject({ status: 'error', output: `A shop.internal: ${words}` });
    expect(peer.queries).toHaveLength(1);
  });

  test('what is no DNS is an error', async () => {
    const peer = await listenDns(() => Buffer.from('hello'));
    expect(await check(peer)).toMatchObject({
      status: 'error',
      output: 'A shop.internal: it answered what is no DNS',
    });
  });

  test('with what is not seen in its text does not get it into the output', async () => {
    const text = Buffer.from('\x1b[31m\nred\u202e');
    const peer = await listenDns((query) =>
      response(query, 0, [Buffer.concat([Buffer.from([text.length]), text])]),
    );
    const { output } = await check(peer, { query: 'a.b', type: 'TXT' });
    expect(output).toBe('TXT a.b: ?[31m?red?');
  });

  test('only after the first question was lost is asked again, and running', async () => {
    let asked = 0;
    const peer = await listenDns((query) => (++asked === 1 ? undefined : good(query)));
    expect(await check(peer)).toMatchObject({ status: 'running' });
    expect(peer.queries.length).toBeGreaterThan(1);
  });

  test('at an IPv6 address, or at a host name, is found there', async () => {
    expect(await check(await listenDns(good, '::1'))).toMatchObject({ status: 'running' });
    const { port } = await listenDns(good);
    expect(await check({ host: 'localhost', port })).toMatchObject({ status: 'running' });
  });
});

test('a host name that does not exist is an error, and not a fault of the checker', async () => {
  const { status, output } = await check({ host: `${'x'.repeat(64)}.invalid`, port: 53 });
  expect(status).toBe('error');
  expect(output).toMatch(/^(ENOTFOUND|EAI_AGAIN)$/);
});

test.each<[string, (query: Buffer) => Buffer | undefined]>([
  ['never answers', () => undefined],
  ['answers another question', (query) => Buffer.concat([Buffer.from([0, 0]), good(query).subarray(2)])],
])('a server that %s is waited for only until the signal aborts, with its reason', async (_name, answer) => {
  let told = () => {};
  const asked = new Promise<void>((resolve) => {
    told = resolve;
  });
  const peer = await listenDns((query) => {
    told();
    return answer(query);
  });
  const controller = new AbortController();
  const ended = check(peer, undefined, controller.signal);
  await asked;
  controller.abort(new Error('enough'));
  await expect(ended).rejects.toThrow('enough');
});

test('whatever bytes answer, there is a verdict', async () => {
  const chance = new Chance(11);
  const peer = await listenDns((query) => {
    const bytes = chance.is(0.5)
      ? good(query)
      : Buffer.from(query.subarray(0, 2).toString('latin1') + 'x'.repeat(chance.below(40)), 'latin1');
    // All but the id, without which it is no answer at all.
    for (let changes = chance.between(1, 3); changes > 0; changes--) {
      if (bytes.length > 2) bytes[chance.between(2, bytes.length - 1)] = chance.below(256);
    }
    return bytes;
  });
  const seen = new Set<string>();
  for (let round = 0; round < 20; round++) {
    const checks = Array.from({ length: 5 }, () => check(peer, undefined, AbortSignal.timeout(50)));
    for (const result of await Promise.allSettled(checks)) {
      seen.add(result.status === 'fulfilled' ? result.value.status : (result.reason as Error).name);
    }
  }
  for (const outcome of seen) expect(['running', 'error', 'TimeoutError']).toContain(outcome);
  expect(seen).toContain('error');
});

describe('a check is refused, and told why, that', () => {
  const { options } = createDnsChecker(systemClock);
  test.each([
    ['asks for nothing', {}, /"query"/],
    ['asks for a name with a gap', { query: 'a..b' }, /"query": expected a name such as/],
    ['asks for a long label', { query: `${'x'.repeat(64)}.org` }, /"query": expected a name/],
    ['asks for a long name', { query: 'x.'.repeat(127) }, undefined],
    ['asks for a longer name', { query: `${'x.'.repeat(126)}xy` }, /"query": expected a name/],
    ['asks for a name beyond ASCII', { query: 'grün.example' }, /"query": expected a name/],
    ['asks for a name with a line end', { query: 'a\n.b' }, /"query": expected a name/],
    ['asks for what no server is asked', { query: 'x.onion.' }, /"query": .*not one in .onion/],
    ['asks for an unknown type', { query: 'a.b', type: 'ANY' }, /"type"/],
    [
      'expects no address',
      { query: 'a.b', expect: 'a.b' },
      /"expect": expected what a record of type A says, such as '10.0.0.7'/,
    ],
    [
      'expects half a record',
      { query: 'a.b', type: 'MX', expect: 'mail.a.b' },
      /"expect": .*such as '10 mail.example.org'/,
    ],
    ['misspells an option', { query: 'a.b', expects: '1.2.3.4' }, /Did you mean "expect"/],
  ])('%s', (_name, given, why) => {
    if (why === undefined) parseArgument(options, given);
    else expect(() => parseArgument(options, given)).toThrow(why);
  });

  test('but not one for the root', async () => {
    const peer = await listenDns((query) => response(query, 2));
    expect((await check(peer, { query: '.', type: 'NS' })).output).toBe('NS .: SERVFAIL');
  });
});
