import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createRegistry, silentLogger } from '../../../../core/index.js';
import httpChecker from '../../../../plugins/checkers/http/index.js';
import monitor from '../../../../plugins/monitor/index.js';
import { needs } from '../../../support/needs.js';
import { tempFolder } from '../../../support/temp-folder.js';
import { listenRaw } from '../raw-peer.js';
import { answer, answering, check } from './checking.js';

const openssl = needs('openssl', 'version');

/** A certificate that signs itself, for these names, good for a day or no more; with the folder it is in. */
async function certificate(names: string, { isOver = false } = {}) {
  const folder = await tempFolder();
  const [keyFile, file] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
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
  const subject = ['-subj', '/CN=shop', '-addext', `subjectAltName=${names}`];
  execFileSync('openssl', [...kind, ...subject, '-keyout', keyFile, '-out', file], { stdio: 'ignore' });
  const again = ['x509', '-in', file, '-signkey', keyFile, '-days', '-1', '-out', file];
  if (isOver) execFileSync('openssl', again, { stdio: 'ignore' });
  return { folder, key: readFileSync(keyFile, 'utf8'), cert: readFileSync(file, 'utf8') };
}

async function serve(pem: { key: string; cert: string }) {
  const names: (string | false)[] = [];
  const server = createServer(pem, (request, response) => {
    names.push((request.socket as unknown as { servername: string | false }).servername);
    response.end('ok');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port, names };
}

describe.skipIf(!openssl.isMet)(`a check over TLS${openssl.note}`, () => {
  test('holds the server to the certificate that the check brings, at an address and at a name', async () => {
    const pem = await certificate('IP:127.0.0.1,DNS:localhost');
    const { names, ...target } = await serve(pem);
    expect(await check(target, { tls: { ca: pem.cert } })).toMatchObject({
      status: 'running',
      output: 'GET /: 200 OK',
    });
    expect(await check({ ...target, host: 'localhost' }, { tls: { ca: pem.cert } })).toMatchObject({
      status: 'running',
    });
    expect(names).toEqual([false, 'localhost']);
  });

  test('does not trust what nobody vouches for, unless it is told to ask no questions', async () => {
    const target = await serve(await certificate('IP:127.0.0.1'));
    expect(await check(target, { tls: true })).toMatchObject({
      status: 'error',
      output: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    });
    const other = await certificate('IP:127.0.0.1');
    expect(await check(target, { tls: { ca: other.cert } })).toMatchObject({ status: 'error' });
    expect(await check(target, { tls: { insecure: true } })).toMatchObject({ status: 'running' });
  });

  test('does not take one server for another, unless that is the name it is to have', async () => {
    const pem = await certificate('DNS:shop.internal');
    const { names, ...target } = await serve(pem);
    expect(await check(target, { tls: { ca: pem.cert } })).toMatchObject({
      status: 'error',
      output: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    const tls = { ca: pem.cert, servername: 'shop.internal' };
    expect(await check(target, { tls })).toMatchObject({ status: 'running' });
    expect(names).toEqual(['shop.internal']);
  });

  test('finds out that a certificate has expired', async () => {
    const pem = await certificate('IP:127.0.0.1', { isOver: true });
    expect(await check(await serve(pem), { tls: { ca: pem.cert } })).toMatchObject({
      status: 'error',
      output: 'CERT_HAS_EXPIRED',
    });
  });

  test('has the certificates of the configuration where it brings none', async () => {
    const pem = await certificate('IP:127.0.0.1');
    const { names, ...target } = await serve(pem);
    const verdicts: string[] = [];
    const registry = await createRegistry({
      config: {
        store: 'memory',
        plugins: [
          [monitor, { check: { kind: 'http', tls: true } }],
          [httpChecker, { ca: 'cert.pem' }],
          {
            name: 'listener',
            setup: (api) => api.hooks.verdict.tap(({ verdict }) => verdicts.push(verdict.output)),
          },
        ],
      },
      folder: pem.folder,
      logger: silentLogger,
    });
    onTestFinished(() => registry.stop());
    await registry.start();
    await registry.services.register({ name: 'shop', ...target });
    await expect.poll(() => verdicts).toEqual(['GET /: 200 OK']);
  });

  test('says so where no TLS is spoken, and is let go of where nothing is', async () => {
    const plain = await answering(answer('400 Bad Request'));
    expect(await check(plain, { tls: true })).toMatchObject({
      status: 'error',
      output: 'ERR_SSL_WRONG_VERSION_NUMBER',
    });
    let told = () => {};
    const greeted = new Promise<void>((resolve) => {
      told = resolve;
    });
    const silent = await listenRaw((socket) => socket.once('data', told).resume());
    const controller = new AbortController();
    const ended = check(silent, { tls: true }, controller.signal);
    await greeted;
    controller.abort(new Error('enough'));
    await expect(ended).rejects.toThrow('enough');
    await expect.poll(() => silent.open.size).toBe(0);
  });
});
