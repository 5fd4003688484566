import { describe, expect, it } from 'vitest';
import { makeServiceDB } from '../../support/make-servicedb.js';
import { copyEntries, ScriptedStore } from '../../support/scripted-store.js';

const ECHO = { name: 'echo', host: '10.0.0.1', port: 9000 };
const ERROR = { status: 'error', reason: 'refused' } as const;
const HOUR = 3_600_000;
/** The defaults: more than half of all, at least 5, within 30 s; at most an hour. */
const WINDOW = 30_000;

async function many(count: number, ttlMs?: number, options: { forgetAfterMs?: number } = {}) {
  const made = await makeServiceDB({ options });
  const { services, hooks } = made;
  const names = Array.from({ length: count }, (_, at) => `i${at}`);
  for (const instance of names) {
    await services.register({ ...ECHO, instance, ...(ttlMs !== undefined && { ttlMs }) });
  }
  const silences: string[] = [];
  hooks.silence.tap('test', ({ isOn, silent, total }) => {
    silences.push(`${isOn ? 'on' : 'off'} ${silent}/${total}`);
  });
  const fail = (...which: string[]) => {
    for (const instance of which) services.observe('echo', instance, ERROR);
  };
  const recover = (...which: string[]) => {
    for (const instance of which) services.observe('echo', instance, undefined);
  };
  const stale = () => services.lookup('echo').stale.map(({ instance }) => instance);
  return { ...made, names, silences, fail, recover, stale };
}

describe('mass silence', () => {
  it('begins when more than half of all have fallen silent within the window, and not with just half', async () => {
    const { names, silences, fail, stale } = await many(10);
    fail(...names.slice(0, 5));
    expect([silences, stale()]).toEqual([[], []]);
    fail('i5');
    expect(silences).toEqual(['on 6/10']);
    expect(stale()).toEqual(names.slice(0, 6));
  });

  it('is never that of fewer than five', async () => {
    const { names, silences, fail } = await many(4);
    fail(...names);
    expect(silences).toEqual([]);
  });

  it('of all of five is one', async () => {
    const { names, silences, fail } = await many(5);
    fail(...names);
    expect(silences).toEqual(['on 5/5']);
  });

  it('is not a slow series of failures, nor one instance that fails again and again', async () => {
    const { names, silences, fail, recover, clock } = await many(10);
    for (let at = 0; at < 20; at += 1) {
      fail('i0');
      recover('i0');
    }
    for (const name of names) {
      fail(name);
      clock.advance(WINDOW / 5 + 1);
    }
    expect(silences).toEqual([]);
  });

  it('counts missed leases and failing checks alike', async () => {
    const { names, silences, fail, clock } = await many(10, 5_000);
    fail(...names.slice(0, 4));
    clock.advance(5_000);
    expect(silences).toEqual(['on 6/10']);
  });

  it('is not made of confirmed deaths, reports, what is drained, or what only starts', async () => {
    const { services, names, silences, fail } = await many(10);
    for (const name of names.slice(0, 3)) services.exited('echo', name, 'killed');
    for (const instance of names.slice(3, 5)) await services.updateStatus('echo', 'error', { instance });
    for (const name of names.slice(5, 7))
      await services.manage('echo', name, { status: 'draining', reason: '' });
    for (const name of names.slice(7))
      await services.manage('echo', name, { status: 'starting', reason: '' });
    fail(...names);
    expect(silences).toEqual([]);
  });

  it('answers those that fell silent in it as stale: only where no other runs from next and resolve', async () => {
    const { services, names, fail, recover, stale } = await many(6);
    fail(...names.slice(0, 5));
    expect(services.lookup('echo').records.map(({ instance }) => instance)).toEqual(['i5']);
    expect(services.next('echo')?.instance).toBe('i5');
    fail('i5');
    expect(stale()).toEqual(names);
    expect(services.next('echo')?.status).toBe('error');
    expect((await services.resolve('echo')).status).toBe('error');
    recover('i0');
    expect(services.next('echo')?.instance).toBe('i0');
  });

  it('never answers one that has ended for certain, or that was told to stop', async () => {
    const { services, names, fail, stale } = await many(10);
    fail(...names);
    services.exited('echo', 'i0', 'killed');
    await services.manage('echo', 'i1', { status: 'draining', reason: 'stop' });
    await services.updateStatus('echo', 'stopped', { instance: 'i2' });
    await services.unregister('echo', { instance: 'i3' });
    expect(stale()).toEqual(names.slice(4));
  });

  it('does not make stale what was silent long before', async () => {
    const { names, fail, stale, clock } = await many(10);
    fail('i0');
    clock.advance(WINDOW + 1);
    fail(...names.slice(1));
    expect(stale()).toEqual(names.slice(1));
  });

  it('ends when fewer than half of those are still silent', async () => {
    const { names, silences, fail, recover, stale } = await many(10);
    fail(...names.slice(0, 8));
    recover('i0', 'i1', 'i2', 'i3');
    expect(silences).toEqual(['on 6/10']);
    recover('i4');
    expect(silences).toEqual(['on 6/10', 'off 3/10']);
    expect(stale()).toEqual([]);
  });

  it('ends after an hour, whatever is silent still', async () => {
    const { names, silences, fail, clock } = await many(10);
    fail(...names);
    clock.advance(HOUR - 1);
    expect(silences).toEqual(['on 6/10']);
    clock.advance(1);
    expect(silences).toEqual(['on 6/10', 'off 10/10']);
  });

  it('keeps everyone while it is on, and forgetting goes on when it is over', async () => {
    const { services, silences, clock } = await many(10, 60_000, { forgetAfterMs: 120_000 });
    const speak = async (ms: number, ...which: string[]) => {
      for (let at = 0; at < ms; at += 30_000) {
        for (const instance of which) services.heartbeat('echo', { instance });
        await clock.advanceAsync(30_000);
      }
    };
    await speak(60_000);
    expect(silences).toEqual(['on 6/10']);
    await speak(HOUR - 30_000);
    expect(services.count()).toBe(10);
    const alive = ['i0', 'i1', 'i2', 'i3', 'i4', 'i5'];
    await speak(60_000, ...alive);
    expect(silences).toEqual(['on 6/10', 'off 4/10']);
    await speak(60_000, ...alive);
    expect(services.find().map(({ instance }) => instance)).toEqual(alive);
  });

  it('is not cut short by a stall of this process, which heard nobody meanwhile', async () => {
    const { names, silences, fail, clock } = await many(10);
    fail(...names);
    clock.advance(60_000);
    clock.stall(2 * HOUR);
    clock.advance(HOUR - 61_000);
    expect(silences).toEqual(['on 6/10']);
    clock.advance(1_200);
    expect(silences).toEqual(['on 6/10', 'off 10/10']);
  });

  it('of one alone is only that: it is forgotten as usual', async () => {
    const { services, clock, silences, names } = await many(10, 60_000);
    for (let at = 0; at < 2 * HOUR; at += 30_000) {
      for (const instance of names.slice(1)) services.heartbeat('echo', { instance });
      await clock.advanceAsync(30_000);
    }
    expect(services.count()).toBe(9);
    expect(silences).toEqual([]);
  });
});

