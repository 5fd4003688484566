import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../core/json.js';
import { makeServiceDB } from '../support/make-servicedb.js';
import { ScriptedStore, turn } from '../support/scripted-store.js';

const ECHO = { name: 'echo', instance: 'a', host: '10.0.0.1', port: 9000 };
const BY = { who: 'test', door: 'test' };

async function make() {
  const store = new ScriptedStore();
  return { ...(await makeServiceDB({ store })), store };
}

async function scripted() {
  const store = new ScriptedStore();
  const made = await makeServiceDB({ store });
  const put = (key: string, value: JsonObject, collection = 'notes') =>
    made.catalogue.write(
      () => ({ changes: [{ collection, key, value: Object.freeze(value) }], answer: () => key }),
      BY,
      'durable',
    ) as Promise<string>;
  /** Adds one to a counter, so that a change shows what it was built on. */
  const add = (key = 'n') =>
    made.catalogue.write(
      () => {
        const n = Number(made.catalogue.valueOf('notes', key)?.n ?? 0) + 1;
        return { changes: [{ collection: 'notes', key, value: Object.freeze({ n }) }], answer: () => n };
      },
      BY,
      'durable',
    ) as Promise<number>;
  const note = (key: string) => made.catalogue.shelf('notes').valueOf('notes', key);
  return { ...made, store, put, add, note };
}

