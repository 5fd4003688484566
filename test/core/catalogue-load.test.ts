import { describe, expect, it } from 'vitest';
import { makeServiceDB } from '../support/make-servicedb.js';
import { copyEntries, ScriptedStore } from '../support/scripted-store.js';

const ECHO = { name: 'echo', instance: 'a', host: '10.0.0.1', port: 9000 };

describe('a catalogue that is loaded', () => {
  const registration = {
    ...ECHO,
    id: 5,
    tags: ['t'],
    meta: {},
    weight: 1,
    checks: [],
    owner: 'x',
    home: 'here',
    reported: 'running',
    registeredAt: 1,
    updatedAt: 1,
  };
  const instance = { collection: 'instances', key: 'echo\u0000a', value: registration, revision: 3 };
  const voice = {
    collection: 'voices',
    key: 'echo\u0000a\u0000check',
    value: { status: 'error', reason: 'r' },
    revision: 4,
  };

  async function load(entries: ScriptedStore['entries']) {
    const store = new ScriptedStore();
    store.entries.push(...structuredClone(entries));
    return makeServiceDB({ store });
  }

  it('puts voices and instances together in whatever order they come', async () => {
    for (const entries of [
      [instance, voice],
      [voice, instance],
    ]) {
      const { services } = await load(entries);
      expect(services.instance('echo', 'a')).toMatchObject({ status: 'error', reason: 'r', revision: 4 });
    }
  });

  it('forgets removed keys, replaces earlier ones, and drops voices of nobody', async () => {
    const { services, catalogue } = await load([
      instance,
      voice,
      { ...instance, key: 'echo\u0000b', value: { ...registration, instance: 'b', id: 6 }, revision: 5 },
      { ...instance, value: null, revision: 6 },
      { ...voice, key: 'gone\u0000x\u0000check' },
      {
        ...instance,
        key: 'echo\u0000b',
        value: { ...registration, instance: 'b', id: 6, port: 1 },
        revision: 7,
      },
      { ...voice, value: null, revision: 8 },
      { collection: 'notes', key: 'k', value: { a: 1 }, revision: 8 },
      { collection: 'notes', key: 'k', value: null, revision: 9 },
    ]);
    expect(services.find().map(({ instance: name, port }) => [name, port])).toEqual([['b', 1]]);
    expect([...catalogue.entries()]).toHaveLength(1);
    expect(catalogue.revision).toBe(9);
  });

  it('hands out nothing that can be changed from outside', async () => {
    const { services } = await load([instance]);
    expect(Object.isFrozen(services.instance('echo', 'a')?.tags)).toBe(true);
  });

  it('entries, loaded elsewhere, give the same records', async () => {
    const store = new ScriptedStore();
    const { services, catalogue } = await makeServiceDB({ store });
    void services.register({ ...ECHO, host: 'http://h', port: '9000', ttlMs: 5_000, tags: ['t'] });
    void services.register({ ...ECHO, instance: 'b' }, { managed: { status: 'starting', reason: 's' } });
    const changes = [{ collection: 'notes', key: 'k', value: { deep: { list: [1] } } }];
    void catalogue.write(() => ({ changes, answer: () => 1 }), { who: 'x', door: 'y' }, 'durable');
    await store.settle();
    services.observe('echo', 'a', { status: 'degraded', reason: 'slow' });
    services.exited('echo', 'b', 'killed');
    const entries = copyEntries(catalogue.entries());
    const { services: other, catalogue: copy } = await load(entries);
    expect([...other.traverse()]).toEqual([...services.traverse()]);
    expect(copyEntries(copy.entries())).toEqual(entries);
  });
});
