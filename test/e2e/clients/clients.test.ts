import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRegistry, definePlugin, type ServiceRecord, silentLogger } from '../../../core/index.js';
import xmlRpc from '../../../plugins/transports/xml-rpc/index.js';
import { needsPackages } from '../../support/needs.js';
import { runProgram } from '../../support/run-program.js';
import { CLIENTS, type Client, PYTHON_VARIANTS } from './clients.js';
import { type Language, shell } from './language.js';
import { expectStory, GREETING } from './story.js';

/** A cold compiler on a busy machine takes its time. */
const TIMEOUT_MS = 90_000;

const root = fileURLToPath(new URL('../../..', import.meta.url));
const stories = join(root, 'test/e2e/clients/stories');
const page = await readFile(join(root, 'docs/clients.md'), 'utf8');
/** The page's programs, by the heading they stand under. */
const shown = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map(
      (section) =>
        [section.slice(0, section.indexOf('\n')), /^```(\w+)\n([\s\S]*?)^```$/m.exec(section)] as const,
    )
    .filter(([, program]) => program !== null),
);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rollcall-clients-'));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Opens a registry of its own for one client, and notes what is registered there. */
async function withRegistry(
  run: (parts: { url: string; port: number; registered: ServiceRecord[] }) => Promise<void>,
): Promise<void> {
  const registered: ServiceRecord[] = [];
  const recorder = definePlugin({
    name: 'recorder',
    setup: (api) => api.hooks.registered.tap((record) => registered.push(record)),
  });
  const config = { store: 'memory', plugins: [[xmlRpc, { port: 0 }] as const, recorder] };
  const registry = await createRegistry({ config, logger: silentLogger });
  try {
    await registry.start();
    const [door] = registry.doors;
    if (door === undefined) throw new Error('no door');
    await run({ url: door.url, port: door.address.port, registered });
  } finally {
    await registry.stop();
  }
}

/** The command that runs a program, compiled first where it must be. */
async function commandOf({ run, compile, env }: Language, source: string): Promise<readonly string[]> {
  if (compile === undefined) return run?.(source) ?? [];
  const program = join(folder, `${basename(source)}.program`);
  const compiled = await runProgram(compile(source, program), {
    folder,
    env: { ...env, GOCACHE: join(folder, 'go-cache') },
    timeoutMs: TIMEOUT_MS,
  });
  expect(compiled).toMatchObject({ code: 0, err: '' });
  return [program];
}

async function tellStory(client: Client, ...variant: string[]): Promise<void> {
  const command = await commandOf(client.language, join(stories, client.story));
  await withRegistry(async ({ url, port, registered }) => {
    const address = client.takesHostAndPort === true ? ['127.0.0.1', String(port)] : [url];
    const { code, out, err } = await runProgram([...command, ...address, ...variant]);
    if (code !== 0) throw new Error(`exit ${code}: ${err}\n${out}`);
    expectStory(out, client);
    // What was sent is what arrived, whatever the client makes of the answers.
    const { greeting = GREETING, hasNoStructs = false } = client;
    expect(registered.map(({ port, tags, meta }) => ({ port, tags, meta }))).toEqual([
      { port: 9000, tags: [], meta: {} },
      { port: 9001, ...(hasNoStructs ? { tags: [], meta: {} } : { tags: ['new'], meta: { greeting } }) },
    ]);
  });
}

async function runShown(name: string, language: Language): Promise<void> {
  const [, fence, program = ''] = shown.get(name) ?? [];
  expect(fence).toBe(language.fence);
  const source = join(folder, name.replace(/\W+/g, '-') + language.file);
  await withRegistry(async ({ port, registered }) => {
    expect(program).toContain('8800');
    await writeFile(source, program.replaceAll('8800', String(port)));
    const { code, out, err } = await runProgram(await commandOf(language, source), { folder });
    if (code !== 0) throw new Error(`exit ${code}: ${err}\n${out}`);
    expect(registered).toMatchObject([
      { name: 'payments', host: '127.0.0.1', port: 9000, status: 'running' },
    ]);
    expect(out + err).toMatch(/127\.0\.0\.1\b[\s\S]*\b9000\b/);
  });
}

const found = CLIENTS.map((client) => ({ client, ...needsPackages(client.packages, ...client.probe) }));
const [python] = found;
const curl = needsPackages('curl', 'curl', '--version');

describe.concurrent('with a stock client, unchanged, a service registers, is found and goes', () => {
  for (const { client, isMet, note } of found) {
    test.skipIf(!isMet)(`${client.name}${note}`, () => tellStory(client), TIMEOUT_MS);
  }
  for (const [variant, args] of Object.entries(PYTHON_VARIANTS)) {
    test.skipIf(!python?.isMet)(
      `${python?.client.name}, ${variant}${python?.note}`,
      () => tellStory(python?.client as Client, ...args),
      TIMEOUT_MS,
    );
  }
});

describe.concurrent('what docs/clients.md shows registers, as it is', () => {
  for (const { client, isMet, note } of found) {
    test.skipIf(!isMet)(`${client.name}${note}`, () => runShown(client.name, client.language), TIMEOUT_MS);
  }
  test.skipIf(!curl.isMet)(`Shell: curl${curl.note}`, () => runShown('Shell: curl', shell));
});

describe.concurrent('curl', () => {
  const ask = (url: string, ...args: string[]) =>
    runProgram(['curl', '-sS', '-H', 'Content-Type: text/xml', '-w', ' %{http_code}', ...args, url]);
  const count = '<methodCall><methodName>get_reg_count</methodName></methodCall>';

  test.skipIf(!curl.isMet).each([
    ['by HTTP/1.0', '--http1.0'],
    ['that offers HTTP/2', '--http2'],
    ['that awaits 100 Continue', '--header', 'Expect: 100-continue'],
    ['that sends chunks', '--header', 'Transfer-Encoding: chunked'],
    ['that would take a packed answer', '--compressed'],
  ])(`%s is answered${curl.note}`, (_, ...args) =>
    withRegistry(async ({ url }) => {
      const { out, err } = await ask(url, '--data', count, ...args);
      expect({ out, err }).toEqual({ out: expect.stringMatching(/<int>0<\/int>.* 200$/), err: '' });
    }),
  );

  test.skipIf(!curl.isMet)(`whose body is too large is told so before it sends it${curl.note}`, () =>
    withRegistry(async ({ url }) => {
      const large = join(folder, 'large.xml');
      await writeFile(large, `${count}${' '.repeat(2 * 1024 * 1024)}`);
      const { out } = await ask(url, '--data-binary', `@${large}`, '-w', ' %{http_code} %{size_upload}');
      expect(out).toMatch(/REQUEST_TOO_LARGE.*\n 413 0$/);
    }),
  );
});

test('docs/clients.md shows every client that is driven here, and no other', () => {
  expect([...shown.keys()].toSorted()).toEqual(
    [...CLIENTS.map(({ name }) => name), 'Shell: curl'].toSorted(),
  );
});
