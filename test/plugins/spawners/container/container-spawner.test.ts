import { once } from 'node:events';
import { link, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { createRegistry, type SpawnInput, silentLogger } from '../../../../core/index.js';
import { builtins } from '../../../../plugins/index.js';
import { createContainerSpawner } from '../../../../plugins/spawners/container/container-spawner.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { recordingLogger } from '../../../support/recording-logger.js';
import { tempFolder } from '../../../support/temp-folder.js';
import { FakeEngine, hang, ID, json, refuse, state } from './fake-engine.js';

const closings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closings.splice(0)) await close();
});

type Spawn = SpawnInput<ReturnType<ReturnType<typeof createContainerSpawner>['spec']['parse']>>;

/** A spawner with the clock in the test's hand. */
async function createSubject(socket: string) {
  const clock = new FakeClock();
  const log = recordingLogger();
  const spawner = createContainerSpawner({ clock, logger: log.logger, socket });
  closings.push(async () => {
    const closed = spawner.close();
    await until(async () => clock.advance(1_000), closed);
  });
  const folder = await tempFolder();
  const input = (spec: object = {}, overrides: Partial<Spawn> = {}): Spawn => ({
    service: 'web',
    instance: 'web-1',
    spec: spawner.spec.parse({ image: 'web:1', ...spec }),
    port: 9_000,
    env: { PORT: '9000', HOST: '127.0.0.1' },
    logFile: join(folder, '1.log'),
    signal: new AbortController().signal,
    ...overrides,
  });
  return { spawner, clock, log, input };
}

async function withEngine(answers: FakeEngine['answers'] = {}) {
  const engine = await FakeEngine.create(answers);
  closings.push(() => engine.close());
  return { engine, ...(await createSubject(engine.socket)) };
}

/** Goes on with a step, such as a second of the clock, until a promise is settled. */
async function until<T>(step: () => unknown, goal: Promise<T>): Promise<T> {
  let isSettled = false;
  const settle = () => {
    isSettled = true;
  };
  goal.then(settle, settle);
  while (!isSettled) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    if (!isSettled) await step();
  }
  return goal;
}

/** Waits until something is so, with a step before each look. */
async function untilTrue(
  isSo: () => boolean | Promise<boolean>,
  step: () => unknown = () => {},
): Promise<void> {
  while (!(await isSo())) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    await step();
  }
}

describe('what the engine is asked to make', () => {
  const made = async (spec: object, overrides: Partial<Spawn> = {}) => {
    const { engine, spawner, input } = await withEngine();
    await spawner.spawn(input(spec, overrides));
    const { query, body } = engine.asked.find(({ path }) => path === '/containers/create') ?? {};
    return { name: query?.get('name'), body: body as { [key: string]: never } };
  };

  test('is the image in the network of the machine, and no more than the spec says', async () => {
    const { name, body } = await made({ env: { COLOUR: 'red', PORT: '1' } });
    expect(name).toBe('web-1');
    const { Labels, ...rest } = body;
    expect(rest).toEqual({
      Image: 'web:1',
      Env: ['COLOUR=red', 'PORT=9000', 'HOST=127.0.0.1'],
      HostConfig: { NetworkMode: 'host', Mounts: [] },
    });
    expect(Labels).toMatchObject({ 'rollcall.service': 'web', 'rollcall.instance': 'web-1' });
  });

  test('has every part of the spec', async () => {
    const spec = {
      command: ['serve', '--all'],
      entrypoint: ['/bin/run'],
      mounts: ['/srv/a:/a', '/srv/b:/b:ro'],
      user: 'www:www',
      workdir: '/srv',
      memory: '256m',
      cpus: 1.5,
      ulimits: { nofile: 1_024, core: 0 },
      init: true,
    };
    expect((await made(spec)).body).toMatchObject({
      Cmd: ['serve', '--all'],
      Entrypoint: ['/bin/run'],
      User: 'www:www',
      WorkingDir: '/srv',
      HostConfig: {
        Mounts: [
          { Type: 'bind', Source: '/srv/a', Target: '/a', ReadOnly: false },
          { Type: 'bind', Source: '/srv/b', Target: '/b', ReadOnly: true },
        ],
        Memory: 256 * 1_024 ** 2,
        NanoCpus: 1.5e9,
        Ulimits: [
          { Name: 'nofile', Soft: 1_024, Hard: 1_024 },
          { Name: 'core', Soft: 0, Hard: 0 },
        ],
        Init: true,
      },
    });
  });

  test.each([
    ['127.0.0.1', '127.0.0.1'],
    ['localhost', '127.0.0.1'],
    ['::1', '::1'],
  ])('in another network listens on all of it, and is published on %s', async (host, published) => {
    const { body } = await made({ network: 'bridge' }, { env: { PORT: '9000', HOST: host } });
    expect(body).toMatchObject({
      Env: ['PORT=9000', 'HOST=0.0.0.0'],
      ExposedPorts: { '9000/tcp': {} },
      HostConfig: {
        NetworkMode: 'bridge',
        PortBindings: { '9000/tcp': [{ HostIp: published, HostPort: '9000' }] },
      },
    });
  });

  test('is not published on a name, which is no address', async () => {
    await expect(made({ network: 'bridge' }, { env: { HOST: 'web.internal' } })).rejects.toThrow(
      /"web\.internal".*Set `host`/,
    );
  });

  test('has a name of the letters that engines allow', async () => {
    expect((await made({}, { instance: '_a b/c' })).name).toBe('x_a-b-c');
  });
});

