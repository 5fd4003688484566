import { execFileSync } from 'node:child_process';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createRegistry, type Logger, messageOf, silentLogger } from '../../../../core/index.js';
import tcpChecker from '../../../../plugins/checkers/tcp/index.js';
import { exitOf } from '../../../../plugins/spawners/ssh/end-watch.js';
import { fingerprintOf, isHostKey, parseHostKey } from '../../../../plugins/spawners/ssh/host-key.js';
import sshSpawner from '../../../../plugins/spawners/ssh/index.js';
import { loadSsh2 } from '../../../../plugins/spawners/ssh/load-ssh2.js';
import supervisor from '../../../../plugins/supervisor/index.js';
import { tempFolder } from '../../../support/temp-folder.js';
import { sshd, startSshd } from './sshd.js';

const FINGERPRINT = `SHA256:${'A'.repeat(43)}`;
/** Boots with one host and one service; answers what went wrong, and the warnings. */
async function boot(host: object, service: object = { on: 'box', command: ['true'] }) {
  const folder = await tempFolder({ 'text.txt': 'no key', 'big.txt': 'x'.repeat(70_000) });
  if (sshd.isMet) {
    for (const [file, phrase] of [
      ['key', ''],
      ['locked', 'secret'],
    ] as const) {
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', phrase, '-f', join(folder, file)]);
    }
    await chmod(join(folder, 'key'), 0o644);
  }
  const warnings: string[] = [];
  const logger = { ...silentLogger, warn: (_: unknown, text: string) => void warnings.push(text) } as Logger;
  const services = {
    one: { spawner: 'ssh', host: '192.0.2.7', port: 9, instances: { min: 0, max: 1 }, ...service },
  };
  const hosts = { box: { host: '192.0.2.7', privateKey: 'key', hostKey: FINGERPRINT, ...host } };
  const plugins = [tcpChecker, [sshSpawner, { hosts }], [supervisor, { services }]];
  let message = '';
  try {
    const registry = await createRegistry({
      config: { store: 'memory', plugins: plugins as never },
      folder,
      logger: { ...logger, child: () => logger },
    });
    try {
      await registry.start();
    } finally {
      await registry.stop();
    }
  } catch (error) {
    message = messageOf(error);
  }
  return { message, warnings };
}

describe('options that cannot work stop the boot', () => {
  test.each([
    [{ hostKey: undefined }, {}, /hostKey/],
    [{ hostKey: 'MD5:00:11' }, {}, /"hosts\.box\.hostKey".*expected the key that the host shows: 'SHA256/],
    [{ hostKey: 'ssh-ed25519 AAAAC3NzaC1yc2EAAAAA' }, {}, /expected the key that the host shows/],
    [{ privateKey: 'none' }, {}, /"hosts\.box\.privateKey": .*none: ENOENT/],
    [{ privateKey: 'text.txt' }, {}, /text\.txt: it is no private key/],
    [{ privateKey: 'big.txt' }, {}, /more than 65536 bytes/],
    [{ password: 'x' }, {}, /password/],
  ])('%j %j', async (host, service, expected) => {
    expect((await boot(host, service)).message).toMatch(expected);
  });

  test.skipIf(!sshd.isMet)(`keys and hosts${sshd.note}`, async () => {
    expect((await boot({ privateKey: 'locked' })).message).toMatch(
      /has a passphrase.*ssh-keygen -t ed25519 -N ""/,
    );
    expect((await boot({ privateKey: 'key.pub' })).message).toMatch(
      /public key: name the file without \.pub/,
    );
    expect((await boot({}, { on: 'bax', command: ['true'] })).message).toMatch(
      /"services\.one\.on".*expected one of the hosts of ssh-spawner: box \(did you mean "box"\?\)/,
    );
    for (const command of [['-x'], ['a=b'], [], ['a\u0000']]) {
      expect((await boot({}, { on: 'box', command })).message).toMatch(/services\.one\.command/);
    }
    const fine = await boot({});
    expect(fine).toMatchObject({
      message: '',
      warnings: [expect.stringMatching(/others may read: chmod 600/)],
    });
  });
});

test.skipIf(!sshd.isMet)(
  `a supervised service runs on the other host, under its address${sshd.note}`,
  async () => {
    const folder = await tempFolder();
    const server = await startSshd(folder);
    onTestFinished(server.cut);
    const { host, port, privateKey, fingerprint: hostKey } = server;
    const hosts = { box: { host, port, privateKey, hostKey, folder: server.folder } };
    const command = [process.execPath, join(process.cwd(), 'docs/examples/echo-service.js')];
    const services = { echo: { spawner: 'ssh', on: 'box', host, ports: '20000-29999', command } };
    const registry = await createRegistry({
      config: {
        store: 'memory',
        plugins: [tcpChecker, [sshSpawner, { hosts }], [supervisor, { services }]] as never,
      },
      folder,
      logger: silentLogger,
    });
    await registry.start();
    const record = await registry.services.resolve('echo', { waitMs: 15_000 });
    expect(record.host).toBe(host);
    const answer = await fetch(`http://${record.host}:${record.port}/x`, { method: 'POST', body: 'hi' });
    expect(await answer.json()).toMatchObject({ instance: record.instance, echo: 'hi' });
    const log = await readFile(join(server.folder, 'logs/echo/1.log'), 'utf8');
    expect(log).toContain(`${record.instance} listens on ${host}:${record.port}`);
    await registry.stop();
    await expect(fetch(`http://${record.host}:${record.port}/x`)).rejects.toThrow();
  },
);

test('a missing package is named', async () => {
  const missing = Object.assign(new Error('x'), { code: 'ERR_MODULE_NOT_FOUND' });
  await expect(loadSsh2(() => Promise.reject(missing))).rejects.toMatchObject({
    code: 'PLUGIN_UNLOADABLE',
    message: expect.stringContaining('npm install ssh2'),
  });
  await expect(loadSsh2(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
});

test('a host key is the expected one by its fingerprint or as a whole, and no other is', () => {
  const type = Buffer.from('ssh-ed25519');
  const blob = Buffer.concat([Buffer.from([0, 0, 0, type.length]), type, Buffer.alloc(36, 7)]);
  const other = Buffer.concat([blob.subarray(0, -1), Buffer.from([8])]);
  for (const text of [
    fingerprintOf(blob),
    ` ${fingerprintOf(blob)}=\n`,
    `ssh-ed25519 ${blob.toString('base64')} me@box`,
  ]) {
    const expected = parseHostKey(text);
    if (expected === undefined) throw new Error(text);
    expect([blob, other, Buffer.alloc(0)].map((key) => isHostKey(expected, key))).toEqual([
      true,
      false,
      false,
    ]);
  }
});

test('the status of a shell is read as a code or as a signal', () => {
  expect([exitOf('0'), exitOf('3'), exitOf('255')]).toEqual(
    [0, 3, 255].map((code) => ({ code, signal: null })),
  );
  expect([exitOf('137'), exitOf('143')]).toEqual(
    ['SIGKILL', 'SIGTERM'].map((signal) => ({ code: null, signal })),
  );
  expect([exitOf('?'), exitOf('x'), exitOf('')]).toEqual(Array(3).fill({ code: null, signal: null }));
});
