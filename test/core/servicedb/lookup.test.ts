import { describe, expect, it, vi } from 'vitest';
import { type Rows, RowsView } from '../../../core/microdb/bucket.js';
import type { ServiceRecord } from '../../../core/servicedb/record.js';
import { makeServiceDB } from '../../support/make-servicedb.js';

const HOST = { host: '10.0.0.1', port: 9000 };

async function three() {
  const made = await makeServiceDB();
  for (const instance of ['a', 'b', 'c']) await made.services.register({ ...HOST, name: 'echo', instance });
  const lookedUp = () => made.services.lookup('echo').records.map(({ instance }) => instance);
  return { ...made, lookedUp };
}

describe('lookup', () => {
  it('answers the running instances; where none runs, the degraded ones; and no others', async () => {
    const { services, lookedUp } = await three();
    expect(lookedUp()).toEqual(['a', 'b', 'c']);
    await services.updateStatus('echo', 'degraded', { instance: 'a' });
    expect(lookedUp()).toEqual(['b', 'c']);
    await services.updateStatus('echo', 'stopped', { instance: 'b' });
    services.observe('echo', 'c', { status: 'error', reason: 'x' });
    expect(lookedUp()).toEqual(['a']);
    await services.manage('echo', 'a', { status: 'draining', reason: 'x' });
    expect(services.lookup('echo')).toEqual({ records: [], stale: [] });
    expect(services.lookup('nobody')).toEqual({ records: [], stale: [] });
  });

  it('takes a query on top of the name', async () => {
    const { services } = await three();
    await services.register({ ...HOST, name: 'echo', instance: 'd', zone: 'z', tags: ['blue'] });
    await services.register({ ...HOST, name: 'other', zone: 'z' });
    const found = (query: object) =>
      services.lookup('echo', query as never).records.map((one) => one.instance);
    expect(found({ zone: 'z' })).toEqual(['d']);
    expect(found({ tags: 'blue' })).toEqual(['d']);
    expect(found({ name: 'other' })).toEqual([]);
    expect(() => services.lookup('echo', { port: { $nope: 1 } })).toThrow(
      expect.objectContaining({ code: 'INVALID_QUERY' }),
    );
  });
});

describe('taking turns', () => {
  it('goes round those that run, and any where it does not matter', async () => {
    const { services } = await three();
    const four = (next: 'next' | 'nextOfAny') =>
      Array.from({ length: 6 }, () => services[next]('echo')?.instance).toSorted();
    expect(four('next')).toEqual(['a', 'a', 'b', 'b', 'c', 'c']);
    await services.updateStatus('echo', 'stopped', { instance: 'a' });
    expect(four('next')).toEqual(['b', 'b', 'b', 'c', 'c', 'c']);
    await services.updateStatus('echo', 'stopped');
    expect(services.next('echo')).toBeUndefined();
    expect(four('nextOfAny')).toEqual(['a', 'a', 'b', 'b', 'c', 'c']);
    expect(services.nextOfAny('nobody')).toBeUndefined();
  });
});

describe('one instance that is meant by its id', () => {
  it('is found without a look at the others of its name, and only under its own name', async () => {
    const { services } = await three();
    const id = services.instance('echo', 'b')?.id ?? 0;
    const rows: Rows<ServiceRecord> = RowsView.prototype;
    const all = vi.spyOn(rows, Symbol.iterator);
    try {
      expect(services.heartbeat('echo', { id })).toBe(1);
      expect(services.heartbeat('echo', { id, instance: 'a' })).toBe(0);
      expect(services.heartbeat('other', { id })).toBe(0);
      expect(services.heartbeat('echo', { id: 99 })).toBe(0);
      expect(await services.updateStatus('echo', 'draining', { id })).toBe(1);
      expect(await services.unregister('other', { id })).toBe(0);
      expect(await services.unregister('echo', { id })).toBe(1);
      expect(await services.unregister('echo', { id })).toBe(0);
      expect(all).not.toHaveBeenCalled();
    } finally {
      all.mockRestore();
    }
    expect(services.countOf('echo')).toBe(2);
  });
});

