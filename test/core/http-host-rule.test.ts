import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../core/clock.js';
import { HostRule, hostOf } from '../../core/http-host-rule.js';
import { isLoopback } from '../../core/this-machine.js';

function ruleFor(allowedHosts: readonly string[] = [], addresses: string[] = []) {
  let now = 0;
  let asked = 0;
  const clock = { ...systemClock, monotonic: () => now };
  const machine = {
    hostname: () => 'Box7',
    addresses: () => {
      asked += 1;
      return addresses;
    },
  };
  const rule = new HostRule('xml-rpc', allowedHosts, clock, machine);
  return {
    status: (host: string | undefined, isHttp10 = false) =>
      rule.objection(host === undefined ? {} : { host }, isHttp10)?.status ?? 200,
    text: (host: string) => rule.objection({ host }, false)?.text,
    rule,
    advance: (ms: number) => {
      now += ms;
    },
    asked: () => asked,
  };
}

describe('a request called by its Host', () => {
  it.each([
    'localhost',
    'LocalHost:8800',
    'localhost.',
    '127.0.0.1:8800',
    '127.9.8.7',
    '[::1]:8800',
    '[0:0:0:0:0:0:0:1]',
    'box7:8800',
    '192.168.1.5:8800',
    '[FE80::1]:8800',
  ])('passes as %s, which is this machine', (host) => {
    expect(ruleFor([], ['192.168.1.5', 'fe80:0::1']).status(host)).toBe(200);
  });

  it.each([
    'evil.example',
    'localhost.evil.example:8800',
    'sub.localhost',
    '127.0.0.1.evil.example',
    '192.168.1.6',
    '0.0.0.0:8800',
    '127.1',
    '0x7f.0.0.1',
    '[::2]',
  ])('gets 403 as %s, which is not', (host) => {
    expect(ruleFor([], ['192.168.1.5']).status(host)).toBe(403);
  });

  it.each([
    '',
    ' ',
    'localhost:',
    'localhost:x',
    'localhost:123456',
    'user@localhost',
    'localhost/x',
    'localhost, evil.example',
    '[::1',
    '::1',
    '[fe80::1%eth0]',
    '[::ffff::1]',
    'a'.repeat(300),
  ])('gets 400 as %j, which is malformed', (host) => {
    expect(ruleFor().status(host)).toBe(400);
  });

  it('is told which host was refused and what to configure', () => {
    expect(ruleFor().text('Registry.example:8800')).toBe(
      'The Host "registry.example" is neither an address of this machine nor allowed here: add it to allowedHosts in the options of the plugin "xml-rpc".',
    );
  });

  it('passes as an allowed name or address, whatever its case and port', () => {
    const { status } = ruleFor(['Registry.Example.com', '10.0.0.9', '2001:DB8::0:7']);
    expect(status('registry.example.com:1')).toBe(200);
    expect(status('10.0.0.9')).toBe(200);
    expect(status('[2001:db8::7]:8800')).toBe(200);
    expect(status('other.example.com')).toBe(403);
  });

  it('may lack a Host in HTTP/1.0 only', () => {
    expect(ruleFor().status(undefined, true)).toBe(200);
    expect(ruleFor().status('evil.example', true)).toBe(403);
    expect(ruleFor().status(undefined, false)).toBe(400);
  });
});

describe('a web page', () => {
  it('gets 403 for any Origin', () => {
    for (const origin of ['http://evil.example', 'null', 'http://127.0.0.1:8800', '']) {
      expect(ruleFor().rule.objection({ host: 'localhost', origin }, false)?.status).toBe(403);
    }
  });

  it('gets 403 from another site, and a person who types the address does not', () => {
    const statusFrom = (site: string) =>
      ruleFor().rule.objection({ host: 'localhost', 'sec-fetch-site': site }, false)?.status ?? 200;
    expect([statusFrom('cross-site'), statusFrom('same-site'), statusFrom('odd')]).toEqual([403, 403, 403]);
    expect([statusFrom('none'), statusFrom('same-origin')]).toEqual([200, 200]);
  });
});

describe('the host rule', () => {
  it('sees an address that the machine gets later, without asking the system for every stray request', () => {
    const addresses: string[] = [];
    const { status, advance, asked } = ruleFor([], addresses);
    expect(status('10.1.1.1')).toBe(403);
    addresses.push('10.1.1.1');
    expect(status('10.1.1.1')).toBe(403);
    expect(asked()).toBe(1);
    advance(5001);
    expect(status('10.1.1.1')).toBe(200);
    expect(asked()).toBe(2);
  });

  it('goes on telling hosts apart after more spellings than it remembers', () => {
    const { status } = ruleFor();
    for (let port = 0; port < 1000; port += 1) expect(status(`localhost:${port}`)).toBe(200);
    expect(status('localhost:5000')).toBe(200);
    expect(status('evil.example')).toBe(403);
  });

  it('refuses an allowedHosts entry that is no host', () => {
    for (const entry of ['http://registry.example', '*.example.com', '', 'a b']) {
      expect(() => ruleFor([entry])).toThrow(
        expect.objectContaining({
          code: 'INVALID_ARGUMENT',
          message: expect.stringContaining(JSON.stringify(entry)),
        }),
      );
    }
  });

  it('never throws, and never passes what does not read as localhost, an own or an allowed host', () => {
    const { rule } = ruleFor(['ok.example']);
    const passing = /^(localhost\.?|127\.\d+\.\d+\.\d+\.?|\[[0:]*1\]|box7\.?|ok\.example\.?)(:\d{1,5})?$/i;
    const piece = fc.constantFrom(
      'localhost',
      '127.0.0.1',
      'ok.example',
      '[::1]',
      ':',
      '.',
      '@',
      ',',
      ' ',
      '1',
      'é',
    );
    const hosts = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join('')),
    );
    fc.assert(
      fc.property(hosts, (host) => {
        if (rule.objection({ host }, false) === undefined) expect(host).toMatch(passing);
      }),
    );
  });

  it('reads a host the same whatever case, port and final dot it is sent with', () => {
    fc.assert(
      fc.property(fc.domain(), fc.integer({ min: 0, max: 65_535 }), (name, port) => {
        const host = hostOf(name);
        expect(host).toBe(name.toLowerCase());
        expect(hostOf(`${name.toUpperCase()}.:${port}`)).toBe(host);
      }),
    );
  });
});

it('isLoopback takes only what this machine alone can reach', () => {
  expect(['127.0.0.1', '127.1.2.3', '::1', 'localhost'].every(isLoopback)).toBe(true);
  expect(['0.0.0.0', '::', '', '10.0.0.1', '127.example.com', 'localhost.example'].some(isLoopback)).toBe(
    false,
  );
});
