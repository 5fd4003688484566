import { afterEach, describe, expect, test } from 'vitest';
import { build, stopHouses } from './support.js';

afterEach(stopHouses);

const SECOND = 1_000;
const REFUSED = { says: { status: 'error', output: 'ECONNREFUSED', latencyMs: 1 } } as const;

describe('a registration with checks of its own', () => {
  test('has those run, at their own pace and with their own options, and not the default', async () => {
    const { clock, network, register, one } = await build({ monitor: { interval: '60s' } });
    const checks = [{ kind: 'fake', path: '/health', interval: '1s', failures: 2 }];
    await register('payments', 9000, { checks });
    await clock.advanceAsync(5 * SECOND);
    expect(new Set(network.checked.map(({ path }) => path))).toEqual(new Set(['/health']));
    expect(network.count(9000)).toBeGreaterThanOrEqual(5);
    network.answers.set(9000, 'error');
    await clock.advanceAsync(2 * SECOND);
    expect(one('payments').status).toBe('error');
  });

  test('is as bad as the worst of them says', async () => {
    const { clock, network, register, one } = await build();
    const checks = ['/a', '/b', '/c'].map((path) => ({ kind: 'fake', path, failures: 1 }));
    network.answers.set('9000/b', 'degraded');
    await register('payments', 9000, { checks });
    await clock.advanceAsync(0);
    expect(one('payments').status).toBe('degraded');
    network.answers.set('9000/c', REFUSED);
    await clock.advanceAsync(10 * SECOND);
    const reason = 'fake 127.0.0.1:9000: ECONNREFUSED (1 failure)';
    expect(one('payments')).toMatchObject({ status: 'error', reason });
    network.answers.delete('9000/b');
    await clock.advanceAsync(10 * SECOND);
    expect(one('payments').status).toBe('error');
    network.answers.delete('9000/c');
    await clock.advanceAsync(10 * SECOND);
    expect(one('payments').status).toBe('running');
  });

  test('of an unknown kind is told once in the log what is meant, and the instance does not suffer', async () => {
    const { clock, network, register, one, warnings, checks } = await build();
    await register('payments', 9000, { checks: [{ kind: 'fakr' }, { kind: 'fake' }] });
    await register('payments', 9000, { checks: [{ kind: 'fakr' }, { kind: 'fake' }], version: '2' });
    await clock.advanceAsync(60 * SECOND);
    expect(warnings).toEqual([
      'A check of "payments" (127.0.0.1:9000) is not run: No plugin offers the checker "fakr". Did you mean "fake"?',
    ]);
    expect(network.count(9000)).toBeGreaterThanOrEqual(6);
    expect(one('payments').status).toBe('running');
    expect(await checks('payments')).toContainEqual(
      expect.objectContaining({ kind: 'fakr', problem: expect.any(String) }),
    );
  });

  test.each([
    [{ kind: 'fake', pth: '/' }, /unknown key "pth". Did you mean "path"\?/],
    [{ kind: 'fake', interval: '1ms' }, /"interval": expected a duration from 1000 ms/],
    [{ kind: 'fake', retry: '10ms' }, /"retry": expected a duration from 100 ms/],
    [{ kind: 'fake', timeout: '1h' }, /"timeout": expected a duration/],
    [{ kind: 'fake', failures: 0 }, /"failures"/],
  ])('that makes no sense, %j, is not run, and the log says what is wrong', async (check, message) => {
    const { clock, network, register, warnings } = await build();
    await register('payments', 9000, { checks: [check] });
    await clock.advanceAsync(60 * SECOND);
    expect(network.checked).toEqual([]);
    expect(warnings).toEqual([expect.stringMatching(message)]);
  });

  test('that it later drops is no longer held against it', async () => {
    const { clock, network, register, one } = await build({ monitor: { check: false } });
    network.answers.set(9000, 'error');
    await register('payments', 9000, { checks: [{ kind: 'fake' }] });
    await clock.advanceAsync(60 * SECOND);
    expect(one('payments').status).toBe('error');
    await register('payments', 9000);
    expect(one('payments').status).toBe('running');
  });
});
