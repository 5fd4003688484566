import { describe, expect, it } from 'vitest';
import type { Changes } from '../../../core/index.js';
import { makeServiceDB } from '../../support/make-servicedb.js';

const ECHO = { name: 'echo', instance: 'a', host: '10.0.0.1', port: 9000 };

describe('watching', () => {
  it('without a cursor answers where to begin', async () => {
    const { services } = await makeServiceDB();
    expect(services.changesSince(undefined)).toEqual({ cursor: services.cursor, changes: [], isReset: true });
  });

  it('with a cursor answers what came since, each change with what was before', async () => {
    const { services } = await makeServiceDB();
    const start = services.cursor;
    const first = await services.register(ECHO);
    const middle = services.cursor;
    const second = await services.register({ ...ECHO, port: 9001 });
    await services.unregister('echo');
    expect(services.changesSince(start)).toEqual({
      cursor: services.cursor,
      isReset: false,
      changes: [
        { record: first, previous: undefined },
        { record: second, previous: first },
        { record: undefined, previous: second },
      ],
    });
    expect(services.changesSince(middle).changes).toHaveLength(2);
    expect(services.changesSince(services.cursor).changes).toEqual([]);
  });

  it('is not told of what is none of the services', async () => {
    const { services, catalogue } = await makeServiceDB();
    const start = services.cursor;
    const changes = [{ collection: 'notes', key: 'k', value: { a: 1 } }];
    await catalogue.write(() => ({ changes, answer: () => 1 }), { who: 'x', door: 'y' }, 'durable');
    expect(services.changesSince(start).changes).toEqual([]);
  });

  it('with a cursor of another epoch, of the future, or of nonsense is told to begin anew', async () => {
    const { services } = await makeServiceDB();
    await services.register(ECHO);
    const [epoch = ''] = services.cursor.split(':');
    const cursors = [
      'other:1',
      `${epoch}:2`,
      `${epoch}:9999999999999999`,
      `${epoch}:-1`,
      `${epoch}:1.5`,
      `${epoch}:`,
      epoch,
      '',
      ':1',
      'x'.repeat(100_000),
    ];
    for (const cursor of cursors) {
      expect(services.changesSince(cursor), cursor.slice(0, 50)).toEqual({
        cursor: services.cursor,
        changes: [],
        isReset: true,
      });
    }
  });

  it('that was away too long is told to begin anew', async () => {
    const { services } = await makeServiceDB();
    const start = services.cursor;
    for (let port = 1; port <= 10_001; port += 1) await services.register({ ...ECHO, port });
    expect(services.changesSince(start).isReset).toBe(true);
  });

  it('by a callback is told of each commit as it happens, and no more once it is closed', async () => {
    const { services } = await makeServiceDB();
    const told: Changes[] = [];
    const watch = services.watch(undefined, (changes) => told.push(changes));
    const first = await services.register(ECHO);
    const cursor = services.cursor;
    await services.unregister('echo');
    watch.close();
    await services.register(ECHO);
    expect(told).toEqual([
      { cursor, isReset: false, changes: [{ record: first, previous: undefined }] },
      { cursor: expect.any(String), isReset: false, changes: [{ record: undefined, previous: first }] },
    ]);
    expect(services.changesSince(cursor).changes[0]).toEqual(told[1]?.changes[0]);
  });

  it('by a callback with a cursor begins with what was missed, or with word that it is not all kept', async () => {
    const { services } = await makeServiceDB();
    const start = services.cursor;
    const record = await services.register(ECHO);
    const told: Changes[] = [];
    services.watch(start, (changes) => told.push(changes));
    expect(told).toEqual([
      { cursor: services.cursor, isReset: false, changes: [{ record, previous: undefined }] },
    ]);
    for (const cursor of ['another:1', 'nonsense', '']) {
      const all: Changes[] = [];
      services.watch(cursor, (changes) => all.push(changes));
      expect(all, cursor).toEqual([{ cursor: services.cursor, isReset: true, changes: [] }]);
      await services.updateStatus('echo', all.length % 2 === 0 ? 'running' : 'error');
      await services.updateStatus('echo', 'running');
      expect(all.length, cursor).toBeGreaterThan(1);
    }
  });

  it('by a callback that throws harms neither the caller nor other watchers', async () => {
    const { services } = await makeServiceDB();
    let calls = 0;
    services.watch(undefined, () => {
      throw new Error('broken');
    });
    services.watch(undefined, () => {
      calls += 1;
    });
    expect((await services.register(ECHO)).name).toBe('echo');
    expect(calls).toBe(1);
  });
});
