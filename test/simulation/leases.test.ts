import { expect, it } from 'vitest';
import { Leases } from '../../core/servicedb/leases.js';
import { FakeClock } from '../support/fake-clock.js';
import { makeServiceDB } from '../support/make-servicedb.js';

it('100,000 leased instances, some of which die each minute: exactly those are in error, then forgotten', async () => {
  const clock = new FakeClock({ seed: 7 });
  const { services, commits } = await makeServiceDB({ clock, options: { forgetAfterMs: 300_000 } });
  const count = 100_000;
  for (let at = 0; at < count; at += 1) {
    await services.register({ name: `s${at}`, instance: 'a', host: 'h', port: 1, ttlMs: 30_000 });
  }
  const alive = new Set(Array.from({ length: count }, (_, at) => at));
  let dead = 0;
  for (let minute = 0; minute < 3; minute += 1) {
    for (let death = 0; death < 500; death += 1) {
      if (alive.delete(Math.floor(clock.random() * count))) dead += 1;
    }
    for (let beat = 0; beat < 3; beat += 1) {
      for (const at of alive) services.heartbeat(`s${at}`);
      clock.advance(20_000);
    }
    expect(services.count({ status: 'error' })).toBe(dead);
  }
  expect(commits).toHaveLength(count + dead);
  for (let beat = 0; beat < 15; beat += 1) {
    for (const at of alive) services.heartbeat(`s${at}`);
    await clock.advanceAsync(20_000);
  }
  expect(services.count()).toBe(alive.size);
  expect(services.count({ status: 'running' })).toBe(alive.size);
}, 120_000);

it('a million heartbeats put nothing into the queue, and the cost of an expiry hardly grows with their number', () => {
  const perExpiry = (count: number) => {
    // A clock whose only timer is the leases' own, so that it costs nothing itself.
    let now = 0;
    let due: (() => void) | undefined;
    const clock = new FakeClock();
    const bare = {
      now: () => now,
      monotonic: () => now,
      random: () => clock.random(),
      uuid: () => clock.uuid(),
      setTimer: (_: number, run: () => void) => {
        due = run;
        return { cancel: () => {} };
      },
    };
    let ended = 0;
    const leases = new Leases(bare, () => {
      ended += 1;
    });
    for (let at = 0; at < count; at += 1) leases.set(`k${at}`, 10_000 + Math.floor(clock.random() * 10_000));
    for (let beat = 0; beat < 10; beat += 1) {
      now += 500;
      for (let at = 0; at < count; at += 1) leases.set(`k${at}`, 20_000);
    }
    expect(leases.queued).toBe(count);
    const begin = process.hrtime.bigint();
    for (; leases.size > 0; now += 1_000) due?.();
    const took = Number(process.hrtime.bigint() - begin);
    expect(ended).toBe(count);
    return took / count;
  };
  perExpiry(10_000);
  const few = perExpiry(10_000);
  const more = perExpiry(100_000);
  process.stdout.write(
    `lease expiry: ${Math.round(few)} ns of 10,000, ${Math.round(more)} ns of 100,000: ratio ${(more / few).toFixed(1)}\n`,
  );
});
