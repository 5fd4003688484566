import { afterEach, describe, expect, test } from 'vitest';
import { definePlugin } from '../../../core/index.js';
import { FakeClock } from '../../support/fake-clock.js';
import { build, Disk, stopHouses } from './support.js';

afterEach(stopHouses);

const SECOND = 1_000;
const REFUSED = { says: { status: 'error', output: 'ECONNREFUSED', latencyMs: 1 } } as const;

describe('an instance', () => {
  test('is checked at once when it is registered, and stays running while it answers', async () => {
    const { clock, network, register, one } = await build();
    await register('payments', 9000);
    await clock.advanceAsync(0);
    expect(network.count(9000)).toBe(1);
    await clock.advanceAsync(60 * SECOND);
    expect(network.count(9000)).toBeGreaterThanOrEqual(6);
    expect(network.changes).toEqual([]);
    expect(one('payments')).toMatchObject({ status: 'running', reason: '' });
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'whose port dies is in error within failures x interval, and running soon after it returns (seed %i)',
    async (seed) => {
      const { clock, network, register, one } = await build({ clock: new FakeClock({ seed }) });
      await register('payments', 9000);
      await clock.advanceAsync(25 * SECOND + seed * 777);
      const diedAt = clock.monotonic();
      network.answers.set(9000, REFUSED);
      await clock.advanceAsync(30 * SECOND);
      expect(network.changes).toEqual([{ name: 'payments', status: 'error', at: expect.any(Number) }]);
      const tookMs = (network.changes[0]?.at ?? 0) - diedAt;
      // The first failure comes within the interval, the two that confirm it a fifth of the interval after each other.
      expect(tookMs).toBeGreaterThan(4 * SECOND - 1);
      expect(tookMs).toBeLessThan(14 * SECOND + 1);
      const reason = 'fake 127.0.0.1:9000: ECONNREFUSED (3 failures)';
      expect(one('payments')).toMatchObject({ status: 'error', reason, observed: 'error' });
      network.answers.delete(9000);
      await clock.advanceAsync(10 * SECOND);
      expect(one('payments')).toMatchObject({ status: 'running', reason: '' });
    },
  );

  test('that answers nothing is in error within failures x interval and one timeout', async () => {
    const { clock, network, register, one } = await build();
    await register('payments', 9000);
    await clock.advanceAsync(25 * SECOND);
    network.answers.set(9000, 'silent');
    await clock.advanceAsync(32 * SECOND);
    const reason = 'fake 127.0.0.1:9000: no answer within 2000 ms (3 failures)';
    expect(one('payments')).toMatchObject({ status: 'error', reason });
  });

  test('that stays dead costs no further change', async () => {
    const { clock, network, register, one, infos } = await build();
    network.answers.set(9000, 'error');
    await register('payments', 9000);
    await clock.advanceAsync(60 * SECOND);
    const { revision } = one('payments');
    network.answers.set(9000, 'silent');
    await clock.advanceAsync(300 * SECOND);
    expect(one('payments').revision).toBe(revision);
    const message = '"payments" (127.0.0.1:9000): error: fake 127.0.0.1:9000: it is error (3 failures)';
    expect(infos).toEqual([message]);
  });

  test('that is degraded says so', async () => {
    const { clock, network, register, one } = await build({ monitor: { failures: 1 } });
    network.answers.set(9000, 'degraded');
    await register('payments', 9000);
    await clock.advanceAsync(0);
    const reason = 'fake 127.0.0.1:9000: it is degraded (once)';
    expect(one('payments')).toMatchObject({ status: 'degraded', reason });
  });

  test('that is starting is not ill because it does not answer yet, and then has all its failures before it', async () => {
    const { registry, clock, network, register, one } = await build();
    network.answers.set(9000, 'error');
    await register('payments', 9000, { instance: 'a' });
    await registry.services.manage('payments', 'a', {
      status: 'starting',
      reason: 'its program was started',
    });
    await clock.advanceAsync(120 * SECOND);
    expect(one('payments').observed).toBeUndefined();
    await registry.services.manage('payments', 'a', undefined);
    await clock.advanceAsync(3.9 * SECOND);
    expect(one('payments').status).toBe('running');
    await clock.advanceAsync(10.2 * SECOND);
    expect(one('payments').status).toBe('error');
  });

  test('that is draining stays so, whatever its checks say', async () => {
    const { registry, clock, register, one } = await build();
    await register('payments', 9000, { instance: 'a' });
    await registry.services.manage('payments', 'a', { status: 'draining', reason: 'told to stop' });
    await clock.advanceAsync(60 * SECOND);
    expect(one('payments').status).toBe('draining');
  });

  test('that moves is checked at its new address at once, and stays in error until it answered there', async () => {
    const { clock, network, register, one } = await build();
    network.answers.set(9000, 'error');
    await register('payments', 9000, { instance: 'a' });
    await clock.advanceAsync(60 * SECOND);
    await register('payments', 9001, { instance: 'a' });
    expect(one('payments').status).toBe('error');
    await clock.advanceAsync(0);
    expect(network.count(9001)).toBe(1);
    expect(one('payments').status).toBe('running');
    const before = network.count(9000);
    await clock.advanceAsync(60 * SECOND);
    expect(network.count(9000)).toBe(before);
  });

  test('that registers again and again, as keep-alives do, is found dead all the same', async () => {
    const { clock, network, register, one } = await build();
    network.answers.set(9000, 'error');
    for (let second = 0; second < 30; second++) {
      await register('payments', 9000, { meta: { second: String(second) } });
      await clock.advanceAsync(SECOND);
    }
    expect(one('payments').status).toBe('error');
  });

  test('that is unregistered is checked no more, and a check under way is given up', async () => {
    const { registry, clock, network, register } = await build();
    network.answers.set(9000, 'silent');
    await register('payments', 9000);
    await clock.advanceAsync(SECOND);
    await registry.services.unregister('payments');
    await clock.advanceAsync(60 * SECOND);
    expect([network.count(9000), network.aborted]).toEqual([1, 1]);
  });

  test('is told to be dead also where that was found out while its removal was on its way, which then failed', async () => {
    const disk = new Disk();
    const { registry, clock, network, register, one } = await build({ disk });
    await register('payments', 9000);
    let refuse = () => {};
    disk.onDurable = () =>
      new Promise((resolve) => {
        refuse = () => resolve({ kind: 'refused', code: 'STORE_FULL', message: 'The disk is full.' });
      });
    const removal = registry.services.unregister('payments');
    network.answers.set(9000, 'error');
    await clock.advanceAsync(60 * SECOND);
    refuse();
    await expect(removal).rejects.toThrow('The disk is full.');
    await clock.advanceAsync(60 * SECOND);
    expect(one('payments').status).toBe('error');
  });

  test('that moves to where it does not answer either stays in error all along', async () => {
    const { clock, network, register, one } = await build();
    network.answers.set(9000, 'error').set(9001, REFUSED);
    await register('payments', 9000, { instance: 'a' });
    await clock.advanceAsync(60 * SECOND);
    await register('payments', 9001, { instance: 'a' });
    await clock.advanceAsync(30 * SECOND);
    expect(network.changes.map(({ status }) => status)).toEqual(['error']);
    expect(one('payments').reason).toBe('fake 127.0.0.1:9001: ECONNREFUSED (3 failures)');
  });

  test('that was registered before the registry started is checked like any other', async () => {
    const { registry, clock, network, register } = await build({ isStarted: false });
    await register('payments', 9000, { checks: [{ kind: 'fake' }] });
    await registry.start();
    await clock.advanceAsync(100 * SECOND);
    expect(network.count(9000)).toBeGreaterThanOrEqual(9);
    expect(network.count(9000)).toBeLessThanOrEqual(12);
  });

  test('of another server is left to that server, until it is ours', async () => {
    const disk = new Disk();
    const first = await build({ disk });
    await first.register('payments', 9000);
    await first.registry.stop();
    const [ours] = disk.entries;
    if (ours === undefined) throw new Error('Nothing was stored.');
    const theirs = { ...ours, value: { ...ours.value, home: 'elsewhere' } };
    disk.entries = [theirs];
    const { clock, network } = await build({ disk });
    await clock.advanceAsync(60 * SECOND);
    disk.deliver(100, { ...theirs, value: { ...theirs.value, version: '2' } });
    await clock.advanceAsync(60 * SECOND);
    expect(network.checked).toEqual([]);
    disk.deliver(101, ours);
    await clock.advanceAsync(60 * SECOND);
    expect(network.count(9000)).toBeGreaterThanOrEqual(6);
    disk.deliver(102, theirs);
    const before = network.count(9000);
    await clock.advanceAsync(60 * SECOND);
    expect(network.count(9000)).toBe(before);
  });
});

describe('the monitor', () => {
  test('gives no verdict where a checker throws, and says so once for each message', async () => {
    const { clock, network, register, one, warnings, checks } = await build();
    network.answers.set(9000, { throws: 'no such library' });
    await register('payments', 9000);
    await clock.advanceAsync(60 * SECOND);
    expect(one('payments').status).toBe('running');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(
      /^Check fake of "payments" \(127.0.0.1:9000\) gave no verdict: .*no such library/,
    );
    expect(await checks('payments')).toEqual([
      { instance: '127.0.0.1:9000', kind: 'fake', problem: expect.stringContaining('no such library') },
    ]);
    network.answers.set(9000, { throws: 'another trouble' });
    await clock.advanceAsync(60 * SECOND);
    expect(warnings).toHaveLength(2);
    network.answers.delete(9000);
    await clock.advanceAsync(10 * SECOND);
    const seen = { status: 'running', output: 'it is running', latencyMs: 1, at: expect.any(Number) };
    const verdict = { ...seen, failures: 0 };
    expect(await checks('payments')).toEqual([{ instance: '127.0.0.1:9000', kind: 'fake', ...verdict }]);
  });

  test('does not hold against an instance for ever what one check found, where another gives no verdict', async () => {
    const { clock, network, register, one } = await build();
    const checks = [
      { kind: 'fake', path: '/broken' },
      { kind: 'fake', path: '/health', failures: 1 },
    ];
    network.answers.set('9000/broken', { throws: 'no such library' }).set('9000/health', 'error');
    network.answers.set('9001/broken', { throws: 'no such library' }).set('9001/health', 'error');
    await register('payments', 9000, { instance: 'a', checks });
    await clock.advanceAsync(SECOND);
    await register('payments', 9001, { instance: 'a', checks });
    await clock.advanceAsync(30 * SECOND);
    expect(one('payments').status).toBe('error');
    network.answers.set('9001/health', { throws: 'no such library' });
    await register('payments', 9001, { instance: 'a', checks, version: '2' });
    await clock.advanceAsync(30 * SECOND);
    expect(one('payments').status).toBe('error');
    network.answers.delete('9001/health');
    await clock.advanceAsync(30 * SECOND);
    expect(one('payments').status).toBe('running');
  });

  test('leaves in error what has only checks that give no verdict any more', async () => {
    const { clock, network, register, one } = await build();
    network.answers.set(9000, 'error').set(9001, { throws: 'no such library' });
    await register('payments', 9000, { instance: 'a' });
    await clock.advanceAsync(30 * SECOND);
    await register('payments', 9001, { instance: 'a' });
    await clock.advanceAsync(60 * SECOND);
    expect(one('payments').status).toBe('error');
  });

  test('does not let who listens change a verdict', async () => {
    const meddler = definePlugin({
      name: 'meddler',
      setup: (api) =>
        api.hooks.verdict.tap(({ verdict }) => {
          (verdict as { status: string }).status = 'running';
        }),
    });
    const { clock, network, register, one, warnings } = await build({ plugin: meddler });
    network.answers.set(9000, 'error');
    await register('payments', 9000);
    await clock.advanceAsync(30 * SECOND);
    expect(one('payments').status).toBe('error');
    expect(warnings[0]).toMatch(/Plugin "meddler" in hook verdict/);
  });

  test('does not fill the log when thousands die: it counts what it does not write', async () => {
    const { clock, network, register, infos, one } = await build({ monitor: { failures: 1 } });
    for (let port = 1; port <= 1_000; port++) {
      network.answers.set(port, 'error');
      await register(`service-${port}`, port);
    }
    await clock.advanceAsync(10 * SECOND);
    expect(one('service-1000').status).toBe('error');
    expect(infos).toHaveLength(200);
    await clock.advanceAsync(60 * SECOND);
    expect(infos.slice(200)).toEqual([
      '800 more such lines in a minute; rollcall show NAME says what ails a service.',
    ]);
  });

  test('takes nothing for a verdict that is none, and cuts what is too long for a line', async () => {
    const { clock, network, register, one, warnings } = await build({ monitor: { failures: 1 } });
    network.answers.set(9000, { says: { status: 'fine' as 'running', output: '', latencyMs: 1 } });
    await register('payments', 9000);
    await clock.advanceAsync(60 * SECOND);
    network.answers.set(9000, { says: { status: 'error', output: '', latencyMs: Number.NaN } });
    await clock.advanceAsync(60 * SECOND);
    expect(warnings).toEqual([
      expect.stringContaining('expected a verdict'),
      expect.stringContaining('not NaN'),
    ]);
    expect(one('payments').status).toBe('running');
    network.answers.set(9000, {
      says: { status: 'error', output: `a\n\u001b[31m${'b'.repeat(1_000)}`, latencyMs: 1 },
    });
    await clock.advanceAsync(60 * SECOND);
    expect(one('payments').reason).toMatch(/^fake 127.0.0.1:9000: a \[31mb{200,300} \(1 failure\)$/);
  });

  test('tells every verdict to who listens, and keeps the last for operation checks', async () => {
    const { clock, network, register, checks } = await build();
    await register('payments', 9000);
    expect(await checks('payments')).toEqual([{ instance: '127.0.0.1:9000', kind: 'fake' }]);
    await clock.advanceAsync(0);
    expect(network.verdicts).toEqual([{ instance: '127.0.0.1:9000', kind: 'fake', status: 'running' }]);
    expect(await checks('payments')).toEqual([
      {
        instance: '127.0.0.1:9000',
        kind: 'fake',
        status: 'running',
        output: 'it is running',
        latencyMs: 1,
        at: clock.now(),
        failures: 0,
      },
    ]);
    expect(await checks('unknown')).toEqual([]);
  });

  test('with `check: false` leaves records without checks of their own alone', async () => {
    const { clock, network, register } = await build({ monitor: { check: false } });
    await register('payments', 9000);
    await register('orders', 9001, { checks: [{ kind: 'fake' }] });
    await clock.advanceAsync(60 * SECOND);
    expect([network.count(9000), network.count(9001) > 0]).toEqual([0, true]);
  });

  test.each([
    [{ check: { kind: 'tpc' } }, /No plugin offers the checker "tpc"/],
    [{ check: { kind: 'fake', pth: '/' } }, /Did you mean "path"\?/],
  ])('does not boot with a default check that can not be run: %j', async (options, message) => {
    const { registry } = await build({ monitor: options, isStarted: false });
    await expect(registry.start()).rejects.toMatchObject({
      code: 'PLUGIN_OPTIONS',
      message: expect.stringMatching(message),
    });
  });

  test('checks nothing more once the registry has stopped', async () => {
    const { registry, clock, network, register, warnings } = await build();
    network.answers.set(9000, 'silent');
    await register('payments', 9000);
    await register('orders', 9001);
    await clock.advanceAsync(SECOND);
    const before = network.checked.length;
    await registry.stop();
    await clock.advanceAsync(60 * SECOND);
    expect(network.checked).toHaveLength(before);
    expect(network.aborted).toBe(1);
    expect(warnings).toEqual([]);
  });

  test('ends its checks before the checkers are gone, so that a stop raises no alarm', async () => {
    const clock = new FakeClock();
    const slow = definePlugin({
      name: 'slow-to-go',
      setup: (api) => api.onDispose(() => clock.advanceAsync(9 * SECOND)),
    });
    const { registry, register, warnings } = await build({ clock, plugin: slow });
    await register('payments', 9000, { checks: [{ kind: 'fake', interval: '1s' }] });
    await clock.advanceAsync(SECOND);
    await registry.stop();
    expect(warnings).toEqual([]);
  });

  test('keeps to its bound when many register at once, and still gets round to each', async () => {
    const { clock, network, register } = await build({ monitor: { inFlight: 10, timeout: '100ms' } });
    for (let port = 9000; port < 9100; port++) {
      network.answers.set(port, 'silent');
      await register('payments', port);
    }
    await clock.advanceAsync(50);
    expect(network.checked).toHaveLength(10);
    await clock.advanceAsync(1_000);
    expect(new Set(network.checked.map(({ port }) => port)).size).toBe(100);
  });
});
