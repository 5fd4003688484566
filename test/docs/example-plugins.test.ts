import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
// By the package's own name, as an author would: the build, not the source.
import { type ConfigInput, createRegistry, type Registry, silentLogger } from 'rollcall';
import { builtins } from 'rollcall/plugins';
import { afterEach, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const example = (name: string) => join(root, 'docs', 'examples', name);

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(config: ConfigInput, folder = root): Promise<Registry> {
  const registry = await createRegistry({ config, builtins, folder, logger: silentLogger });
  cleanups.push(() => registry.stop());
  await registry.start();
  return registry;
}

test('the policy example refuses names outside its list', async () => {
  const { services } = await start({
    store: 'memory',
    plugins: [[example('allowed-names.js'), { allowed: ['payments'] }]],
  });
  await expect(async () =>
    services.register({ name: 'other', host: '127.0.0.1', port: 9000 }),
  ).rejects.toMatchObject({
    code: 'REFUSED',
    message: '"other" is none of payments.',
  });
  const { id } = await services.register({ name: 'payments', host: '127.0.0.1', port: 9000 });
  expect(id).toBe(1);
});

test('the policy example stops the start when its options are wrong', async () => {
  const config = {
    store: 'memory',
    plugins: [[example('allowed-names.js'), { alowed: ['payments'] }]],
  } as ConfigInput;
  await expect(createRegistry({ config, logger: silentLogger })).rejects.toMatchObject({
    code: 'PLUGIN_OPTIONS',
    message: expect.stringMatching(/"allowed-names".*alowed.*Did you mean "allowed"/s),
  });
});

test("the README's spawner starts a module, which is found, and is gone when it ends", async () => {
  const folder = await mkdtemp(join(tmpdir(), 'rollcall-worker-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  const program = `
    import { createServer } from 'node:http';
    createServer((_, response) => { response.end('bye'); process.exit(); }).listen(Number(process.env.PORT), '127.0.0.1');
  `;
  await writeFile(join(folder, 'service.mjs'), program);
  const { services } = await start(
    {
      store: 'memory',
      plugins: [
        'tcp-checker',
        example('worker-spawner.js'),
        [
          'supervisor',
          {
            services: {
              thread: { spawner: 'worker', module: './service.mjs', instances: { min: 0, max: 1 } },
            },
          },
        ],
      ],
    },
    folder,
  );
  const { host, port } = await services.resolve('thread', { waitMs: 10_000 });
  expect(services.lookup('thread').records).toHaveLength(1);
  expect(await (await fetch(`http://${host}:${port}/`)).text()).toBe('bye');
  await expect
    .poll(() => services.lookup('thread').records.some((record) => record.port === port))
    .toBe(false);
});
