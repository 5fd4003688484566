import { describe, expect, it } from 'vitest';
import { makeServiceDB } from '../../support/make-servicedb.js';
import { turn } from '../../support/scripted-store.js';

const ECHO = { name: 'echo', instance: 'a', host: '10.0.0.1', port: 9000 };

describe('resolve', () => {
  it('answers an instance that runs at once, and asks nobody', async () => {
    const { services, hooks, clock } = await makeServiceDB();
    let asked = 0;
    hooks.demand.tap('supervisor', () => {
      asked += 1;
      return true;
    });
    const record = await services.register(ECHO);
    expect(await services.resolve('echo')).toBe(record);
    expect([asked, clock.timers]).toEqual([0, 0]);
  });

  it('of a thousand callers at once asks for one instance, and all get the same', async () => {
    const { services, hooks, clock } = await makeServiceDB();
    const demands: unknown[] = [];
    let start: (value: true) => void = () => {};
    hooks.demand.tapPromise('supervisor', (demand) => {
      demands.push(demand);
      return new Promise((resolve) => {
        start = resolve;
      });
    });
    const calls = Array.from({ length: 500 }, () => services.resolve('echo', { waitMs: 5_000 }));
    await turn();
    calls.push(...Array.from({ length: 500 }, () => services.resolve('echo', { waitMs: 5_000 })));
    await services.register(ECHO, { managed: { status: 'starting', reason: 'spawned' } });
    start(true);
    await turn();
    await services.manage('echo', 'a', undefined);
    const answers = await Promise.all(calls);
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]?.status).toBe('running');
    expect(demands).toEqual([{ name: 'echo', waitMs: 5_000, explain: expect.any(Function) }]);
    await clock.advanceAsync(100);
    expect(clock.timers).toBe(0);
  });

  it('is content with a degraded instance, and with one that registers by itself', async () => {
    const { services } = await makeServiceDB();
    const call = services.resolve('echo');
    await services.register({ ...ECHO, name: 'other' });
    await services.register({ ...ECHO, status: 'degraded' });
    expect((await call).status).toBe('degraded');
  });

  it('ends with NO_INSTANCE when its time is up, each caller with its own', async () => {
    const { services, clock } = await makeServiceDB();
    const short = services.resolve('echo', { waitMs: 1_000 });
    const long = services.resolve('echo', { waitMs: 2_000 });
    const given = expect(short).rejects.toMatchObject({
      code: 'NO_INSTANCE',
      message: 'No instance of "echo" was running within 1000 ms.',
    });
    await turn();
    clock.advance(1_000);
    await given;
    await services.register(ECHO);
    expect((await long).name).toBe('echo');
    expect(clock.timers).toBe(0);
  });

  it('ends when its caller goes away, also when that was before', async () => {
    const { services, clock } = await makeServiceDB();
    const controller = new AbortController();
    const call = services.resolve('echo', { signal: controller.signal });
    const given = expect(call).rejects.toMatchObject({ code: 'NO_INSTANCE' });
    controller.abort();
    await given;
    await expect(services.resolve('echo', { signal: controller.signal })).rejects.toMatchObject({
      code: 'NO_INSTANCE',
    });
    expect(clock.timers).toBe(0);
  });

  it('ends with STOPPING when the registry stops, and from then on at once', async () => {
    const { services, clock } = await makeServiceDB();
    const calls = [services.resolve('echo'), services.resolve('other')];
    const given = calls.map((call) => expect(call).rejects.toMatchObject({ code: 'STOPPING' }));
    services.endWaits();
    await Promise.all(given);
    await expect(services.resolve('echo')).rejects.toMatchObject({ code: 'STOPPING' });
    expect(clock.timers).toBe(0);
    const record = await services.register(ECHO);
    expect(await services.resolve('echo')).toBe(record);
  });

  it('waits on where nobody can start one, and where whoever should fails', async () => {
    const { services, hooks } = await makeServiceDB();
    hooks.demand.tap('supervisor', () => {
      throw new Error('no such program');
    });
    const call = services.resolve('echo');
    await turn();
    await services.register(ECHO);
    expect((await call).name).toBe('echo');
  });

  it('never answers an instance that has ended by the time it is told', async () => {
    const { services, hooks } = await makeServiceDB();
    hooks.registered.tap('first', ({ name }) => {
      if (name !== 'before') return;
      void services.register(ECHO);
      services.exited('echo', 'a', 'died at once');
    });
    const call = services.resolve('echo', { waitMs: 1_000 });
    await services.register({ ...ECHO, name: 'before' });
    const alive = await services.register({ ...ECHO, instance: 'b' });
    expect(await call).toBe(alive);
  });

  it('refuses more than 50,000 callers that wait', async () => {
    const { services } = await makeServiceDB();
    const calls = Array.from({ length: 50_000 }, () => services.resolve('echo').catch(() => {}));
    await expect(services.resolve('echo')).rejects.toMatchObject({ code: 'LIMIT_REACHED' });
    services.endWaits();
    await Promise.all(calls);
  });
});