describe('an image that is not there', () => {
  const missing = refuse(404, 'No such image: web:1');
  const pulling = (lines: string) => ({
    'POST /images/create': (response: { end(text: string): unknown }) => response.end(lines),
  });

  test('is pulled, and the start goes on', async () => {
    const { engine, spawner, input } = await withEngine(pulling('{"status":"Pulling"}\n{"status":"Done"}\n'));
    const { 'POST /containers/create': create } = engine.answers;
    engine.answers['POST /containers/create'] = (response, asked) =>
      (engine.count('POST /images/create') === 0 ? missing : create)?.(response, asked);
    expect((await spawner.spawn(input({ image: 'registry:5000/web' }))).ref.id).toBe(ID);
    const { query } = engine.asked.find(({ path }) => path === '/images/create') ?? {};
    // Without a tag, an engine would pull all there are.
    expect(query?.get('fromImage')).toBe('registry:5000/web:latest');
  });

  test('that can not be pulled fails the start with what the engine said', async () => {
    const { spawner, input } = await withEngine({
      ...pulling(`${'x'.repeat(500_000)}\n{"status":"Pulling"}\n{"error":"pull access denied for web"}`),
      'POST /containers/create': missing,
    });
    await expect(spawner.spawn(input())).rejects.toMatchObject({
      code: 'SPAWN_FAILED',
      message: expect.stringMatching(
        /"web:1" for service "web": .*pull access denied for web". Mend `image`/,
      ),
    });
  });

  test('is pulled no longer than the start is wanted', async () => {
    const giveUp = new AbortController();
    const { engine, spawner, input } = await withEngine({
      'POST /images/create': hang,
      'POST /containers/create': missing,
    });
    const start = spawner.spawn(input({}, { signal: giveUp.signal }));
    start.catch(() => {});
    await untilTrue(() => engine.count('POST /images/create') > 0);
    giveUp.abort();
    await expect(start).rejects.toThrow('given up');
  });
});

