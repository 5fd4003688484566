import { afterEach, expect, test } from 'vitest';
import { build, stopHouses } from './support.js';

afterEach(stopHouses);

const SECOND = 1_000;

test('services are checked as the configuration says for their name, by pattern, or for all', async () => {
  const { clock, network, register } = await build({
    monitor: {
      check: { kind: 'fake', path: '/all' },
      services: {
        'pay*': { kind: 'fake', path: '/pay' },
        payments: [
          { kind: 'fake', path: '/a' },
          { kind: 'fake', path: '/b' },
        ],
        '*-batch': false,
        'a*b*c': { kind: 'fake', path: '/abc' },
      },
    },
  });
  const names = [
    'payments',
    'payroll',
    'night-batch',
    'pay-batch',
    'other',
    'a1b2c',
    'abc',
    'acb',
    'ab',
    'own',
  ];
  for (const [index, name] of names.entries()) {
    const own = name === 'own' ? { checks: [{ kind: 'fake', path: '/own' }] } : {};
    await register(name, 9000 + index, own);
  }
  await clock.advanceAsync(0);
  const paths = names.map((_, index) =>
    network.checked.filter(({ port }) => port === 9000 + index).map(({ path }) => path),
  );
  expect(paths).toEqual([
    ['/a', '/b'],
    ['/pay'],
    [],
    ['/pay'],
    ['/all'],
    ['/abc'],
    ['/abc'],
    ['/all'],
    ['/all'],
    ['/own'],
  ]);
});

test('a pattern that overlaps itself fits nothing that is too short for it', async () => {
  const { clock, network, register } = await build({
    monitor: { check: false, services: { 'ab*ba': { kind: 'fake' } } },
  });
  await register('aba', 9000);
  await register('abba', 9001);
  await clock.advanceAsync(0);
  expect([network.count(9000), network.count(9001)]).toEqual([0, 1]);
});

test('a check of the configuration that can not be run stops the boot, and says where it stands', async () => {
  const { registry } = await build({
    monitor: { services: { 'pay*': [{ kind: 'fake' }, { kind: 'fake', pth: '/' }] } },
    isStarted: false,
  });
  await expect(registry.start()).rejects.toMatchObject({
    code: 'PLUGIN_OPTIONS',
    message: 'Plugin "monitor", option "services.pay*.1": unknown key "pth". Did you mean "path"?',
  });
});

test('an instance that its checks took for dead is checked at once when it registers again', async () => {
  const { clock, network, register, one } = await build();
  network.answers.set(9000, 'error');
  await register('payments', 9000);
  await clock.advanceAsync(3_600 * SECOND);
  const before = network.count(9000);
  await clock.advanceAsync(300 * SECOND);
  // Long dead, it is looked at once a minute.
  expect(network.count(9000) - before).toBe(5);
  await clock.advanceAsync(5 * SECOND);
  network.answers.delete(9000);
  await register('payments', 9000);
  await clock.advanceAsync(0);
  expect(one('payments').status).toBe('running');
});

test('an instance that says every moment that it is well, and is not, is not checked at each word', async () => {
  const { clock, network, register } = await build();
  network.answers.set(9000, 'error');
  await register('payments', 9000);
  await clock.advanceAsync(60 * SECOND);
  const before = network.count(9000);
  for (let word = 0; word < 100; word++) {
    await register('payments', 9000);
    await clock.advanceAsync(100);
  }
  expect(network.count(9000) - before).toBeLessThanOrEqual(6);
});

test('a registration may have looked at what changes nothing, and more only where the operator allows it', async () => {
  const checks = [{ kind: 'poke', harmless: true }, { kind: 'poke' }];
  const careful = await build();
  await careful.register('payments', 9000, { checks });
  await careful.clock.advanceAsync(SECOND);
  expect(careful.network.count(9000)).toBe(1);
  expect(careful.warnings).toEqual([
    expect.stringMatching(
      /is not run: this check of kind "poke" may change something .*`allowChanges: true`/,
    ),
  ]);
  const open = await build({ monitor: { allowChanges: true } });
  await open.register('payments', 9000, { checks });
  await open.clock.advanceAsync(SECOND);
  expect([open.network.count(9000), open.warnings]).toEqual([2, []]);
  const configured = await build({ monitor: { check: { kind: 'poke' } } });
  await configured.register('payments', 9000);
  await configured.clock.advanceAsync(SECOND);
  expect(configured.network.count(9000)).toBe(1);
});

test('a program is run for a registration only where the operator allows it, and says who may ask', async () => {
  const refused = await build();
  await refused.register('payments', 9000, { checks: [{ kind: 'shell' }] });
  await refused.clock.advanceAsync(SECOND);
  expect(refused.network.checked).toEqual([]);
  expect(refused.warnings).toEqual([
    expect.stringMatching(/^A check of "payments" .* is not run: checks of kind "shell" run programs/),
  ]);
  // Allowed it may be, but without an access plugin anyone could ask.
  const open = await build({ monitor: { allowCommands: true } });
  await open.register('payments', 9000, { checks: [{ kind: 'shell' }] });
  await open.clock.advanceAsync(SECOND);
  expect(open.network.checked).toEqual([]);
  const guarded = await build({
    monitor: { allowCommands: true },
    plugin: { name: 'access', setup: (api) => api.hooks.authorize.tapPromise(async () => undefined) },
  });
  await guarded.register('payments', 9000, { checks: [{ kind: 'shell' }] });
  await guarded.clock.advanceAsync(SECOND);
  expect(guarded.network.count(9000)).toBe(1);
});
