import { once } from 'node:events';
import { link } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { tempFolder } from '../../../support/temp-folder.js';
import { hang, ID, json, refuse } from './fake-engine.js';
import { closeAll, createSubject, type Spawn, untilTrue, withEngine } from './subject.js';

afterEach(closeAll);

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