describe('a start that fails says what to do', () => {
  test('for a socket that is not there', async () => {
    const { spawner, input } = await createSubject('/no/such.sock');
    await expect(spawner.spawn(input())).rejects.toThrow(
      /no socket \/no\/such\.sock.*Start Docker or podman/,
    );
  });

  test('for a socket on which nobody listens', async () => {
    const folder = await tempFolder();
    const server = createServer().listen(join(folder, 'live.sock'));
    await once(server, 'listening');
    // Node removes the socket of a server that it closes, as one that was killed can't.
    await link(join(folder, 'live.sock'), join(folder, 'dead.sock'));
    server.close();
    const { spawner, input } = await createSubject(join(folder, 'dead.sock'));
    await expect(spawner.spawn(input())).rejects.toThrow(/nobody listens at .*dead\.sock/);
  });

  test.each([
    [
      'a port in use',
      'driver failed: Bind for 127.0.0.1:9000 failed: port is already allocated',
      /Stop what listens on port 9000/,
    ],
    ['a missing folder', 'invalid mount config: bind source path does not exist: /srv', /mend `mounts`/],
    [
      'what nobody foresaw',
      `strange\n\u202e${'x'.repeat(5_000)}`,
      /the engine says "strange\?\?x{900,}…"\.$/,
    ],
  ])('for %s', async (_, said, expected) => {
    const { engine, spawner, input } = await withEngine({ 'POST /containers/ID/start': refuse(500, said) });
    await expect(spawner.spawn(input())).rejects.toThrow(expected);
    // What was made for it is removed.
    expect(engine.count('DELETE /containers/ID')).toBe(1);
  });

  test('for an engine that does not answer, and what it may have made all the same is removed', async () => {
    const { engine, spawner, clock, input } = await withEngine({
      'POST /containers/create': () => {},
      'GET /containers/json': json([
        { Id: ID, Labels: { 'rollcall.service': 'web', 'rollcall.instance': 'web-1' } },
        { Id: 'b'.repeat(64), Labels: { 'rollcall.service': 'web', 'rollcall.instance': 'web-2' } },
        { Id: 'c'.repeat(64), Labels: null },
      ]),
    });
    const start = spawner.spawn(input());
    await untilTrue(() => engine.count('POST /containers/create') > 0);
    const failed = expect(start).rejects.toThrow(/not answered within 30000 ms/);
    await clock.advance(30_000);
    await failed;
    expect(engine.asked.filter(({ method }) => method === 'DELETE').map(({ path }) => path)).toEqual([
      '/containers/ID',
    ]);
  });
});

describe('the end of a container', () => {
  test('is not told while the engine is away, and once it is back', async () => {
    const { engine, spawner, clock, log, input } = await withEngine();
    const { exited } = await spawner.spawn(input());
    await untilTrue(() => engine.count('POST /containers/ID/wait') > 0);
    await engine.close();
    await untilTrue(() => log.messages('warn').length > 0);
    for (let seconds = 0; seconds < 600; seconds++) await clock.advance(1_000);
    engine.answers['POST /containers/ID/wait'] = json({ StatusCode: 9 });
    await engine.listen();
    expect(await until(() => clock.advance(1_000), exited)).toEqual({ code: 9, signal: null });
    expect(log.messages('warn')).toHaveLength(1);
    expect(log.messages('info')).toEqual([expect.stringContaining('answers again')]);
  });

  test.each([
    ['no JSON', (response: { end(text: string): unknown }) => response.end('<html>')],
    ['null', json(null)],
    ['no number', json({ StatusCode: { $gt: 0 } })],
    [
      'a redirect',
      (response: { writeHead(status: number, headers: object): { end(): unknown } }) =>
        response.writeHead(302, { Location: 'ftp://x/' }).end(),
    ],
    [
      'an endless one',
      (response: { write(text: string): unknown; end(): unknown }) => {
        for (let count = 0; count < 80; count++) response.write('x'.repeat(65_536));
        response.end();
      },
    ],
    [
      'an upgrade',
      (response: { writeHead(status: number, headers: object): { end(): unknown } }) =>
        response.writeHead(101, { Connection: 'Upgrade', Upgrade: 'tcp' }).end(),
    ],
    [
      'a broken one',
      (response: { write(text: string): unknown; destroy(): unknown }) => {
        response.write('{"Status');
        response.destroy();
      },
    ],
  ])('is looked up where the answer about it is %s', async (_, answer) => {
    const { engine, spawner, clock, input } = await withEngine({
      'POST /containers/ID/wait': answer as never,
    });
    const { exited } = await spawner.spawn(input());
    await untilTrue(
      () => engine.count('POST /containers/ID/wait') > 1,
      () => clock.advance(100),
    );
    engine.answers['GET /containers/ID/json'] = state(false, 5);
    expect(await until(() => clock.advance(1_000), exited)).toEqual({ code: 5, signal: null });
  });

  test('of one that another has removed has no code', async () => {
    const { spawner, input } = await withEngine({
      'POST /containers/ID/wait': refuse(404, 'no such container'),
    });
    expect(await (await spawner.spawn(input())).exited).toEqual({ code: null, signal: null });
  });

  test('is asked for anew after some minutes, in case the engine has forgotten it', async () => {
    const { engine, spawner, clock, input } = await withEngine();
    await spawner.spawn(input());
    await untilTrue(() => engine.count('POST /containers/ID/wait') === 1);
    await clock.advance(300_000);
    await untilTrue(
      () => engine.count('POST /containers/ID/wait') === 2,
      () => clock.advance(10),
    );
  });

  test('is followed by its removal, which is tried again where it fails', async () => {
    const { engine, spawner, clock, input } = await withEngine({
      'POST /containers/ID/wait': json({ StatusCode: 0 }),
      'GET /containers/ID/logs': (response) => response.end(),
      'DELETE /containers/ID': refuse(500, 'busy'),
    });
    await (await spawner.spawn(input())).exited;
    await untilTrue(() => engine.count('DELETE /containers/ID') > 0);
    engine.answers['DELETE /containers/ID'] = (response) => response.writeHead(204).end();
    await untilTrue(
      () => engine.count('DELETE /containers/ID') > 1,
      () => clock.advance(1_000),
    );
  });
});