describe('a mass silence in which the registry is restarted', () => {
  const options = { massSilenceMaxMs: 3 * HOUR };

  /** Ten with a lease, of which `i0` fell silent long before six others did at once; then a restart. */
  async function restart(more: { recovers?: readonly string[] } = {}) {
    const store = new ScriptedStore();
    const before = await makeServiceDB({ store, options });
    const names = Array.from({ length: 10 }, (_, at) => `i${at}`);
    for (const instance of names) void before.services.register({ ...ECHO, instance, ttlMs: 60_000 });
    await store.settle();
    before.services.observe('echo', 'i0', ERROR);
    before.clock.advance(WINDOW + 1);
    for (const instance of names.slice(1, 7)) before.services.observe('echo', instance, ERROR);
    for (const instance of more.recovers ?? []) before.services.observe('echo', instance, undefined);
    return { ...(await again(before)), wasSilent: before.services.isMassSilent };
  }

  async function again({ catalogue }: Pick<Awaited<ReturnType<typeof makeServiceDB>>, 'catalogue'>) {
    const store = new ScriptedStore();
    store.entries.push(...copyEntries(catalogue.entries()));
    const made = await makeServiceDB({ store, options });
    const settle = async (ms: number) => {
      for (let at = 0; at < ms; at += 30_000) {
        await made.clock.advanceAsync(30_000);
        await store.settle();
      }
    };
    const stale = () => made.services.lookup('echo').stale.map(({ instance }) => instance);
    return { ...made, settle, stale };
  }

  it('goes on: who was answered as stale still is, and nobody is removed', async () => {
    const { services, stale, settle, wasSilent } = await restart();
    expect([wasSilent, services.isMassSilent]).toEqual([true, true]);
    expect(stale()).toEqual(['i1', 'i2', 'i3', 'i4', 'i5', 'i6']);
    await settle(2 * HOUR);
    expect(services.count()).toBe(10);
    await settle(2 * HOUR);
    expect([services.isMassSilent, services.count()]).toEqual([false, 0]);
  });

  it('ends as any other, and then a further restart knows nothing of it', async () => {
    const made = await restart();
    for (const instance of ['i1', 'i2', 'i3', 'i4']) made.services.observe('echo', instance, undefined);
    expect(made.services.isMassSilent).toBe(false);
    expect((await again(made)).services.isMassSilent).toBe(false);
  });

  it('that was over before does not begin again', async () => {
    const { services, stale } = await restart({ recovers: ['i1', 'i2', 'i3', 'i4'] });
    expect([services.isMassSilent, stale()]).toEqual([false, []]);
  });
});
