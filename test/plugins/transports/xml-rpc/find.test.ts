import { describe, expect, it } from 'vitest';
import type { XmlRpcValue } from '../../../../plugins/transports/xml-rpc/values.js';
import { makeXmlRpcDoor, PassingClock } from '../../../support/xml-rpc-door.js';

type Instance = { readonly id: number; readonly port: number; readonly name: string };

/** So many instances of each of the names, in turn. */
async function filled(
  count: number,
  names: readonly string[],
  given: Parameters<typeof makeXmlRpcDoor>[0] = {},
) {
  const made = await makeXmlRpcDoor(given);
  for (let n = 0; n < count; n++) {
    const name = names[n % names.length] as string;
    await made.services.register({ name, host: '10.0.0.1', port: 1 + (n % 65_535), instance: `i${n}` });
  }
  const find = async (query: XmlRpcValue, options: XmlRpcValue = {}) =>
    (await made.call('find', query, options)) as unknown as Instance[];
  return { ...made, find };
}

describe('find', () => {
  it.each([
    ['few', 30],
    ['many', 3_000],
  ])(
    'of %s pages by after: each instance once, in the order of ids, whatever comes and goes meanwhile',
    async (_, count) => {
      const { find, services } = await filled(count, ['even', 'odd']);
      for (const query of [{}, { name: 'odd' }]) {
        const wanted = services
          .find(query)
          .map(({ id }) => id)
          .toSorted((a, b) => a - b);
        const seen: number[] = [];
        for (let page = await find(query, { limit: 7 }); page.length > 0; ) {
          seen.push(...page.map(({ id }) => id));
          // One of those seen goes, and another comes under a new id.
          if (seen.length < 20) {
            await services.unregister('odd', { id: seen[1] as number });
            await services.register({
              name: 'odd',
              host: '10.0.0.1',
              port: 9,
              instance: `new ${seen.length} ${query.name}`,
            });
          }
          page = await find(query, { limit: count === 30 ? 7 : 700, after: seen.at(-1) as number });
        }
        expect(seen.slice(0, wanted.length)).toEqual(wanted);
        expect(seen).toEqual([...new Set(seen)]);
        expect(seen.length).toBeGreaterThan(wanted.length);
      }
    },
  );

  it('asks for members by the names that docs/xml-rpc.md says', async () => {
    const { call, find, clock } = await filled(3, ['a']);
    clock.advance(60_000);
    const details = { ttl: '30s', meta: { color: 'blue' }, tags: ['x', 'y'] };
    const id = (await call('register', 'b', '10.0.0.1', 9000, -1, details)) as number;
    const since = { $gt: clock.now() - 1_000 };
    for (const query of [
      { status: 'error' },
      { ttlMs: 30_000 },
      { registeredAt: since, updatedAt: since },
      { 'meta.color': 'blue' },
      { tags: 'y' },
    ]) {
      expect((await find(query)).map((found) => found.id)).toEqual([id]);
    }
    expect((await find({}, { sort: { registeredAt: -1 }, limit: 1 }))[0]).toMatchObject({ id });
  });

  it('sorts and skips, and says why after cannot be used with sort', async () => {
    const { find } = await filled(1_500, ['a', 'b', 'c']);
    const ports = (found: Instance[]) => found.map(({ port }) => port);
    expect(ports(await find({ name: 'a' }, { sort: { port: -1 }, limit: 3 }))).toEqual([1_498, 1_495, 1_492]);
    expect(ports(await find({}, { sort: { name: -1, port: 1 }, skip: 1, limit: 2 }))).toEqual([6, 9]);
    expect(ports(await find({}, { skip: 10, limit: 2 }))).toEqual([11, 12]);
    expect(ports(await find({}, { sort: {}, after: 1_499 }))).toEqual([1_500]);
    await expect(find({}, { sort: { port: 1 }, after: 3 })).rejects.toMatchObject({
      faultCode: -32602,
      message: expect.stringContaining('after cannot be used with sort, since'),
    });
  });

  it.each<[string, XmlRpcValue, string]>([
    ['an unknown option', { afer: 1 }, 'unknown key "afer". Did you mean "after"?'],
    ['a limit beyond the limit', { limit: 10_001 }, '"limit": Too big'],
    ['no limit at all', { limit: 0 }, '"limit": Too small'],
    ['an after that is no id', { after: 'x' }, '"after": Invalid input: expected number'],
    [
      'a sort in no direction',
      { sort: { port: 2 } },
      '"sort.port": expected 1 for ascending or -1 for descending, not 2',
    ],
    ['a sort by what nothing is sorted by', { sort: JSON.parse('{"__proto__":1}') }, '"sort.__proto__"'],
  ])('refuses %s', async (_, options, message) => {
    const { find } = await filled(1, ['a']);
    await expect(find({}, options)).rejects.toMatchObject({
      faultCode: -32602,
      message: expect.stringContaining(message),
    });
  });

  it.each<[string, XmlRpcValue]>([
    ['more than 2,000 values', { port: { $in: Array.from({ length: 2_000 }, (_, at) => at) } }],
    ['more than two patterns', { $or: ['a', 'b', 'c'].map(($regex) => ({ name: { $regex } })) }],
  ])('refuses a query with %s, which takes long to understand', async (_, query) => {
    const { call, find } = await filled(1, ['a']);
    const refused = {
      faultCode: 1009,
      message: expect.stringContaining('at most 2000 values and 2 patterns'),
    };
    await expect(find(query)).rejects.toMatchObject(refused);
    await expect(call('lookup', 'a', query)).rejects.toMatchObject(refused);
    expect(await find({ port: { $in: Array.from({ length: 1_990 }, (_, at) => at) } })).toHaveLength(1);
  });

  it.each<[XmlRpcValue, string]>([
    [{ status: 1 }, 'one of running, degraded'],
    [{ status: { $in: ['error', 'dead'] } }, 'not "dead"'],
    [{ $or: [{ name: 'a' }, { status: { $ne: -1 } }] }, 'not "-1"'],
    [{ registered_at: 1 }, 'names registeredAt'],
    [{ $and: [{ ttl: 1_000 }] }, 'names ttlMs'],
  ])('refuses %j, which would find nothing and not say why', async (query, message) => {
    const { find } = await filled(1, ['a']);
    await expect(find(query)).rejects.toMatchObject({
      faultCode: 1009,
      message: expect.stringContaining(message),
    });
    expect(
      await find({ status: { $in: ['error', 'running'] }, 'meta.ttl': { $exists: false } }),
    ).toHaveLength(1);
  });

  it('finds by a pattern, and none keeps the registry busy', async () => {
    const { call, find } = await filled(1, ['a'.repeat(200)]);
    for (const $regex of ['(a+)+$', '^(a|aa)+$']) {
      expect(await find({ name: { $regex } })).toHaveLength(1);
      expect(await find({ name: { $regex: `${$regex.slice(0, -1)}!` } })).toEqual([]);
    }
    expect(await call('lookup', 'a'.repeat(200), { host: { $regex: '^10\\.' } })).toHaveLength(1);
    await expect(find({ name: { $regex: '(?=a)' } })).rejects.toMatchObject({ faultCode: 1009 });
  });

  it('does not sort more than it can in short', async () => {
    const { find } = await filled(20_001, ['a']);
    await expect(find({}, { sort: { port: 1 } })).rejects.toMatchObject({
      faultCode: 1005,
      message: expect.stringContaining('page with after'),
    });
    expect(await find({ port: { $lt: 4 } }, { sort: { port: -1 } })).toHaveLength(3);
  });
});

