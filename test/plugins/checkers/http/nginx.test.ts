import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { needs } from '../../../support/needs.js';
import { tempFolder } from '../../../support/temp-folder.js';
import { freePort, QUIET_HOST } from '../raw-peer.js';
import { check } from './checking.js';

const nginx = needs('nginx', '-v');

/** nginx in the foreground, with one process, until the test ends. */
async function startNginx(locations: string) {
  const { host, port } = await freePort(QUIET_HOST);
  const config = `
    daemon off; master_process off; pid nginx.pid; error_log stderr;
    events {}
    http {
      access_log access.log;
      ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${name};`).join('\n')}
      server { listen ${host}:${port}; ${locations} }
    }`;
  const folder = await tempFolder({ 'nginx.conf': config });
  const child: ChildProcess = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], {
    stdio: 'ignore',
  });
  const exited = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  await expect
    .poll(() => check({ host, port }).then(({ output }) => output), { timeout: 10_000 })
    .not.toBe('ECONNREFUSED');
  return { host, port };
}

describe.skipIf(!nginx.isMet)(`nginx${nginx.note}`, () => {
  test('is asked as any server is, and what it says is understood', async () => {
    const target = await startNginx(`
      location = /health { return 200 "all is well\\n"; }
      location = /busy { return 429; }
      location = /moved { return 301 /health; }
      location = /gone { return 444; }
      location = /down { proxy_pass http://127.0.0.1:1; }`);
    for (const [options, status, output] of [
      [{ path: '/health', match: '^all is well$' }, 'error', /nothing matches/],
      [{ path: '/health', match: '^all is well\\s$' }, 'running', 'GET /health: 200 OK'],
      [{ path: '/health', method: 'HEAD' }, 'running', 'HEAD /health: 200 OK'],
      [{ path: '/busy' }, 'degraded', 'GET /busy: 429 Too Many Requests, expected 200-299'],
      [{ path: '/moved' }, 'error', 'GET /moved: 301 Moved Permanently, expected 200-299'],
      [{ path: '/gone' }, 'error', 'it closed the connection before the end of its answer'],
      [{ path: '/down' }, 'error', 'GET /down: 502 Bad Gateway, expected 200-299'],
      [{ path: '/none' }, 'error', 'GET /none: 404 Not Found, expected 200-299'],
      [{ path: '/health', tls: true }, 'error', 'ERR_SSL_WRONG_VERSION_NUMBER'],
    ] as const) {
      const verdict = await check(target, options);
      expect(verdict).toMatchObject({ status });
      expect(verdict.output).toMatch(output);
    }
  });
});
