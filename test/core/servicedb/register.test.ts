import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../core/servicedb/request.js';
import type { ServiceDB } from '../../../core/servicedb/servicedb.js';
import { makeServiceDB } from '../../support/make-servicedb.js';
import { ScriptedStore, turn } from '../../support/scripted-store.js';

const ECHO = { name: 'echo', host: '10.0.0.1', port: 9000 };

/** What `register` throws. */
function refusal(services: ServiceDB, input: object): { code: string; message: string } {
  try {
    void services.register(input as never);
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error('It was accepted.');
}

describe('registering', () => {
  it('answers the record, with a positive id and every default', async () => {
    const { services, clock } = await makeServiceDB();
    const record = await services.register(ECHO, { by: { who: 'x', door: 'xml-rpc' } });
    expect(record).toEqual({
      ...ECHO,
      id: 1,
      instance: '10.0.0.1:9000',
      tags: [],
      meta: {},
      weight: 1,
      checks: [],
      owner: 'xml-rpc',
      home: services.home,
      reported: 'running',
      status: 'running',
      reason: '',
      registeredAt: clock.now(),
      updatedAt: clock.now(),
      revision: 1,
      registrationRevision: 1,
    });
    expect(services.get(1)).toBe(record);
  });

  it('again says nothing new: same id, no commit, no new revision', async () => {
    const { services, commits, clock } = await makeServiceDB();
    const input = {
      ...ECHO,
      tags: ['a'],
      meta: { k: 'v' },
      checks: [{ kind: 'tcp', port: 1 }],
      ttlMs: 5_000,
    };
    const first = await services.register(input);
    clock.advance(1_000);
    expect(await services.register(structuredClone(input))).toBe(first);
    expect(commits).toHaveLength(1);
  });

  it('again with anything new renews it under the same id and its first registration time', async () => {
    const { services, clock } = await makeServiceDB();
    const first = await services.register({ ...ECHO, instance: 'a' });
    const news = [
      { host: '10.0.0.2' },
      { port: 9001 },
      { version: '2' },
      { tags: ['t'] },
      { meta: { k: 'v' } },
      { weight: 2 },
      { zone: 'z' },
      { ttlMs: 5_000 },
      { checks: [{ kind: 'tcp' }] },
      { status: 'degraded' as const },
      { host: 'http://10.0.0.1' },
      { port: '9000' },
    ];
    for (const one of news) {
      clock.advance(10);
      const { revision } = await services.register({ ...ECHO, instance: 'a' });
      const record = await services.register({ ...ECHO, instance: 'a', ...one });
      expect(record).toMatchObject({
        id: first.id,
        registeredAt: first.registeredAt,
        updatedAt: clock.now(),
      });
      expect(record.revision, JSON.stringify(one)).toBe(revision + 1);
    }
    expect(services.count()).toBe(1);
  });

  it('two instances may share an address', async () => {
    const { services } = await makeServiceDB();
    const a = await services.register({ ...ECHO, instance: 'a' });
    const b = await services.register({ ...ECHO, instance: 'b' });
    expect(a.id).not.toBe(b.id);
    expect(services.count()).toBe(2);
  });

  it('after an unregister gives an id never given before, over many blocks of ids', async () => {
    const { services } = await makeServiceDB();
    const ids = new Set<number>();
    for (let at = 0; at < 450; at += 1) {
      ids.add((await services.register(ECHO)).id);
      expect(await services.unregister('echo')).toBe(1);
    }
    expect(ids.size).toBe(450);
    expect(Math.max(...ids)).toBe(450);
  });

  it('removes by name all, by id or instance one, and answers how many', async () => {
    const { services } = await makeServiceDB();
    for (const instance of ['a', 'b', 'c', 'd']) await services.register({ ...ECHO, instance });
    expect(await services.unregister('echo', { id: 1 })).toBe(1);
    expect(await services.unregister('echo', { instance: 'b' })).toBe(1);
    expect(await services.unregister('echo', { id: 1 })).toBe(0);
    expect(await services.unregister('other', { id: 3 })).toBe(0);
    expect(await services.unregister('echo')).toBe(2);
    expect(services.count()).toBe(0);
  });

  it.each([
    ['http://10.0.0.1/', '10.0.0.1'],
    ['https://db.internal:8443/path?x#y', 'db.internal'],
    ['[::1]', '::1'],
    ['http://[fe80::1%eth0]:80/', 'fe80::1%eth0'],
    ['db.internal:80', 'db.internal'],
  ])('keeps the host %s as given, and connects to %s', async (given, host) => {
    const { services } = await makeServiceDB();
    const record = await services.register({ ...ECHO, host: given });
    expect(record).toMatchObject({ host, instance: `${host}:9000`, given: { host: given, port: 9000 } });
  });

  it('keeps a port in digits as given, and connects to the number; a plain address is kept once', async () => {
    const { services } = await makeServiceDB();
    const record = await services.register({ ...ECHO, port: '9001' });
    expect(record).toMatchObject({ port: 9001, given: { host: '10.0.0.1', port: '9001' } });
    expect(await services.register({ ...ECHO, host: '::1' })).not.toHaveProperty('given');
  });

  it('hands out records that nobody can change, and keeps nothing of what it was given', async () => {
    const { services } = await makeServiceDB();
    const input = { ...ECHO, tags: ['t'], meta: { a: 'b' }, checks: [{ kind: 'http', headers: { a: 'b' } }] };
    const record = await services.register(input);
    input.tags.push('u');
    input.meta.a = 'c';
    (input.checks[0] as { headers: { a: string } }).headers.a = 'c';
    expect(record).toMatchObject({ tags: ['t'], meta: { a: 'b' }, checks: [{ headers: { a: 'b' } }] });
    for (const part of [record, record.tags, record.meta, record.checks, record.checks[0]?.headers])
      expect(Object.isFrozen(part)).toBe(true);
  });

  it('is refused beyond the limit of instances, also while others are queued; renewals go on', async () => {
    const store = new ScriptedStore();
    const { services } = await makeServiceDB({ store, options: { maxInstances: 3 } });
    const three = [1, 2, 3].map((port) => services.register({ ...ECHO, port }));
    expect(() => services.register({ ...ECHO, port: 4 })).toThrow(/3 instances are registered/);
    await store.settle();
    await Promise.all(three);
    expect(() => services.register({ ...ECHO, port: 4 })).toThrow(/limit/);
    expect(await services.register({ ...ECHO, port: 1 })).toMatchObject({ port: 1 });
    void services.unregister('echo', { id: 1 });
    void services.unregister('echo', { id: 2 });
    await store.settle();
    const fourth = services.register({ ...ECHO, port: 4 });
    await store.settle();
    expect((await fourth).port).toBe(4);
  });

  it('waits for ids that come late, and gives each caller its own', async () => {
    const store = new ScriptedStore();
    store.areIdsLate = true;
    const { services } = await makeServiceDB({ store });
    const calls = Array.from({ length: 2_500 }, (_, at) => services.register({ ...ECHO, port: at + 1 }));
    for (let round = 0; round < 6; round += 1) {
      store.giveIds();
      await turn();
    }
    await store.settle();
    const ids = (await Promise.all(calls)).map(({ id }) => id);
    expect(new Set(ids).size).toBe(2_500);
  });

  it('goes on with the ids at hand while the store gives no new ones, and renews without any', async () => {
    const store = new ScriptedStore();
    const { services } = await makeServiceDB({ store });
    void services.register(ECHO);
    await store.settle();
    store.idsError = new Error('disk full');
    for (let port = 1; port < 1_000; port += 1) void services.register({ ...ECHO, port });
    await store.settle();
    expect(services.count()).toBe(1_000);
    expect(() => services.register({ ...ECHO, port: 2_000 })).toThrow('disk full');
    expect(await services.register(ECHO)).toMatchObject({ id: 1 });
    store.idsError = undefined;
    const next = services.register({ ...ECHO, port: 2_000 });
    await store.settle();
    expect((await next).id).toBe(1_001);
  });
});

describe('a registration that is wrong', () => {
  it('is told what is wrong with a port in one message', async () => {
    const { services } = await makeServiceDB();
    const message = (port: unknown) => refusal(services, { ...ECHO, port }).message;
    expect(message('port')).toBe('"port": expected a port from 1 to 65535, not "port"');
    expect(message(0)).toBe('"port": expected a port from 1 to 65535, not 0');
    expect(message(65_536)).toBe('"port": expected a port from 1 to 65535, not 65536');
    expect(message(80.5)).toBe('"port": expected a port from 1 to 65535, not 80.5');
    expect(message(Number.NaN)).toBe('"port": expected a port from 1 to 65535, not NaN');
    expect(message('')).toBe('"port": expected a port from 1 to 65535, not ""');
    expect(message(undefined)).toBe('"port": expected a port from 1 to 65535, not nothing');
    expect(message([80])).toBe('"port": expected a port from 1 to 65535, not a list or an object');
    expect(message('9'.repeat(100_000)).length).toBeLessThan(200);
  });

  const long = (length: number) => 'x'.repeat(length);
  const deep = (depth: number): unknown => (depth === 0 ? 1 : [deep(depth - 1)]);
  const circular: Record<string, unknown> = { kind: 'tcp' };
  circular.self = circular;
  let abyss: unknown = 1;
  for (let depth = 0; depth < 100_000; depth += 1) abyss = [abyss];

  it.each<[string, object, string]>([
    ['no name', { name: undefined }, '"name"'],
    ['an empty name', { name: '' }, '"name"'],
    ['a name too long', { name: long(LIMITS.name + 1) }, '"name"'],
    ['a control character in the name', { name: 'a\u0000b' }, '"name"'],
    ['a name that is a number', { name: 1 }, '"name"'],
    ['an instance too long', { instance: long(LIMITS.instance + 1) }, '"instance"'],
    ['a control character in the instance', { instance: 'a\u0000b' }, '"instance"'],
    ['a host too long', { host: long(LIMITS.host + 1) }, '"host"'],
    ['a host that is none', { host: 'not a host' }, '"host"'],
    ['a host of dots', { host: '...' }, '"host"'],
    ['a status there is not', { status: 'up' }, '"status"'],
    ['a version too long', { version: long(LIMITS.tag + 1) }, '"version"'],
    ['too many tags', { tags: Array(LIMITS.tags + 1).fill('t') }, '"tags"'],
    ['a tag too long', { tags: [long(LIMITS.tag + 1)] }, '"tags.0"'],
    [
      'too many meta entries',
      {
        meta: Object.fromEntries(Array.from({ length: LIMITS.metaEntries + 1 }, (_, at) => [`k${at}`, 'v'])),
      },
      '"meta"',
    ],
    ['a meta value too long', { meta: { k: long(LIMITS.metaValue + 1) } }, '"meta.k"'],
    ['a meta value that is no text', { meta: { k: 1 } }, '"meta.k"'],
    ['a weight below 0', { weight: -1 }, '"weight"'],
    ['a weight that is no number', { weight: Number.NaN }, '"weight"'],
    ['a zone too long', { zone: long(LIMITS.tag + 1) }, '"zone"'],
    ['a ttl too short', { ttlMs: LIMITS.ttlMs.min - 1 }, '"ttlMs"'],
    ['a ttl too long', { ttlMs: LIMITS.ttlMs.max + 1 }, '"ttlMs"'],
    ['a ttl with a fraction', { ttlMs: 1_000.5 }, '"ttlMs"'],
    ['too many checks', { checks: Array(LIMITS.checks + 1).fill({ kind: 'tcp' }) }, '"checks"'],
    ['a check without a kind', { checks: [{ port: 1 }] }, '"checks.0.kind"'],
    ['a check too large', { checks: [{ kind: 'x', text: long(LIMITS.checkBytes) }] }, '"checks.0"'],
    ['a check that is circular', { checks: [circular] }, '"checks.0"'],
    ['a check too deep', { checks: [{ kind: 'x', deep: deep(LIMITS.checkDepth) }] }, '"checks.0"'],
    ['a check that is endlessly deep', { checks: [{ kind: 'x', abyss }] }, '"checks.0"'],
    ['a check that holds a function', { checks: [{ kind: 'x', run: () => 1 }] }, '"checks.0.run"'],
    ['an unknown key', { naem: 'x' }, 'unknown key "naem". Did you mean "name"?'],
  ])('with %s is refused, and the message names the place', async (_, wrong, place) => {
    const { services } = await makeServiceDB();
    const { code, message } = refusal(services, { ...ECHO, ...wrong });
    expect(code).toBe('INVALID_ARGUMENT');
    expect(message).toContain(place);
    expect(message.length).toBeLessThan(600);
    expect(services.count()).toBe(0);
  });

  it('at each limit is accepted', async () => {
    const { services } = await makeServiceDB();
    const record = await services.register({
      name: long(LIMITS.name),
      instance: long(LIMITS.instance),
      host: `${long(63)}.${long(63)}.${long(63)}`,
      port: 65_535,
      tags: Array(LIMITS.tags).fill(long(LIMITS.tag)),
      meta: Object.fromEntries(
        Array.from({ length: LIMITS.metaEntries }, (_, at) => [`k${at}`, long(LIMITS.metaValue)]),
      ),
      ttlMs: LIMITS.ttlMs.max,
      checks: Array(LIMITS.checks).fill({ kind: 'tcp', deep: deep(LIMITS.checkDepth - 1) }),
      weight: 65_535,
    });
    expect(services.instance(long(LIMITS.name), long(LIMITS.instance))).toBe(record);
  });

  it('as a whole nothing at all is refused too', async () => {
    const { services } = await makeServiceDB();
    for (const input of [null, undefined, 1, 'x', []]) {
      expect(() => services.register(input as never)).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
      );
    }
  });
});

