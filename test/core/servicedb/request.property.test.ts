import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RegistryError } from '../../../core/errors.js';
import { MicroDB } from '../../../core/microdb/index.js';
import { instanceKey } from '../../../core/servicedb/record.js';
import {
  bareHost,
  parsePlainRequest,
  parseRegisterRequest,
  type RegisterRequest,
} from '../../../core/servicedb/request.js';

const names = fc.oneof(
  fc.string(),
  fc.stringMatching(/^[\w.-]{1,130}$/),
  fc.constantFrom('a\n', 'a b', 'é', '', 'x'.repeat(128), 'x'.repeat(129)),
  fc.anything(),
);
const hosts = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.domain(),
  fc.webUrl(),
  fc.string(),
  fc.stringMatching(/^\d{1,3}(\.\d{1,3}){3}$/),
  fc.constantFrom('localhost', '127.0.0.1\n', '[::1]:80', 'a..b', '999.999.999.999', 'http://', 'a:99999'),
);
const ports = fc.oneof(
  fc.integer({ min: -2, max: 70_000 }),
  fc.constantFrom(0, 1, 65_535, 65_536, '1', '65535', '65536', '00080', 1.5, -0, Number.NaN, 1e21),
  fc.anything(),
);

function outcome(name: unknown, host: unknown, port: unknown): RegisterRequest | undefined {
  try {
    return parseRegisterRequest({ name, host, port });
  } catch (error) {
    expect(error).toBeInstanceOf(RegistryError);
    return undefined;
  }
}

it('the quick reader of plain requests says what the schema says, or leaves it to the schema', () => {
  let accepted = 0;
  fc.assert(
    fc.property(names, hosts, ports, (name, host, port) => {
      const quick = parsePlainRequest(name, host, port);
      if (quick === undefined) return;
      accepted += 1;
      expect(quick).toEqual(outcome(name, host, port));
    }),
    { numRuns: 5_000 },
  );
  expect(accepted).toBeGreaterThan(10);
});

it('a request that was parsed parses to itself', () => {
  const input = fc.record(
    {
      name: fc.string({ minLength: 1 }),
      host: hosts,
      port: fc.oneof(fc.integer({ min: 1, max: 65_535 }), fc.constantFrom('1', '00080', '65535')),
      given: fc.record({ host: fc.webUrl(), port: fc.constantFrom<number | string>(1, '9000') }),
      instance: fc.string({ minLength: 1 }),
      status: fc.constantFrom('running', 'starting'),
      tags: fc.array(fc.string()),
      meta: fc.dictionary(fc.string(), fc.string()),
      checks: fc.array(fc.record({ kind: fc.constant('tcp'), options: fc.jsonValue() }), { maxLength: 3 }),
      ttlMs: fc.integer({ min: 1_000, max: 100_000 }),
      weight: fc.double({ min: 0, max: 10, noNaN: true }),
    },
    { requiredKeys: ['name', 'host', 'port'] },
  );
  let accepted = 0;
  fc.assert(
    fc.property(input, (given) => {
      let once: RegisterRequest;
      try {
        once = parseRegisterRequest(given);
      } catch (error) {
        expect(error).toBeInstanceOf(RegistryError);
        return;
      }
      accepted += 1;
      expect(parseRegisterRequest(once)).toEqual(once);
      expect(Object.keys(once.meta).length).toBe(Object.keys(given.meta ?? {}).length);
    }),
    { numRuns: 1_000 },
  );
  expect(accepted).toBeGreaterThan(50);
});

it('whatever a host is given as, what is connected to has neither scheme nor path, and is its own host', () => {
  fc.assert(
    fc.property(hosts, (given) => {
      const host = bareHost(given);
      if (host === undefined) return;
      expect(host).not.toMatch(/[/?#@\s[\]]/);
      expect(bareHost(host)).toBe(host);
    }),
  );
});

it('what may be a name makes a key that is the same in the store and in MicroDB', () => {
  const records = new MicroDB().collection('services', { key: ['name', 'instance'] });
  fc.assert(
    fc.property(names, names, (name, instance) => {
      let request: RegisterRequest;
      try {
        request = parseRegisterRequest({ name, instance, host: '127.0.0.1', port: 1 } as never);
      } catch {
        return;
      }
      const { name: parsed, instance: chosen = '127.0.0.1:1' } = request;
      expect(instanceKey(parsed, chosen)).toBe(records.keyFor(parsed, chosen));
    }),
  );
});
