import { describe, expect, it } from 'vitest';
import type { STRUCTS } from '../../../../plugins/transports/xml-rpc/methods/structs.js';
import type { XmlRpcValue } from '../../../../plugins/transports/xml-rpc/values.js';
import { makeXmlRpcDoor } from '../../../support/xml-rpc-door.js';

/** Of each member: what may be given and how the record has it, and what may not be given. */
const MEMBERS: {
  readonly [name in keyof (typeof STRUCTS)['RegisterDetails']['members']]: {
    good: readonly (readonly [XmlRpcValue, object])[];
    bad: readonly XmlRpcValue[];
  };
} = {
  instance: { good: [['a', { instance: 'a' }]], bad: ['', 7, 'x'.repeat(129), 'a\tb', ['a']] },
  version: { good: [['1.2', { version: '1.2' }]], bad: ['', 1.2, 'x'.repeat(129)] },
  tags: {
    good: [
      [['a', 'b'], { tags: ['a', 'b'] }],
      [[], { tags: [] }],
    ],
    bad: ['a', [1], [''], Array.from({ length: 65 }, (_, at) => `t${at}`), { a: 'b' }],
  },
  meta: {
    good: [[{ a: 'b', empty: '' }, { meta: { a: 'b', empty: '' } }]],
    bad: ['a', ['a'], { a: 1 }, { a: 'x'.repeat(1_025) }, { a: { b: 'c' } }, JSON.parse('{"__proto__":"x"}')],
  },
  zone: { good: [['eu', { zone: 'eu' }]], bad: ['', 1, 'a\nb'] },
  weight: {
    good: [
      [2, { weight: 2 }],
      [0.5, { weight: 0.5 }],
      [0, { weight: 0 }],
    ],
    bad: ['1', -1, 65_536, true],
  },
  ttl: {
    good: [
      ['30s', { ttlMs: 30_000 }],
      [1_500, { ttlMs: 1_500 }],
      [1_500.4, { ttlMs: 1_500 }],
      ['30d', { ttlMs: 2_592_000_000 }],
    ],
    bad: ['soon', '30', 10, '31d', true, ['30s']],
  },
  checks: {
    good: [
      [
        [{ kind: 'tcp' }, { kind: 'http', path: '/health', deep: { a: [1] } }],
        { checks: [{ kind: 'tcp' }, { kind: 'http', path: '/health', deep: { a: [1] } }] },
      ],
    ],
    bad: [
      { kind: 'tcp' },
      [{ path: '/' }],
      ['tcp'],
      [{ kind: 7 }],
      [{ kind: 'tcp', big: 'x'.repeat(5_000) }],
      [{ kind: 'tcp', at: new Date(0) }],
      [{ kind: 'tcp', deep: JSON.parse(`${'['.repeat(56)}1${']'.repeat(56)}`) }],
      [{ kind: 'tcp', deep: JSON.parse('{"__proto__":1}') }],
      Array.from({ length: 17 }, () => ({ kind: 'tcp' })),
    ],
  },
};

describe("register's details", () => {
  it.each(Object.entries(MEMBERS))('take %s, and say what is wrong with it', async (name, { good, bad }) => {
    const { call, services } = await makeXmlRpcDoor();
    for (const [given, kept] of good) {
      const id = await call('register', 'echo', '10.0.0.1', 9000, 1, { [name]: given });
      expect(services.get(id as number)).toMatchObject(kept);
    }
    const before = services.count();
    for (const given of bad) {
      await expect(call('register', 'bad', '10.0.0.1', 9000, 1, { [name]: given })).rejects.toMatchObject({
        faultCode: -32602,
        message: expect.stringContaining(`"${name}`),
      });
    }
    expect(services.count()).toBe(before);
  });

  it('take all of them at once, and none', async () => {
    const { call, services } = await makeXmlRpcDoor();
    const all = Object.fromEntries(
      Object.entries(MEMBERS).map(([name, { good }]) => [name, good[0]?.[0] ?? '']),
    );
    const kept = Object.assign({}, ...Object.values(MEMBERS).map(({ good }) => good[0]?.[1]));
    const id = await call('register', 'echo', '10.0.0.1', 9000, 4, all);
    expect(services.get(id as number)).toMatchObject({ ...kept, status: 'degraded' });
    expect(services.get((await call('register', 'echo', '10.0.0.1', 9000, 1, {})) as number)).toMatchObject({
      instance: '10.0.0.1:9000',
      tags: [],
    });
  });

  it('take checks as deep as they may be, which describe then answers', async () => {
    const { call } = await makeXmlRpcDoor();
    const check = { kind: 'tcp', deep: JSON.parse(`${'['.repeat(55)}1${']'.repeat(55)}`) };
    const id = await call('register', 'echo', '10.0.0.1', 9000, 1, { checks: [check] });
    expect(await call('describe', id)).toMatchObject({ checks: [{ kind: 'tcp', spec: check }] });
    const within = [{ methodName: 'describe', params: [id as number] }];
    expect(await call('system.multicall', within)).toMatchObject([
      [{ checks: [{ kind: 'tcp', spec: check }] }],
    ]);
  });

  it('take no other member, and name the nearest one', async () => {
    const { call } = await makeXmlRpcDoor();
    await expect(call('register', 'echo', '10.0.0.1', 9000, 1, { zoen: 'eu' })).rejects.toMatchObject({
      faultCode: -32602,
      message: 'unknown key "zoen". Did you mean "zone"?',
    });
    const hostile = JSON.parse('{"__proto__":{"zone":"eu"},"constructor":"x"}');
    await expect(call('register', 'echo', '10.0.0.1', 9000, 1, hostile)).rejects.toMatchObject({
      message: expect.stringMatching(/unknown key "__proto__".*unknown key "constructor"/s),
    });
    await expect(
      call('register', 'echo', '10.0.0.1', 9000, 1, { ['x'.repeat(900_000)]: 1 }),
    ).rejects.toMatchObject({
      message: expect.stringMatching(/^unknown key "x{600,}.{0,400}$/s),
    });
  });

  it('name the member by the name that the caller gave it', async () => {
    const { call } = await makeXmlRpcDoor();
    await expect(call('register', 'echo', '10.0.0.1', 9000, 1, { ttl: '31d' })).rejects.toMatchObject({
      message: '"ttl": expected a duration from 1000 ms to 2592000000 ms, not 2678400000 ms',
    });
  });

  it('are a struct, after a status', async () => {
    const { call } = await makeXmlRpcDoor();
    const usage = 'register(name, host, port[, status[, details]])';
    await expect(call('register', 'echo', '10.0.0.1', 9000, { zone: 'eu' })).rejects.toMatchObject({
      message: `${usage}: status must be int, not struct`,
    });
    await expect(call('register', 'echo', '10.0.0.1', 9000, 1, 'eu')).rejects.toMatchObject({
      message: `${usage}: details must be struct, not string`,
    });
    await expect(call('register', 'echo', '10.0.0.1', 9000, 7)).rejects.toMatchObject({
      message: expect.stringContaining('not 7'),
    });
  });
});
