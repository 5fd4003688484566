import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { needs, needsPackages } from '../../../support/needs.js';
import { runProgram } from '../../../support/run-program.js';
import { tempFolder } from '../../../support/temp-folder.js';
import { check, makeCertificate } from './support.js';

/** Debian's packages of Go are no modules. What was compiled once is kept: eight seconds here the first time. */
const GO_ENV = {
  GO111MODULE: 'off',
  GOPATH: '/usr/share/gocode',
  GOFLAGS: '',
  GOCACHE: join(tmpdir(), 'rollcall-test-go-cache'),
};
const TIMEOUT_MS = 90_000;

const health = '/usr/share/gocode/src/google.golang.org/grpc/health';
const peer = needsPackages(
  'golang-go golang-google-grpc-dev',
  'sh',
  '-c',
  `command -v go && test -d ${health}`,
);
const openssl = needs('openssl', 'version');

test.skipIf(!peer.isMet || !openssl.isMet)(
  `a server in Go is understood, in the open and with TLS${peer.note}${openssl.note}`,
  async () => {
    const { cert, key } = await makeCertificate();
    const folder = await tempFolder({ 'cert.pem': cert, 'key.pem': key });
    const program = join(folder, 'health-server');
    const source = fileURLToPath(new URL('health-server.go', import.meta.url));
    const built = await runProgram(['go', 'build', '-o', program, source], {
      folder,
      env: GO_ENV,
      timeoutMs: TIMEOUT_MS,
    });
    expect(built).toMatchObject({ code: 0, err: '' });

    for (const [args, tls] of [
      [[], false],
      [[join(folder, 'cert.pem'), join(folder, 'key.pem')], { ca: cert }],
    ] as const) {
      const server = spawn(program, args, { env: {}, stdio: ['ignore', 'pipe', 'pipe'] });
      let logged = '';
      server.stderr.on('data', (text) => {
        logged += text;
      });
      try {
        const [line] = await once(server.stdout as Readable, 'data');
        const target = { host: '127.0.0.1', port: Number(String(line)) };
        expect(await check(target, { tls })).toMatchObject({ status: 'running', output: 'SERVING' });
        expect(await check(target, { tls, service: 'up' })).toMatchObject({ status: 'running' });
        expect(await check(target, { tls, service: 'down' })).toMatchObject({
          status: 'error',
          output: 'NOT_SERVING',
        });
        expect((await check(target, { tls, service: 'other' })).output).toMatch(
          /^NOT_FOUND: the server has no health status of the service "other"/,
        );
        await kill(server);
        expect(await check(target, { tls })).toMatchObject({ output: 'UNAVAILABLE: ECONNREFUSED' });
        expect(logged).toBe('');
      } finally {
        await kill(server);
      }
    }
  },
  TIMEOUT_MS,
);

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'close');
}
