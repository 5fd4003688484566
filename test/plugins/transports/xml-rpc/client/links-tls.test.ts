import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createRegistry, silentLogger, systemClock } from '../../../../../core/index.js';
import type { ClientTls } from '../../../../../plugins/transports/xml-rpc/client/link.js';
import { Links } from '../../../../../plugins/transports/xml-rpc/client/links.js';
import xmlRpc from '../../../../../plugins/transports/xml-rpc/index.js';
import { needs } from '../../../../support/needs.js';
import { tempFolder } from '../../../../support/temp-folder.js';

const openssl = needs('openssl', 'version');

/** A registry that lets in only who shows a certificate. */
async function setUp() {
  const folder = await tempFolder();
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=registry.internal', '-addext', 'subjectAltName=DNS:registry.internal'];
  const kind = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '1',
  ];
  execFileSync('openssl', [...kind, ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  const registry = await createRegistry({
    config: {
      store: 'memory',
      plugins: [[xmlRpc, { port: 0, tls: { cert, key, ca: cert, requestCert: true } }]],
    },
    logger: silentLogger,
  });
  onTestFinished(() => registry.stop());
  await registry.start();
  const pem = { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') };
  const links = (tls: ClientTls) => {
    const made = new Links([registry.doors[0]?.url ?? ''], {
      clock: systemClock,
      timeoutMs: 5_000,
      connectTimeoutMs: 5_000,
      tls,
    });
    onTestFinished(() => made.close());
    return made;
  };
  return { registry, links, pem };
}

describe.skipIf(!openssl.isMet)(`calls over TLS${openssl.note}`, () => {
  test('show their certificate, hold the registry to its own, and reach it with a last word', async () => {
    const { registry, links, pem } = await setUp();
    const calls = links({ ca: pem.cert, cert: pem.cert, key: pem.key, servername: 'registry.internal' });
    const { value, from } = await calls.call('register', ['payments', '10.0.0.1', 9000]);
    expect(value).toBe(1);
    await expect.poll(() => calls.callAtExit(from, 'unregister', ['payments', 1])).toBe(true);
    await expect.poll(() => registry.services.count()).toBe(0);
  });

  test('reach no registry whose certificate is not trusted, or that is not shown one', async () => {
    const { links, pem } = await setUp();
    for (const tls of [
      { cert: pem.cert, key: pem.key, servername: 'registry.internal' },
      { ca: pem.cert, cert: pem.cert, key: pem.key, servername: 'other.internal' },
      { ca: pem.cert, servername: 'registry.internal' },
    ]) {
      await expect(links(tls).call('get_reg_count', [])).rejects.toMatchObject({ code: 'UNREACHABLE' });
    }
  });
});