describe('a policy plugin on hook register', () => {
  it('amends the request, and what it made of it is checked like any other', async () => {
    const { services, hooks } = await makeServiceDB();
    hooks.register.tap('policy', (request) => ({ ...request, tags: [...request.tags, 'seen'] }));
    expect(await services.register(ECHO)).toMatchObject({ tags: ['seen'] });
    hooks.register.tap('worse', (request) => ({ ...request, port: 0 }));
    await expect(services.register(ECHO)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: '"port": expected a port from 1 to 65535, not 0',
    });
  });

  it('that moves an instance changes its address, and what was asked for is no longer answered', async () => {
    const { services, hooks } = await makeServiceDB();
    hooks.register.tap('policy', (request) => ({ ...request, host: '10.9.9.9' }));
    const record = await services.register({ ...ECHO, host: 'http://10.0.0.1' });
    expect(record).toMatchObject({ host: '10.9.9.9', instance: '10.9.9.9:9000' });
    expect(record).not.toHaveProperty('given');
  });

  it('refuses by throwing: REFUSED, with its reason, and nothing is registered', async () => {
    const { services, hooks, commits } = await makeServiceDB();
    hooks.register.tap('policy', () => {
      throw new Error('no such team');
    });
    await expect(services.register(ECHO)).rejects.toMatchObject({
      code: 'REFUSED',
      message: expect.stringContaining('no such team'),
    });
    expect(commits).toEqual([]);
  });

  it('that answers nonsense is refused in words', async () => {
    const { services, hooks } = await makeServiceDB();
    hooks.register.tap('policy', () => null as never);
    await expect(services.register(ECHO)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('does not see what another server registers', async () => {
    const store = new ScriptedStore();
    const { services, hooks } = await makeServiceDB({ store });
    let asked = 0;
    hooks.register.tap('policy', (request) => {
      asked += 1;
      return request;
    });
    const value = {
      ...{ ...ECHO, id: 1, instance: 'a', tags: [], meta: {}, weight: 1, checks: [], owner: 'x' },
      ...{ home: 'there', reported: 'running', registeredAt: 1, updatedAt: 1 },
    };
    store.foreign([{ collection: 'instances', key: 'echo\u0000a', value }]);
    expect([services.count(), asked]).toEqual([1, 0]);
  });
});
