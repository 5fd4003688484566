import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../core/clock.js';
import { silentLogger } from '../../../core/logger.js';
import { FakeClock } from '../../support/fake-clock.js';
import { makeServiceDB } from '../../support/make-servicedb.js';
import { copyEntries, ScriptedStore } from '../../support/scripted-store.js';

const ECHO = { name: 'echo', instance: 'a', host: '10.0.0.1', port: 9000, ttlMs: 5_000 };
const HOUR = 3_600_000;

async function leased() {
  const made = await makeServiceDB();
  await made.services.register(ECHO);
  return { ...made, status: () => made.services.instance('echo', 'a')?.status };
}

describe('a lease', () => {
  it('is kept by heartbeats, which write nothing', async () => {
    const { services, clock, commits, status } = await leased();
    for (let beat = 0; beat < 10; beat += 1) {
      clock.advance(4_999);
      expect(services.heartbeat('echo')).toBe(1);
    }
    expect(status()).toBe('running');
    expect(commits).toHaveLength(1);
  });

  it('says how long it still runs, as long as it does', async () => {
    const { services, clock } = await leased();
    const left = () => services.leaseLeftMs(services.instance('echo', 'a')!);
    clock.advance(2_000);
    expect(left()).toBe(3_000);
    services.heartbeat('echo');
    expect(left()).toBe(5_000);
    clock.advance(5_000);
    expect(left()).toBeUndefined();
    await services.register({ ...ECHO, instance: 'b', ttlMs: undefined });
    expect(services.leaseLeftMs(services.instance('echo', 'b')!)).toBeUndefined();
  });

  it('that is missed makes an error at that moment, and says why', async () => {
    const { services, clock, status } = await leased();
    clock.advance(4_999);
    expect(status()).toBe('running');
    clock.advance(1);
    expect(services.instance('echo', 'a')).toMatchObject({
      status: 'error',
      reason: 'no heartbeat within 5000 ms',
      observed: 'error',
    });
    expect(services.next('echo')).toBeUndefined();
  });

  it.each<[string, (services: Awaited<ReturnType<typeof leased>>['services']) => unknown]>([
    ['a heartbeat', (services) => services.heartbeat('echo')],
    ['a heartbeat by id', (services) => services.heartbeat('echo', { id: 1 })],
    ['a renewal', (services) => services.register(ECHO)],
    ['a renewal at another address', (services) => services.register({ ...ECHO, port: 9001 })],
    ['a status update', (services) => services.updateStatus('echo', 'running')],
  ])('that was missed is taken up again by %s, for a whole term', async (_, speak) => {
    const { services, clock, status } = await leased();
    clock.advance(6_000);
    expect(status()).toBe('error');
    await speak(services);
    expect(status()).toBe('running');
    clock.advance(4_999);
    expect(status()).toBe('running');
    clock.advance(1);
    expect(status()).toBe('error');
  });

  it('of another instance is not kept by a heartbeat for this one', async () => {
    const { services, clock, status } = await leased();
    await services.register({ ...ECHO, instance: 'b' });
    clock.advance(4_000);
    expect(services.heartbeat('echo', { instance: 'b' })).toBe(1);
    clock.advance(1_000);
    expect(status()).toBe('error');
    expect(services.instance('echo', 'b')?.status).toBe('running');
  });

  it('that stays missed is forgotten after forgetAfter, and the id is not used again', async () => {
    const { services, clock, hooks } = await leased();
    const gone: string[] = [];
    hooks.unregistered.tap('test', ({ instance }) => void gone.push(instance));
    await clock.advanceAsync(5_000 + HOUR - 1);
    expect(services.count()).toBe(1);
    await clock.advanceAsync(1);
    expect([services.count(), gone]).toEqual([0, ['a']]);
    expect((await services.register(ECHO)).id).toBe(2);
  });

  it('that is taken up again is not forgotten', async () => {
    const { services, clock } = await leased();
    await clock.advanceAsync(HOUR);
    services.heartbeat('echo');
    for (let at = 0; at < 2 * HOUR; at += 4_000) {
      services.heartbeat('echo');
      clock.advance(4_000);
    }
    expect(services.count()).toBe(1);
  });

  it('can be given up, and taken, by registering again', async () => {
    const { services, clock, status } = await leased();
    const { ttlMs: _, ...unleased } = ECHO;
    clock.advance(5_000);
    await services.register(unleased);
    expect(status()).toBe('running');
    await clock.advanceAsync(10 * HOUR);
    expect(status()).toBe('running');
    await services.register({ ...ECHO, ttlMs: 2_000 });
    await services.register({ ...ECHO, ttlMs: 1_000 });
    clock.advance(1_000);
    expect(status()).toBe('error');
    // Those of the leases, of what is to be forgotten, the look for stalls, and the lines of a minute.
    expect(clock.timers).toBeLessThanOrEqual(4);
  });

  it('counts also while the instance starts', async () => {
    const { services, clock } = await makeServiceDB();
    await services.register(ECHO, { managed: { status: 'starting', reason: 'spawned' } });
    clock.advance(5_000);
    expect(services.instance('echo', 'a')?.status).toBe('error');
  });

  it('nobody without one is ever forgotten, whatever checks say', async () => {
    const { services, clock } = await makeServiceDB();
    const { ttlMs: _, ...unleased } = ECHO;
    await services.register(unleased);
    services.observe('echo', 'a', { status: 'error', reason: 'refused' });
    await clock.advanceAsync(100 * HOUR);
    expect(services.count()).toBe(1);
    expect(clock.timers).toBe(0);
  });

  it('ends with the instance: no timer is left, and nothing is written later', async () => {
    const { services, clock, commits } = await leased();
    await services.unregister('echo');
    await clock.advanceAsync(2 * HOUR);
    expect(commits).toHaveLength(2);
    expect(clock.timers).toBe(0);
  });

  it('does not care about jumps of the wall clock', async () => {
    const clock = new FakeClock();
    let jump = 0;
    const jumpy: Clock = {
      now: () => clock.now() + jump,
      monotonic: () => clock.monotonic(),
      setTimer: (delay, run) => clock.setTimer(delay, run),
      random: () => clock.random(),
      uuid: () => clock.uuid(),
    };
    const { services } = await makeServiceDB({ clock: jumpy });
    await services.register(ECHO);
    jump = 10 * HOUR;
    clock.advance(4_999);
    expect(services.instance('echo', 'a')?.status).toBe('running');
    jump = -10 * HOUR;
    clock.advance(1);
    expect(services.instance('echo', 'a')?.status).toBe('error');
  });

  it('begins anew for a whole term after a restart, also where it was missed before', async () => {
    const store = new ScriptedStore();
    const before = await makeServiceDB({ store });
    void before.services.register(ECHO);
    void before.services.register({ ...ECHO, instance: 'b' });
    await store.settle();
    before.clock.advance(4_000);
    before.services.heartbeat('echo', { instance: 'b' });
    before.clock.advance(2_000);

    const next = new ScriptedStore();
    next.entries.push(...copyEntries(before.catalogue.entries()));
    const { services, clock } = await makeServiceDB({ store: next });
    const statuses = () => services.find().map(({ status }) => status);
    expect(statuses()).toEqual(['error', 'running']);
    clock.advance(4_999);
    expect(statuses()).toEqual(['error', 'running']);
    services.heartbeat('echo', { instance: 'a' });
    clock.advance(1);
    expect(statuses()).toEqual(['running', 'error']);
  });

  it('is not made shorter by a registration that could not be stored', async () => {
    const store = new ScriptedStore();
    const { services, clock } = await makeServiceDB({ store });
    void services.register({ ...ECHO, ttlMs: HOUR });
    await store.settle();
    const refused = Promise.resolve(services.register({ ...ECHO, ttlMs: 1_000 }));
    store.refuse();
    await expect(refused).rejects.toMatchObject({ code: 'STORE_FULL' });
    clock.advance(60_000);
    expect(services.instance('echo', 'a')?.status).toBe('running');
  });

  it.each([
    ['before it is due', 1_000],
    ['across its end', 4_000],
  ])('is extended by the time for which this process stood still, %s', async (_, beforeMs) => {
    const { clock, status, services } = await leased();
    clock.advance(beforeMs);
    clock.stall(600_000);
    clock.advance(4_800 - beforeMs);
    expect(status()).toBe('running');
    expect(services.leaseLeftMs(services.instance('echo', 'a')!)).toBeGreaterThan(0);
    clock.advance(300);
    expect(status()).toBe('error');
  });

  it('is not extended by what is no more than a busy moment', async () => {
    const { clock, status } = await leased();
    for (let moment = 0; moment < 30; moment += 1) {
      clock.stall(50);
      clock.advance(100);
    }
    clock.advance(600);
    expect(status()).toBe('error');
  });

  it('leaves others their turn in between, where very many end together', async () => {
    const { services, clock } = await makeServiceDB();
    for (let at = 0; at < 3_000; at += 1) {
      await services.register({ name: `s${at}`, instance: 'a', host: 'h', port: 1, ttlMs: 5_000 });
    }
    const seen: number[] = [];
    clock.setTimer(5_000, () => seen.push(services.count({ status: 'error' })));
    clock.advance(5_000);
    expect(seen[0]).toBeLessThan(1_000);
    expect(services.count({ status: 'error' })).toBe(3_000);
  });

  it('of an instance that another server has taken over is no more of our business', async () => {
    const store = new ScriptedStore();
    const { services, clock, catalogue } = await makeServiceDB({ store });
    void services.register(ECHO);
    await store.settle();
    const value = catalogue.valueOf('instances', 'echo\u0000a');
    store.foreign([{ collection: 'instances', key: 'echo\u0000a', value: { ...value, home: 'there' } }]);
    expect(services.heartbeat('echo')).toBe(1);
    await clock.advanceAsync(2 * HOUR);
    expect(services.instance('echo', 'a')?.status).toBe('running');
    expect(clock.timers).toBe(0);
  });

  it('whose removal fails is tried again, unless the instance comes back meanwhile', async () => {
    const store = new ScriptedStore();
    const { services, clock } = await makeServiceDB({ store });
    void services.register(ECHO);
    await store.settle();
    clock.advance(5_000 + HOUR);
    store.refuse('STORE_FULL');
    await clock.advanceAsync(10_000);
    expect(store.waiting).toHaveLength(1);
    store.refuse('STORE_FULL');
    await clock.advanceAsync(9_000);
    services.heartbeat('echo');
    await clock.advanceAsync(2_000);
    expect(store.waiting).toEqual([]);
    expect(services.instance('echo', 'a')?.status).toBe('running');
  });
});

describe('the log', () => {
  it('says of each missed lease whose it was, and of masses of them no more than how many', async () => {
    const lines: string[] = [];
    const say = (_fields: object, message: string) => void lines.push(message);
    const logger = { ...silentLogger, info: say, warn: say };
    const { services, clock } = await makeServiceDB({ logger, options: { massSilenceShare: 1 } });
    await services.register(ECHO);
    clock.advance(5_000);
    expect(lines).toEqual(['"echo" (a): error: no heartbeat within 5000 ms']);
    for (let at = 0; at < 1_000; at += 1) await services.register({ ...ECHO, instance: `i${at}` });
    clock.advance(120_000);
    expect(lines).toHaveLength(201);
    expect(lines.at(-1)).toMatch(/^801 more such lines in a minute/);
  });
});