describe('stopping', () => {
  test('one that has just ended is no error, whatever the engine says', async () => {
    const { spawner, input, engine } = await withEngine({
      'POST /containers/ID/kill': refuse(500, 'improper state'),
    });
    const handle = await spawner.spawn(input());
    engine.answers['GET /containers/ID/json'] = state(false);
    await handle.stop('SIGTERM');
    engine.answers['GET /containers/ID/json'] = refuse(404, 'no such container');
    await handle.stop('SIGKILL');
  });

  test('one that runs on says why', async () => {
    const { spawner, input } = await withEngine({
      'POST /containers/ID/kill': refuse(500, 'permission denied'),
    });
    await expect((await spawner.spawn(input())).stop('SIGTERM')).rejects.toThrow('permission denied');
  });
});

describe('output', () => {
  const frame = (stream: number, text: string) => {
    const header = Buffer.alloc(8);
    header[0] = stream;
    header.writeUInt32BE(Buffer.byteLength(text), 4);
    return Buffer.concat([header, Buffer.from(text)]);
  };
  const copied = async (pieces: readonly Buffer[], expected: string) => {
    const { spawner, input } = await withEngine({
      'GET /containers/ID/logs': async (response) => {
        response.writeHead(200);
        for (const piece of pieces) {
          response.write(piece);
          await new Promise(setImmediate);
        }
      },
    });
    const given = input();
    await spawner.spawn(given);
    await untilTrue(async () => (await readFile(given.logFile, 'utf8')).length >= expected.length);
    expect(await readFile(given.logFile, 'utf8')).toBe(expected);
  };

  test('comes without the frames that it is sent in, wherever they are cut', async () => {
    const bytes = Buffer.concat([
      frame(1, 'out ä\n'),
      frame(2, ''),
      frame(2, 'err\n'),
      frame(1, 'x'.repeat(300)),
    ]);
    const expected = `out ä\nerr\n${'x'.repeat(300)}`;
    await copied([bytes], expected);
    await copied(
      [...bytes].map((byte) => Buffer.from([byte])),
      expected,
    );
  });

  test('without frames is taken as it is, and a frame of any length is not waited for', async () => {
    await copied([Buffer.from('plain '), Buffer.from('text')], 'plain text');
    await copied([Buffer.from([1, 0, 0, 0, 255, 255, 255, 255]), Buffer.from('soon')], 'soon');
  });

  test('that breaks off is taken up where it broke', async () => {
    let breakOff = () => {};
    const { engine, spawner, clock, input } = await withEngine({
      'GET /containers/ID/logs': (response) => {
        response.write(frame(1, 'one\n'));
        breakOff = () => response.destroy();
      },
    });
    const given = input();
    await spawner.spawn(given);
    await untilTrue(async () => (await readFile(given.logFile, 'utf8')) === 'one\n');
    engine.answers['GET /containers/ID/logs'] = (response) => response.write(frame(1, 'two\n'));
    breakOff();
    await untilTrue(async () => {
      await clock.advance(100);
      return (await readFile(given.logFile, 'utf8')).endsWith('two\n');
    });
    const since = engine.asked
      .filter(({ path }) => path.endsWith('/logs'))
      .map(({ query }) => Number(query.get('since')));
    expect(since[0]).toBe(0);
    expect(since.at(-1)).toBeGreaterThan(0);
  });

  test('that the engine does not keep is said to be missing, and harms nothing else', async () => {
    const { spawner, log, input } = await withEngine({
      'GET /containers/ID/logs': refuse(501, 'configured logging driver does not support reading'),
    });
    await spawner.spawn(input());
    await untilTrue(() => log.messages('warn').length > 0);
    expect(log.messages('warn')[0]).toMatch(/not copied to .*1\.log: configured logging driver/);
  });
});

