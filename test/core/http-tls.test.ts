import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { DoorSpec } from '../../core/http-listener.js';
import { FakeClock } from '../support/fake-clock.js';
import { closeAll, serve } from '../support/http-door.js';
import { needs } from '../support/needs.js';

afterEach(closeAll);

const hello: DoorSpec['handle'] = (_, reply) => reply(200, 'text/plain', 'hello');

const openssl = needs('openssl', 'version');

describe.skipIf(!openssl.isMet)(`a door with TLS${openssl.note}`, () => {
  let folder: string;
  let tls: { cert: string; key: string };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rollcall-tls-'));
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
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
    tls = { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') };
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** The body that a GET is answered with; rejects if the handshake fails. */
  function fetchBody(
    port: number,
    client: { cert: string; key: string } | undefined = undefined,
  ): Promise<string> {
    return new Promise((resolve, reject) => {
      const options = {
        host: '127.0.0.1',
        port,
        servername: 'localhost',
        ca: tls.cert,
        agent: false,
        ...client,
      };
      get(options, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (text: string) => {
          body += text;
        });
        response.on('end', () => resolve(body));
        response.on('error', reject);
      }).on('error', reject);
    });
  }

  it('answers over https and survives those who speak plain HTTP to it', async () => {
    const { door, connect } = await serve({ tls, methods: ['GET'], handle: hello });
    expect(door.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    const plain = (await connect()).post('/');
    await plain.closed;
    expect(await fetchBody(door.address.port)).toBe('hello');
  });

  it('delivers a long answer to who reads it slowly, and not to who does not read', async () => {
    const clock = new FakeClock();
    const length = 48 * 1024 * 1024;
    const answer: DoorSpec['handle'] = (_, reply) => reply(200, 'text/plain', Buffer.alloc(length));
    const { door } = await serve({ tls, methods: ['GET'], handle: answer }, { clock });
    const begin = () =>
      new Promise<IncomingMessage>((resolve, reject) => {
        const options = { host: '127.0.0.1', port: door.address.port, servername: 'localhost' };
        get({ ...options, ca: tls.cert, agent: false }, resolve).on('error', reject);
      });
    const slow = await begin();
    let received = 0;
    let due = length / 3;
    slow.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (received < due || received === length) return;
      due += length / 3;
      clock.advance(20_000);
    });
    await once(slow, 'end');
    expect(received).toBe(length);
    const idle = await begin();
    clock.advance(33_000);
    const failed = new Promise((resolve) => idle.once('error', resolve));
    idle.resume();
    expect(await failed).toMatchObject({ code: 'ECONNRESET' });
  });

  it('that asks for certificates lets only those in that have one', async () => {
    const { door } = await serve({
      tls: { ...tls, ca: tls.cert, requestCert: true },
      methods: ['GET'],
      handle: hello,
    });
    await expect(fetchBody(door.address.port)).rejects.toThrow();
    expect(await fetchBody(door.address.port, tls)).toBe('hello');
  });

  it('is not shared by a door with other TLS settings', async () => {
    const { listener, door } = await serve({ tls });
    const { host, port } = door.address;
    const second = { plugin: 'two', host, port, paths: ['/two'], handle: hello };
    await expect(listener.open(second)).rejects.toMatchObject({ code: 'DOOR_CONFLICT' });
    await listener.open({ ...second, tls: { ...tls } });
  });

  it('closes peers that never finish their handshake when its time is up', async () => {
    const clock = new FakeClock();
    const { door, connect } = await serve({ tls }, { clock, stopTimeoutMs: 5000 });
    const silent = await connect();
    // Connections are accepted in order, so the silent one has been when this one is closed.
    await (await connect()).send('not TLS').closed;
    const closed = door.close();
    await clock.advanceAsync(5000);
    await Promise.all([closed, silent.closed]);
  });
});