describe('changes that wait for the store', () => {
  it('two registrations of one instance that arrive together become one record with one id', async () => {
    const { services, store } = await make();
    const both = Promise.all([services.register(ECHO), services.register({ ...ECHO, port: 9001 })]);
    expect(services.count()).toBe(0);
    await store.settle();
    const [first, second] = await both;
    expect(second).toMatchObject({ id: first.id, port: 9001 });
    expect(services.find()).toHaveLength(1);
  });

  it('an identical registration behind a queued one is no commit, and is answered', async () => {
    const { services, store } = await make();
    const first = services.register(ECHO);
    const second = services.register(ECHO);
    expect(store.waiting).toHaveLength(1);
    await store.settle();
    await Promise.all([first, second]);
    expect(services.count()).toBe(1);
  });

  it('an unregister behind a queued register removes it', async () => {
    const { services, store } = await make();
    const registered = services.register(ECHO);
    const gone = services.unregister('echo');
    await store.settle();
    expect(await gone).toBe(1);
    expect((await registered).name).toBe('echo');
    expect(services.count()).toBe(0);
  });

  it('a register behind a queued unregister gets a new id', async () => {
    const { services, store } = await make();
    const first = services.register(ECHO);
    await store.settle();
    const gone = services.unregister('echo');
    const second = services.register(ECHO);
    await store.settle();
    expect(await gone).toBe(1);
    expect((await second).id).toBeGreaterThan((await first).id);
    expect(services.count()).toBe(1);
  });

  it('a status update and an unregister reach an instance that is still queued', async () => {
    const { services, store } = await make();
    void services.register(ECHO);
    const updated = services.updateStatus('echo', 'degraded');
    const other = services.unregister('other');
    await store.settle();
    expect(await updated).toBe(1);
    expect(await other).toBe(0);
    expect(services.instance('echo', 'a')?.status).toBe('degraded');
  });

  it('when the first is refused, what was built on it is built anew', async () => {
    const { add, note, store } = await scripted();
    const first = add();
    const second = add();
    store.refuse('STORE_FULL');
    await expect(first).rejects.toMatchObject({ code: 'STORE_FULL' });
    await store.settle();
    expect(await second).toBe(1);
    expect(note('n')).toEqual({ n: 1 });
  });

  it('a long queue on one key survives the refusal of its first', async () => {
    const { add, note, store } = await scripted();
    const first = add();
    const others = Array.from({ length: 50 }, () => add());
    store.refuse('STORE_FULL');
    await expect(first).rejects.toMatchObject({ code: 'STORE_FULL' });
    await store.settle();
    expect((await Promise.all(others)).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 50 }, (_, at) => at + 1),
    );
    expect(note('n')).toEqual({ n: 50 });
  });

  it('a full disk refuses a whole queue, each caller with its own answer', async () => {
    const { services, store } = await make();
    const calls = [services.register(ECHO), services.updateStatus('echo', 'degraded')];
    store.refuse('STORE_FULL');
    await expect(calls[0]).rejects.toMatchObject({ code: 'STORE_FULL' });
    await store.settle();
    expect(await calls[1]).toBe(0);
  });

  it('another server changes the key first: the change is built anew on what that left', async () => {
    const { add, note, store } = await scripted();
    const mine = add();
    store.foreign([{ collection: 'notes', key: 'n', value: { n: 10 } }]);
    await store.settle();
    expect(await mine).toBe(11);
    expect(note('n')).toEqual({ n: 11 });
  });

  it('another server registers the instance first: it keeps that id and no id is given twice', async () => {
    const { services, store } = await make();
    const mine = services.register(ECHO);
    const { id: _, ...theirs } = {
      ...ECHO,
      id: 0,
      tags: [],
      meta: {},
      weight: 1,
      checks: [],
      owner: 'x',
      home: 'there',
      reported: 'running',
      registeredAt: 1,
      updatedAt: 1,
    };
    store.foreign([{ collection: 'instances', key: 'echo\u0000a', value: { ...theirs, id: 77 } }]);
    await store.settle();
    expect(await mine).toMatchObject({ id: 77, home: 'here' });
  });

  it('a key that keeps changing under a write is given up with CONFLICT, and the process does not hang', async () => {
    const { add, store } = await scripted();
    const mine = add();
    const given = expect(mine).rejects.toMatchObject({ code: 'CONFLICT' });
    for (let n = 0; store.waiting.length > 0; n += 1) {
      store.foreign([{ collection: 'notes', key: 'n', value: { n } }]);
      store.place();
      await turn();
    }
    await given;
  });

  it('an unknown end is said, and what the feed brings later still counts', async () => {
    const { services, store } = await make();
    const call = services.register(ECHO);
    const lost = store.lose();
    await expect(call).rejects.toMatchObject({ code: 'STORE_UNKNOWN' });
    expect(services.count()).toBe(0);
    lost.deliver();
    expect(services.count()).toBe(1);
    expect(services.register(ECHO)).toBeInstanceOf(Object);
    expect(store.waiting).toEqual([]);
  });

  it('a call that ended unknown can be repeated before the feed has decided', async () => {
    const { services, store } = await make();
    const call = services.register(ECHO);
    store.lose();
    await expect(call).rejects.toMatchObject({ code: 'STORE_UNKNOWN' });
    const again = services.register(ECHO);
    await store.settle();
    expect((await again).name).toBe('echo');
  });

  it('the feed may come before the answer: the record is there, the caller waits', async () => {
    const { services, store } = await make();
    let isAnswered = false;
    const call = Promise.resolve(services.register(ECHO)).then(() => {
      isAnswered = true;
    });
    const placed = store.place();
    placed?.deliver();
    await turn();
    expect(services.count()).toBe(1);
    expect(isAnswered).toBe(false);
    placed?.answer();
    await call;
  });

  it('the answer may come before the feed: the caller waits for the feed, and reads its own write', async () => {
    const { services, store } = await make();
    let count = -1;
    const call = Promise.resolve(services.register(ECHO)).then(() => {
      count = services.count();
    });
    const placed = store.place();
    placed?.answer();
    await turn();
    expect(count).toBe(-1);
    placed?.deliver();
    await call;
    expect(count).toBe(1);
  });

  it('between the answer and the feed a change is still laid over what is committed', async () => {
    const { add, note, store } = await scripted();
    const first = add();
    const placed = store.place();
    placed?.answer();
    await turn();
    const second = add();
    placed?.deliver();
    await store.settle();
    expect([await first, await second]).toEqual([1, 2]);
    expect(note('n')).toEqual({ n: 2 });
  });

  it('a feed that never brings a commit is given up after ten seconds, as unknown', async () => {
    const { services, store, clock } = await make();
    const call = services.register(ECHO);
    store.place()?.answer();
    await turn();
    clock.advance(9_999);
    const given = expect(call).rejects.toMatchObject({ code: 'STORE_UNKNOWN' });
    clock.advance(1);
    await given;
    expect(clock.timers).toBe(0);
  });

  it('more than 20,000 changes that wait are refused with LIMIT_REACHED, while health is still observed', async () => {
    const { services, store } = await make();
    void services.register(ECHO);
    await store.settle();
    const calls = Array.from({ length: 20_000 }, (_, at) =>
      services.register({ name: `s${at}`, host: 'h', port: 1 }),
    );
    expect(() => services.register({ name: 'late', host: 'h', port: 1 })).toThrow(/20000 changes wait/);
    expect(services.observe('echo', 'a', { status: 'error', reason: 'refused' })).toBe(true);
    expect(services.instance('echo', 'a')?.status).toBe('error');
    await store.settle();
    await Promise.all(calls);
    expect(services.count()).toBe(20_001);
  });

  it('nothing is left behind by changes that ended: memory does not grow with a busy key', async () => {
    const { add, catalogue, store } = await scripted();
    const calls: Promise<number>[] = [add()];
    const seen = [...store.waiting];
    for (let at = 0; at < 20; at += 1) {
      calls.push(add());
      seen.push(...store.waiting.slice(1));
      const placed = store.place();
      placed?.deliver();
      placed?.answer();
      await turn();
    }
    await store.settle();
    await Promise.all(calls);
    expect(catalogue.underWay).toBe(0);
    expect(catalogue.pendingKeys('notes', '')).toEqual([]);
    expect(seen).toHaveLength(21);
    for (const { changes } of seen) expect(changes[0]?.when?.kind).not.toBe('after');
  });
});

