import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { ServiceRecord } from '../../../core/servicedb/record.js';
import { SortedIds } from '../../../core/servicedb/sorted-ids.js';
import { makeServiceDB } from '../../support/make-servicedb.js';

const HOST = { host: '10.0.0.1', port: 9000 };

/** So many instances, every other one of `even`, the others of `odd`. */
async function many(count: number) {
  const made = await makeServiceDB();
  for (let n = 1; n <= count; n++) {
    await made.services.register({
      ...HOST,
      name: n % 2 === 0 ? 'even' : 'odd',
      instance: `i${n}`,
      port: 1 + (n % 10),
    });
  }
  return made;
}

function ids(found: Iterable<ServiceRecord | undefined>): number[] {
  return [...found].flatMap((record) => record?.id ?? []);
}

describe('a search', () => {
  it.each([
    ['that an index leaves few of', 10],
    ['that an index leaves many of', 2_600],
  ])('%s gives in the order of ids what find gives, above the last one seen', async (_, count) => {
    const { services } = await many(count);
    // Renewed, it keeps its id and its place.
    await services.register({ ...HOST, name: 'even', instance: 'i2', port: 4_000 });
    for (const query of [
      {},
      { name: 'even' },
      { port: 3 },
      { name: 'odd', port: { $gt: 5 } },
      { name: 'nobody' },
    ]) {
      const all = services
        .find(query)
        .map(({ id }) => id)
        .toSorted((a, b) => a - b);
      expect(ids(services.search(query))).toEqual(all);
      expect(ids(services.search(query, 5))).toEqual(all.filter((id) => id > 5));
    }
  });

  it('may be left for as long as one likes, and then goes on with what there is', async () => {
    const { services } = await many(2_600);
    for (const query of [{}, { name: 'even' }]) {
      const found: number[] = [];
      let isChanged = false;
      for (const record of services.search(query)) {
        if (record !== undefined) found.push(record.id);
        else if (!isChanged) {
          isChanged = true;
          await services.unregister('even', { instance: 'i2600' });
          await services.register({ ...HOST, name: 'even', instance: `late ${JSON.stringify(query)}` });
        }
      }
      expect(isChanged).toBe(true);
      expect(found).not.toContain(2_600);
      expect(found).toEqual([...new Set(found)].toSorted((a, b) => a - b));
      expect(found.length).toBeGreaterThan(1_290);
    }
  });

  it('of few, too, gives what there is when its turn comes', async () => {
    const { services } = await many(6);
    const found: number[] = [];
    for (const record of services.search({ name: 'even', port: { $gt: 1 } })) {
      found.push(record?.id ?? 0);
      if (found.length > 1) continue;
      await services.unregister('even', { instance: 'i4' });
      await services.register({ ...HOST, name: 'even', instance: 'i6', port: 1 });
    }
    expect(found).toEqual([2]);
  });

  it('has places to pause at, also where nothing is found', async () => {
    const { services } = await many(1_500);
    const steps = [...services.search({ port: 77 })];
    expect(steps.length).toBeGreaterThan(10);
    expect(ids(steps)).toEqual([]);
  });

  it('pauses the more often the more a query holds, or where it looks for a pattern', async () => {
    const { services } = await many(300);
    const pauses = (query: object) =>
      [...services.search({ port: 77, ...query })].filter((step) => step === undefined).length;
    const wide = Array.from({ length: 2_000 }, (_, n) => `zone ${n}`);
    expect(pauses({})).toBeLessThan(5);
    for (const query of [{ zone: { $nin: wide } }, { 'meta.color': { $regex: '^b' } }]) {
      expect(services.strideOf(query)).toBe(1);
      expect(pauses(query)).toBeGreaterThanOrEqual(300);
      expect(pauses({ name: 'even', ...query })).toBeGreaterThanOrEqual(150);
    }
  });

  it('makes what is held against them once, also where all that it found have changed', async () => {
    const { services } = await many(600);
    const matcher = vi.spyOn(services, 'matcher');
    let isChanged = false;
    const found: number[] = [];
    for (const record of services.search({ name: 'even', status: 'running' })) {
      if (record !== undefined) found.push(record.id);
      else if (!isChanged) {
        isChanged = true;
        await services.updateStatus('even', 'error');
        await services.updateStatus('even', 'running', { id: 2 });
      }
    }
    expect(isChanged).toBe(true);
    expect(found).toEqual([2]);
    expect(matcher.mock.calls.length).toBeLessThan(3);
  });

  it('says at the first step what is wrong with a query', async () => {
    for (const count of [1, 1_100]) {
      const { services } = await many(count);
      expect(() => services.search({ port: { $nope: 1 } }).next()).toThrow(
        expect.objectContaining({ code: 'INVALID_QUERY' }),
      );
      expect(() => services.search(7 as never).next()).toThrow(
        expect.objectContaining({ code: 'INVALID_QUERY' }),
      );
    }
  });
});

describe('ids in order', () => {
  it('are what a sorted set of them is, however they come and go', () => {
    const step = fc.record({ id: fc.integer({ min: 1, max: 6_000 }), isAdded: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 0, max: 6_001 }), (steps, after) => {
        const sorted = new SortedIds();
        const model = new Set<number>();
        for (let id = 2; id <= 5_000; id += 2) {
          sorted.add(id);
          model.add(id);
        }
        for (const { id, isAdded } of steps) {
          if (isAdded) sorted.add(id);
          else sorted.remove(id);
          if (isAdded) model.add(id);
          else model.delete(id);
        }
        const all = [...model].toSorted((a, b) => a - b);
        expect(sorted.after(0, 10_000)).toEqual(all);
        expect(sorted.after(after, 7)).toEqual(all.filter((id) => id > after).slice(0, 7));
      }),
      { numRuns: 50 },
    );
  });

  it('fill up again after all of them have gone', () => {
    const sorted = new SortedIds();
    for (let id = 1; id <= 3_000; id++) sorted.add(id);
    for (let id = 3_000; id >= 1; id--) sorted.remove(id);
    expect(sorted.after(0, 10)).toEqual([]);
    for (let id = 3_000; id >= 1; id--) sorted.add(id);
    expect(sorted.after(2_990, 100)).toEqual([2991, 2992, 2993, 2994, 2995, 2996, 2997, 2998, 2999, 3000]);
    expect(sorted.after(0, 5_000)).toHaveLength(3_000);
  });
});
