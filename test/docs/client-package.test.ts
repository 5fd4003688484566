import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const page = await readFile(join(root, 'docs', 'client.md'), 'utf8');

/** A program's folder with Rollcall installed from the files that `npm pack` would publish, and Node's types. */
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rollcall-client-'));
  const packed = spawnSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], {
    cwd: root,
    encoding: 'utf8',
  });
  expect(packed.stderr).toBe('');
  const modules = join(folder, 'node_modules');
  await mkdir(modules);
  expect(spawnSync('tar', ['xzf', packed.stdout.trim(), '-C', modules], { cwd: folder }).status).toBe(0);
  await rename(join(modules, 'package'), join(modules, 'rollcall'));
  // What npm would install beside it.
  const { dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  for (const name of [...Object.keys(dependencies), '@types', 'undici-types', 'fastify']) {
    await symlink(join(root, 'node_modules', name), join(modules, name));
  }
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function run(...parts: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, parts, { cwd: folder, encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

test('a program that has installed the package imports the client, which loads nothing of the registry and no package', async () => {
  const tellLoaded = `
    import { writeSync } from 'node:fs';
    export async function load(url, context, next) {
      writeSync(1, url + '\\n');
      return next(url, context);
    }
  `;
  const program = `
    import { register } from 'node:module';
    register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(tellLoaded)}));
    const { RegistryClient, RegistryError, RegistryFault, systemClock } = await import('rollcall/client');
    console.log([RegistryClient, RegistryError, RegistryFault, systemClock].map((one) => typeof one).join());
  `;
  await writeFile(join(folder, 'loaded.js'), program);
  const { status, output } = run('loaded.js');
  expect({ status, output }).toEqual({
    status: 0,
    output: expect.stringContaining('function,function,function,object'),
  });
  const loaded = [...output.matchAll(/^file:.*\/dist\/(.*)$/gm)].map(([, path = '']) => path);
  expect(loaded).toContain('plugins/transports/xml-rpc/client/registry-client.js');
  const allowed =
    /^(plugins\/transports\/xml-rpc\/(client\/[\w-]+|reader[\w-]*|writer|values|faults)|core\/(errors|clock|nearest|json|servicedb\/record))\.js$/;
  expect(loaded.filter((path) => !allowed.test(path))).toEqual([]);
  const packages = new Set(output.match(/(?<=\/node_modules\/)(@[^/]+\/)?[^/]+(?=\/)/g));
  expect([...packages]).toEqual(['rollcall']);
});

const TYPED = `
  import { type Instance, RegistryClient, RegistryFault } from 'rollcall/client';

  const reg = new RegistryClient(['http://127.0.0.1:8800', 'http://127.0.0.1:8801'], {
    onEvent: (event) => { if (event.type === 'lost') console.log(event.error.code === 'UNREACHABLE'); },
  });
  export async function work(signal: AbortSignal): Promise<void> {
    await using me = await reg.register('payments', { port: 9000, signal });
    await me.updateStatus('draining');
    const { instances, ageMs, isLive } = await reg.lookup('payments');
    const first: Instance | undefined = instances[0];
    console.log(first?.address, ageMs.toFixed(), isLive === true);
    for await (const { kind, instance } of reg.watch('payments', { signal })) console.log(kind, instance.status);
    const count: number = await reg.call('get_reg_count');
    const custom: unknown = await reg.call('registration_counts');
    console.log(count, custom, await reg.choose('payments', { by: 'weighted' }));
    // @ts-expect-error No such strategy.
    await reg.choose('payments', { by: 'best' });
    // @ts-expect-error A parameter of another type.
    await reg.call('lookup', 7);
    // @ts-expect-error An instance is not to be changed.
    if (first) first.port = 1;
  }
  export const isFault = (error: unknown): boolean => error instanceof RegistryFault && error.code === 'NO_INSTANCE';
`;

/** What the page's blocks take for granted after its first. */
const PREAMBLE = `
  import type { Server } from 'node:http';
  import { RegistryClient } from 'rollcall/client';
  declare const reg: RegistryClient;
  declare const port: number;
  declare const server: Server;
  export {};
`;

describe('a TypeScript program is given its types', () => {
  const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code);

  test.each([
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ])(
    'with module %s and moduleResolution %s, and so is what docs/client.md shows',
    async (module, moduleResolution) => {
      expect(blocks.length).toBeGreaterThan(5);
      const files = ['typed.ts'];
      await writeFile(join(folder, 'typed.ts'), TYPED);
      for (const [index, block] of blocks.entries()) {
        files.push(`block-${index}.ts`);
        await writeFile(join(folder, `block-${index}.ts`), index === 0 ? block : PREAMBLE + block);
      }
      // The types of libraries are checked too.
      const options = { strict: true, noEmit: true, skipLibCheck: false, target: 'es2022', types: ['node'] };
      const config = { compilerOptions: { ...options, module, moduleResolution }, files };
      await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
      expect(run(compiler, '-p', '.')).toEqual({ status: 0, output: '' });
    },
  );
});