describe('health while a durable change is queued', () => {
  it('is applied before the call returns, and is not undone by what was queued before', async () => {
    const { services, store } = await make();
    void services.register(ECHO);
    await store.settle();
    const moved = services.register({ ...ECHO, port: 9001 });
    expect(services.exited('echo', 'a', 'killed')).toBe(true);
    expect(services.next('echo')).toBeUndefined();
    await store.settle();
    // Who registered it says that it lives: that came first, but is answered last.
    expect((await moved).port).toBe(9001);
  });

  it('of an instance that is only queued, or about to be removed, says nothing', async () => {
    const { services, store, catalogue } = await make();
    const queued = services.register(ECHO);
    expect(services.observe('echo', 'a', { status: 'error', reason: 'x' })).toBe(false);
    await store.settle();
    await queued;
    void services.unregister('echo');
    expect(services.observe('echo', 'a', { status: 'error', reason: 'x' })).toBe(false);
    await store.settle();
    expect([...catalogue.entries()]).toEqual([]);
  });

  it('a register of one that had died lifts the death only together with its new address', async () => {
    const { services, store, hooks } = await make();
    void services.register(ECHO);
    await store.settle();
    services.exited('echo', 'a', 'killed');
    const seen: string[] = [];
    hooks.changed.tap('test', (changes) => {
      for (const { record } of changes) seen.push(`${record?.port} ${record?.status}`);
    });
    const again = services.register({ ...ECHO, port: 9001 });
    await store.settle();
    expect(await again).toMatchObject({ port: 9001, status: 'running' });
    expect(seen).toEqual(['9001 stopped', '9001 running']);
  });
});

describe('the feed', () => {
  it('delivers a commit on several collections as one', async () => {
    const { catalogue, store, services, note, hooks, db } = await scripted();
    const seen: unknown[] = [];
    hooks.changed.tap('test', (changes, { revision }) => {
      seen.push([changes.length, revision, note('k')]);
    });
    const registration = { ...ECHO, id: 5, tags: [], meta: {}, weight: 1, checks: [], owner: 'x' };
    const value = { ...registration, home: 'here', reported: 'running', registeredAt: 1, updatedAt: 1 };
    void catalogue.write(
      () => ({
        changes: [
          { collection: 'notes', key: 'k', value: { a: 1 } },
          { collection: 'instances', key: 'echo\u0000a', value },
          {
            collection: 'voices',
            key: 'echo\u0000a\u0000managed',
            value: { status: 'starting', reason: 'r' },
          },
        ],
        answer: () => undefined,
      }),
      BY,
      'durable',
    );
    await store.settle();
    expect(seen).toEqual([[1, 1, { a: 1 }]]);
    expect(services.instance('echo', 'a')).toMatchObject({ status: 'starting', revision: 1 });
    expect(db.revision).toBe(1);
  });

  it("shows another server's commit as not local", async () => {
    const { store, hooks, commits } = await scripted();
    const seen: boolean[] = [];
    hooks.registered.tap('test', (_, { local }) => void seen.push(local));
    const registration = { ...ECHO, id: 5, tags: [], meta: {}, weight: 1, checks: [], owner: 'x' };
    const value = { ...registration, home: 'there', reported: 'running', registeredAt: 1, updatedAt: 1 };
    store.foreign([{ collection: 'instances', key: 'echo\u0000a', value }]);
    expect(seen).toEqual([false]);
    expect(commits.map(({ local }) => local)).toEqual([false]);
  });

  it('a removal of what is not there, and a voice of nobody, change nothing', async () => {
    const { store, services, commits, hooks } = await scripted();
    let changed = 0;
    hooks.changed.tap('test', () => {
      changed += 1;
    });
    store.foreign([{ collection: 'instances', key: 'x\u0000y', value: null }]);
    store.foreign([
      { collection: 'voices', key: 'x\u0000y\u0000check', value: { status: 'error', reason: '' } },
    ]);
    store.foreign([{ collection: 'notes', key: 'x', value: null }]);
    expect([services.count(), changed, commits.length]).toEqual([0, 0, 3]);
  });
});