describe('an answer beyond the bound', () => {
  const tooLarge = {
    faultCode: 1307,
    message: expect.stringMatching(
      /longer than 40000 characters.*use find with a limit.*id of its last instance as after/,
    ),
  };

  it.each<[string, readonly XmlRpcValue[]]>([
    ['find', []],
    ['find', [{ name: 'a' }, { sort: { port: 1 } }]],
    ['lookup', ['a']],
    ['get_all_service_details', []],
    ['list_services', []],
  ])('of %s is a fault that says how to ask for less', async (method, params) => {
    const names = Array.from({ length: 600 }, (_, n) => (n < 400 ? 'a' : `${n}`));
    const { call } = await filled(1_200, names, { maxAnswer: 40_000 });
    await expect(call(method, ...params)).rejects.toMatchObject(tooLarge);
  });

  it('can be had in pages, as it says', async () => {
    const { find } = await filled(300, ['a'], { maxAnswer: 70_000 });
    const seen: number[] = [];
    for (let page = await find({}, { limit: 40 }); page.length > 0; ) {
      seen.push(...page.map(({ id }) => id));
      page = await find({}, { limit: 40, after: seen.at(-1) as number });
    }
    expect(seen).toHaveLength(300);
  });
});

describe('a long read', () => {
  it.each<[string, readonly XmlRpcValue[]]>([
    ['find', [{ port: { $lt: 3 } }]],
    ['lookup', ['a', { port: { $lt: 3 } }]],
    ['list_services', []],
    ['get_all_service_details', []],
  ])('by %s lets others be answered meanwhile, and answers as if it had not', async (method, params) => {
    const names = method === 'list_services' ? Array.from({ length: 1_500 }, (_, n) => `s${n}`) : ['a'];
    const inOne = await filled(1_500, names);
    const inTurns = await filled(1_500, names, { clock: new PassingClock(5) });
    let isDone = false;
    const long = inTurns.call(method, ...params).finally(() => {
      isDone = true;
    });
    const others: boolean[] = [];
    for (let n = 0; n < 3; n++) {
      await new Promise((resolve) => setImmediate(resolve));
      expect(await inTurns.call('get_reg_count')).toBe(1_500);
      others.push(isDone);
    }
    expect(others[0]).toBe(false);
    expect(await long).toEqual(await inOne.call(method, ...params));
  });

  it('is also a lookup of some dozens of instances, each of which may be long', async () => {
    const { call } = await filled(60, ['a'], { clock: new PassingClock(5) });
    let isDone = false;
    const long = call('lookup', 'a').finally(() => {
      isDone = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isDone).toBe(false);
    expect(await long).toHaveLength(60);
  });

  it('ends when its caller has gone', async () => {
    const gone = new AbortController();
    const { call } = await filled(1_500, ['a'], { clock: new PassingClock(5), signal: gone.signal });
    const long = call('find', { port: -1 });
    gone.abort();
    await expect(long).rejects.toMatchObject({ faultCode: -32300 });
  });
});

describe('a lookup of very many', () => {
  it('answers what a lookup of few does: the running ones, else the degraded ones, and what is stale', async () => {
    const { call, services } = await filled(1_100, ['a']);
    expect(await call('lookup', 'a')).toHaveLength(1_100);
    expect(await call('lookup', 'a', { port: { $lte: 10 } })).toHaveLength(10);
    for (let n = 0; n < 1_100; n++) {
      const instance = `i${n}`;
      if (n < 5) await services.updateStatus('a', 'degraded', { instance });
      else services.observe('a', instance, { status: 'error', reason: 'x' });
    }
    const found = (await call('lookup', 'a')) as unknown as { status: number; stale?: boolean }[];
    expect(found.filter(({ status }) => status === 4)).toHaveLength(5);
    expect(found.filter(({ stale }) => stale === true).map(({ status }) => status)).toEqual(
      Array.from({ length: found.length - 5 }, () => -1),
    );
    expect(found.length).toBeGreaterThan(500);
  });
});