describe('reading', () => {
  it('by id, by name and instance, by name', async () => {
    const { services } = await three();
    const b = services.instance('echo', 'b');
    expect(services.get(2)).toBe(b);
    expect(services.get(99)).toBeUndefined();
    expect(services.instance('echo', 'x')).toBeUndefined();
    expect([...services.instances('echo')]).toHaveLength(3);
    expect([...services.instances('nobody')]).toEqual([]);
  });

  it('by query: find and count agree, and a bad query is INVALID_QUERY', async () => {
    const { services } = await three();
    await services.register({ ...HOST, name: 'other', port: 1 });
    expect(services.count()).toBe(4);
    expect(services.count({ port: { $gt: 80 } })).toBe(3);
    expect(services.find({ port: { $gt: 80 } }, { sort: { instance: -1 }, limit: 1 })[0]?.instance).toBe('c');
    expect(services.find()).toHaveLength(4);
    const invalid = expect.objectContaining({ code: 'INVALID_QUERY' });
    expect(() => services.find({ $where: 'x' })).toThrow(invalid);
    expect(() => services.count({ port: { $bad: 1 } })).toThrow(invalid);
    expect(() => services.find(7 as never)).toThrow(invalid);
    expect(() => services.find({}, { limit: -1 })).toThrow(invalid);
  });

  it('everything in one pass, and the names with how many instances each has and runs', async () => {
    const { services } = await three();
    await services.register({ ...HOST, name: 'other' });
    expect([...services.traverse()].map(({ name }) => name)).toEqual(['echo', 'echo', 'echo', 'other']);
    expect([...services.names()]).toEqual([
      { name: 'echo', instances: 3, running: 3 },
      { name: 'other', instances: 1, running: 1 },
    ]);
    await services.unregister('other');
    await services.updateStatus('echo', 'draining', { instance: 'a' });
    services.observe('echo', 'b', { status: 'degraded', reason: 'x' });
    expect([...services.names()]).toEqual([{ name: 'echo', instances: 3, running: 1 }]);
    await services.unregister('echo', { instance: 'b' });
    await services.updateStatus('echo', 'running');
    expect([...services.names()]).toEqual([{ name: 'echo', instances: 2, running: 2 }]);
  });

  it('goes on while records change', async () => {
    const { services } = await three();
    const met: string[] = [];
    for (const { instance } of services.instances('echo')) {
      met.push(instance);
      await services.unregister('echo', { instance });
    }
    expect(met).toEqual(['a', 'b', 'c']);
    expect(services.count()).toBe(0);
  });

  it('answers what there is also of a service with so many instances that what was found is kept', async () => {
    const { services } = await makeServiceDB();
    const names = Array.from({ length: 100 }, (_, at) => `i${at}`);
    const add = (name: string, instance: string) => services.register({ ...HOST, name, instance });
    for (const instance of names) await add('many', instance);
    for (const instance of names) await add('most', instance);
    for (const instance of names) await add('most', `${instance}b`);
    const isRight = () => {
      const all = [...services.instances('many')];
      const expected = {
        records: all.filter(({ status }) => status === 'running'),
        stale: all.filter((record) => services.isStale(record)),
      };
      // Found for this call, and then kept.
      expect(services.lookup('many')).toEqual(expected);
      expect(services.lookup('many')).toEqual(expected);
    };
    isRight();
    const turns = new Set(names.map(() => services.next('many')?.instance));
    expect(turns.size).toBe(100);
    services.observe('many', 'i7', { status: 'error', reason: 'x' });
    isRight();
    await services.updateStatus('many', 'stopped', { instance: 'i8' });
    isRight();
    // So many others fall silent that i7 is stale, without a change of its own, until these are back.
    const observe = (error: boolean) => {
      for (const { instance } of services.instances('most')) {
        services.observe('most', instance, error ? { status: 'error', reason: 'x' } : undefined);
      }
    };
    observe(true);
    expect(services.lookup('many').stale.map(({ instance }) => instance)).toEqual(['i7']);
    isRight();
    observe(false);
    expect(services.lookup('many').stale).toEqual([]);
    isRight();
    await services.unregister('many', { instance: 'i9' });
    await add('many', 'i100');
    isRight();
    await services.unregister('many');
    isRight();
  });
});