describe('adoption', () => {
  const ref = (log: string) => ({ id: ID, host: '127.0.0.1', port: 9_000, log });

  test('takes one up whose engine is away: nobody knows that it has ended', async () => {
    const { engine, spawner, clock, log, input } = await withEngine();
    await engine.close();
    const adopted = await spawner.adopt(ref(input().logFile));
    expect(adopted).toMatchObject({ host: '127.0.0.1', port: 9_000 });
    expect(log.messages('warn')).toHaveLength(1);
    engine.answers['POST /containers/ID/wait'] = refuse(404, 'no such container');
    await engine.listen();
    const exit = await until(() => clock.advance(1_000), adopted?.exited as Promise<unknown>);
    expect(exit).toEqual({ code: null, signal: null });
  });

  test.each([
    { id: '../../images/x' },
    { id: `${ID}?force=1` },
    { id: 'a' },
    { port: 1e9 },
    { log: '' },
    { host: 5 },
  ])('asks the engine for nothing by a ref that can not be ours: %j', async (wrong) => {
    const { engine, spawner } = await withEngine();
    expect(await spawner.adopt({ ...ref('/x'), ...wrong })).toBeUndefined();
    expect(engine.asked).toEqual([]);
  });

  test('by name finds no other instance though the engine answers all, and says when it is away', async () => {
    const labels = { 'rollcall.service': 'web', 'rollcall.host': '127.0.0.1', 'rollcall.port': '9000' };
    const { engine, spawner, input } = await withEngine({});
    const log = input().logFile;
    engine.answers['GET /containers/json'] = json([
      { Id: 'b'.repeat(64), Labels: { ...labels, 'rollcall.instance': 'web-2', 'rollcall.log': log } },
      { Id: ID, Labels: { ...labels, 'rollcall.instance': 'web-1', 'rollcall.log': log } },
    ]);
    const name = { service: 'web', port: 9_000 };
    expect((await spawner.find?.({ ...name, instance: 'web-1' }))?.ref).toEqual(ref(log));
    expect(await spawner.find?.({ ...name, instance: 'web-3' })).toBeUndefined();
    await engine.close();
    await expect(spawner.find?.({ ...name, instance: 'web-1' })).rejects.toThrow();
  });
});

describe('the spec', () => {
  test.each([
    [{}, 'name of an image'],
    [{ image: '../images' }, 'name of an image'],
    [{ image: 'a', command: 'serve' }, 'expected an array'],
    [{ image: 'a', network: 'none' }, 'nobody could call it'],
    [{ image: 'a', network: 'container:b' }, 'name of a network'],
    [{ image: 'a', mounts: ['data:/data'] }, 'two absolute paths'],
    [{ image: 'a', mounts: ['/data'] }, 'on/the/host'],
    [{ image: 'a', mounts: ['/a:/b:rw,z'] }, 'on/the/host'],
    [{ image: 'a', workdir: 'app' }, 'absolute path'],
    [{ image: 'a', memory: '1m' }, "at least '6m'"],
    [{ image: 'a', memory: 'much' }, 'number of bytes'],
    [{ image: 'a', env: { 'A=B': 'x' } }, 'variable name'],
    [{ image: 'a', privileged: true }, 'privileged'],
  ])('refuses %j', async (spec, message) => {
    const { spawner } = await createSubject('/none');
    const { success, error } = spawner.spec.safeParse(spec);
    expect(success).toBe(false);
    expect(JSON.stringify(error?.issues)).toContain(message);
  });
});

test('a registry with the plugin starts though there is no engine', async () => {
  const folder = await tempFolder();
  const config = {
    store: 'memory' as const,
    plugins: [['container-spawner', { socket: 'none.sock' }] as [string, object]],
  };
  const registry = await createRegistry({ config, folder, builtins, logger: silentLogger });
  await registry.start();
  await registry.stop();
});
