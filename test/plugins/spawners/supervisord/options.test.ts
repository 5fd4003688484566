import { expect, test } from 'vitest';
import { createRegistry, silentLogger } from '../../../../core/index.js';
import tcpChecker from '../../../../plugins/checkers/tcp/index.js';
import supervisordSpawner from '../../../../plugins/spawners/supervisord/index.js';
import supervisor from '../../../../plugins/supervisor/index.js';

const ONE = { main: { url: 'http://127.0.0.1:9001' } };
const TWO = { ...ONE, other: { url: 'unix:///run/supervisor.sock', user: 'ann', password: 'x' } };

async function boot(servers: object, spec: object): Promise<void> {
  const services = { one: { spawner: 'supervisord', port: 9, instances: { min: 0, max: 1 }, ...spec } };
  const plugins = [tcpChecker, [supervisordSpawner, { servers }], [supervisor, { services }]];
  const registry = await createRegistry({
    config: { store: 'memory', plugins: plugins as never },
    logger: silentLogger,
  });
  try {
    await registry.start();
  } finally {
    await registry.stop();
  }
}

test.each([
  [{}, { program: 'a' }, /expected one server/],
  [{ main: { url: 'https://x' } }, { program: 'a' }, /servers\.main\.url.*expected 'http:\/\/HOST:PORT'/],
  [{ main: { url: 'http://x', user: 'a' } }, { program: 'a' }, /either both of `user` and `password`/],
  [ONE, {}, /program/],
  [ONE, { program: 'group:*' }, /services\.one\.program.*expected 'name' or 'group:name'/],
  [ONE, { program: 'group:' }, /expected 'name' or 'group:name'/],
  [ONE, { program: 'a', on: 'x' }, /expected one of the servers of supervisord-spawner: main/],
  [TWO, { program: 'a' }, /expected one of the servers of supervisord-spawner: main, other/],
])('%j with %j stops the boot', (servers, spec, expected) =>
  expect(boot(servers, spec)).rejects.toThrow(expected),
);

test('one server need not be named, two must', async () => {
  await boot(ONE, { program: 'a' });
  await boot(TWO, { program: 'group:a', on: 'other' });
});
