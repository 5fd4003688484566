import * as grpc from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import {
  createRegistry,
  definePlugin,
  type PluginApi,
  silentLogger,
  systemClock,
} from '../../../../core/index.js';
import { createGrpcChecker } from '../../../../plugins/checkers/grpc/grpc-checker.js';
import { loadGrpc } from '../../../../plugins/checkers/grpc/load-grpc.js';
import { builtins } from '../../../../plugins/index.js';
import { describeChecker } from '../../../contracts/checker.js';
import { needs } from '../../../support/needs.js';
import { tempFolder } from '../../../support/temp-folder.js';
import { check, checker, closeAll, freePort, listen, makeCertificate, serve, status } from './support.js';

afterEach(closeAll);

const SERVING = 1;

describeChecker({
  test,
  create: async () => ({
    checker,
    options: {},
    healthy: () => serve(() => status(SERVING)),
    dead: freePort,
    silent: () => listen((socket) => socket.resume()),
    dispose: closeAll,
  }),
});

describe('what the health service says is the verdict', () => {
  test.each([
    [1, 'running', 'SERVING'],
    [0, 'error', 'UNKNOWN'],
    [2, 'error', 'NOT_SERVING'],
    [3, 'error', 'SERVICE_UNKNOWN'],
    [9, 'error', 'serving status 9, which is unknown'],
  ])('%i: %s', async (number, expected, output) => {
    expect(await check(await serve(() => status(number)))).toMatchObject({ status: expected, output });
  });

  test('an answer without a status is UNKNOWN, as its default is', async () => {
    expect(await check(await serve(() => Buffer.alloc(0)))).toMatchObject({
      status: 'error',
      output: 'UNKNOWN',
    });
  });

  test.each([
    [
      grpc.status.NOT_FOUND,
      'error',
      'NOT_FOUND: the server has no health status of the service "pay": as the server says',
    ],
    [
      grpc.status.UNIMPLEMENTED,
      'error',
      'UNIMPLEMENTED: the server does not offer the health service, grpc.health.v1.Health: as the server says',
    ],
    [grpc.status.RESOURCE_EXHAUSTED, 'degraded', 'RESOURCE_EXHAUSTED: as the server says'],
    [grpc.status.UNAVAILABLE, 'error', 'UNAVAILABLE: as the server says'],
    [grpc.status.PERMISSION_DENIED, 'error', 'PERMISSION_DENIED: as the server says'],
    [grpc.status.CANCELLED, 'error', 'CANCELLED: as the server says'],
  ])('the code %i is %s', async (code, expected, output) => {
    const target = await serve(() => ({ code, details: 'as the server says' }));
    expect(await check(target, { service: 'pay' })).toMatchObject({ status: expected, output });
  });

  test('a server without a health service is an error that says so', async () => {
    const server = new grpc.Server();
    const port = await new Promise<number>((resolve) =>
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (_, bound) => resolve(bound)),
    );
    expect((await check({ host: '127.0.0.1', port })).output).toMatch(
      /^UNIMPLEMENTED: the server does not offer/,
    );
    server.forceShutdown();
  });

  test('what a server says is cut, and holds nothing that is not seen', async () => {
    const details = `a\r\nb\u202e\u0007${'x'.repeat(5_000)}`;
    const { output } = await check(await serve(() => ({ code: grpc.status.INTERNAL, details })));
    expect(output).toMatch(/^INTERNAL: a b x{200,}$/);
    expect(output.length).toBeLessThanOrEqual(256);
  });
});

test('the service that is asked for is the one of the options', async () => {
  const asked: string[] = [];
  const target = await serve((service) => {
    asked.push(service);
    return status(service === 'grüße.v1' ? 1 : 2);
  });
  expect(await check(target, { service: 'grüße.v1' })).toMatchObject({ status: 'running' });
  expect(await check(target)).toMatchObject({ output: 'NOT_SERVING' });
  expect(asked).toEqual(['grüße.v1', '']);
});

test('the server is told by which name it was reached', async () => {
  let host = '';
  const { port } = await serve((_, call) => {
    host = call.getHost();
    return status(SERVING);
  });
  expect(await check({ host: 'localhost', port })).toMatchObject({ status: 'running' });
  expect(host).toBe(`localhost:${port}`);
});

test('an instance is reached at an address of IPv6', async () => {
  expect(await check(await serve(() => status(SERVING), { host: '::1' }))).toMatchObject({
    status: 'running',
  });
});

// A label of 64 characters is one that no resolver asks the network for.
test('nobody there is an error by the name that the system has for it', async () => {
  expect((await check(await freePort())).output).toBe('UNAVAILABLE: ECONNREFUSED');
  expect((await check({ host: `${'x'.repeat(64)}.invalid`, port: 80 })).output).toMatch(
    /^UNAVAILABLE: (ENOTFOUND|EAI_AGAIN)$/,
  );
});

test('how long it took is measured on the clock that never goes back', async () => {
  let reading = 1_000;
  const clock = { ...systemClock, now: () => Number.NaN, monotonic: () => (reading += 7) };
  const subject = createGrpcChecker({ clock, grpc });
  expect((await check(await serve(() => status(SERVING)), {}, subject)).latencyMs).toBe(7);
});

const openssl = needs('openssl', 'version');

describe.skipIf(!openssl.isMet)(`with TLS${openssl.note}`, async () => {
  const { cert, key } = openssl.isMet ? await makeCertificate() : { cert: '', key: '' };
  const other = openssl.isMet ? (await makeCertificate()).cert : '';
  const serveTls = () => {
    const pair = { cert_chain: Buffer.from(cert), private_key: Buffer.from(key) };
    return serve(() => status(SERVING), { credentials: grpc.ServerCredentials.createSsl(null, [pair]) });
  };

  test('a certificate that is vouched for is right, by name and by address', async () => {
    const { host, port } = await serveTls();
    const tls = { ca: cert };
    expect(await check({ host, port }, { tls })).toMatchObject({ status: 'running' });
    expect(await check({ host: 'localhost', port }, { tls })).toMatchObject({ status: 'running' });
    expect(await check({ host, port }, { tls: { ...tls, servername: 'localhost' } })).toMatchObject({
      status: 'running',
    });
  });

  test('one that is not is an error that says so, unless the check does not mind', async () => {
    const target = await serveTls();
    for (const tls of [true, {}, { ca: other }]) {
      const { status: found, output } = await check(target, { tls });
      expect(found).toBe('error');
      expect(output).toMatch(/^UNAVAILABLE: .*(self-signed certificate|DEPTH_ZERO_SELF_SIGNED_CERT)/);
    }
    expect((await check(target, { tls: { ca: cert, servername: 'other.name' } })).output).toMatch(
      /^UNAVAILABLE: .*(altnames|ERR_TLS_CERT_ALTNAME_INVALID)/,
    );
    expect(await check(target, { tls: { insecure: true } })).toMatchObject({ status: 'running' });
  });

  test('a server without TLS is an error, and one with it, asked without', async () => {
    const plain = await serve(() => status(SERVING));
    expect(await check(plain, { tls: { insecure: true } })).toMatchObject({
      status: 'error',
      output: 'UNAVAILABLE: TLS: wrong version number',
    });
    expect(await check(await serveTls())).toMatchObject({ status: 'error' });
  });

  test('the certificates of a file vouch for all that bring none', async () => {
    const folder = await tempFolder({ 'ca.pem': cert });
    let api: PluginApi | undefined;
    const asker = definePlugin({
      name: 'asker',
      setup(given) {
        api = given;
      },
    });
    const config = { store: 'memory', plugins: [['grpc-checker', { ca: 'ca.pem' }], asker] } as const;
    const registry = await createRegistry({
      config: { ...config, plugins: [...config.plugins] },
      folder,
      builtins,
      logger: silentLogger,
    });
    try {
      await registry.start();
      const verdict = await api?.check('grpc', await serveTls(), {
        options: { tls: true },
        timeoutMs: 10_000,
      });
      expect(verdict).toMatchObject({ status: 'running', output: 'SERVING' });
    } finally {
      await registry.stop();
    }
  });
});

test('a file of certificates that holds none, or is not there, stops the boot by its name', async () => {
  const folder = await tempFolder({ 'ca.pem': 'no certificate' });
  for (const [ca, why] of [
    ['ca.pem', /ca\.pem: it has no certificate in PEM/],
    ['none.pem', /none\.pem: ENOENT/],
  ] as const) {
    const config = { store: 'memory', plugins: [['grpc-checker', { ca }] as [string, object]] };
    const booted = createRegistry({ config, folder, builtins, logger: silentLogger }).then((registry) =>
      registry.start(),
    );
    await expect(booted).rejects.toThrow(why);
  }
});

test('where the package was left out, the boot says what to install', async () => {
  const missing = Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
  await expect(loadGrpc(() => Promise.reject(missing))).rejects.toMatchObject({
    code: 'PLUGIN_UNLOADABLE',
    message: expect.stringContaining('npm install @grpc/grpc-js'),
  });
  await expect(loadGrpc(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
});

test('a version of the package that secures connections in another way is refused, and does not ask in the open', async () => {
  const renamed = { credentials: { createInsecure: () => ({ _isSecure: () => false }) } };
  await expect(loadGrpc(() => Promise.resolve(renamed as never))).rejects.toMatchObject({
    code: 'PLUGIN_UNLOADABLE',
    message: expect.stringContaining('does not fit the installed version'),
  });
});

test.each([
  [{ service: 'x'.repeat(257) }],
  [{ service: 1 }],
  [{ tls: 'yes' }],
  [{ tls: { ca: '/etc/ssl/ca.pem' } }],
  [{ tls: { ca: '' } }],
  [{ tls: { cert: 'x' } }],
  [{ tls: { servername: '' } }],
  [{ tls: { servername: '\nflush_all\n' } }],
])('refuses %j', (given) => {
  expect(checker.options.safeParse(given).success).toBe(false);
});
