import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRegistry, type Registry, silentLogger } from '../../../core/index.js';
import xmlRpc from '../../../plugins/transports/xml-rpc/index.js';
import { readMethodCall } from '../../../plugins/transports/xml-rpc/reader.js';
import { needsPackages } from '../../support/needs.js';
import { runProgram } from '../../support/run-program.js';
import { type Answer, listen, type Report, serveFront, servePages } from './page-server.js';

const chromium = needsPackages('chromium', 'chromium', '--version');
const TIMEOUT_MS = 90_000;
const WAIT = { timeout: 20_000, interval: 20 };
/** The name that a hostile page has made point here. */
const EVIL = 'evil.example';
const FLAGS = [
  '--headless=new',
  // Tests in CI run as root, under which Chromium has no sandbox.
  '--no-sandbox',
  '--no-first-run',
  '--disable-gpu',
  '--disable-extensions',
  '--disable-sync',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-default-apps',
  // Nothing but this machine is asked for anything.
  `--host-resolver-rules=MAP ${EVIL} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1`,
];
/** What a door that believes every request would have been told to register. */
const DANGEROUS = [
  'fetch-text-plain',
  'fetch-form',
  'fetch-no-type',
  'fetch-no-referrer',
  'fetch-keepalive',
  'xhr-text-plain',
  'form-text-plain',
  'form-no-referrer',
  'beacon-text',
  'beacon-no-type',
  'sandbox',
];

const cleanups: (() => unknown)[] = [];
let registry: Registry;
let reports: Report[];
/** Every answer of the registry to the page. */
let answers: Answer[];
/** The attacks that reached a door without any rule, as a call of `register`. */
const believed = new Set<string | null>();

/** Answers every request as a registry would that believes every page. */
const naive = createServer(async (request, response) => {
  const body = await buffer(request);
  try {
    const { searchParams } = new URL(request.url ?? '', 'http://door');
    if (readMethodCall(body).method === 'register') believed.add(searchParams.get('attack'));
  } catch {
    // No call.
  }
  response.end();
});

/** Lets a browser visit the hostile page from each origin, one after the other. */
async function attack(): Promise<void> {
  const config = { store: 'memory', plugins: [[xmlRpc, { port: 0 }] as const] };
  registry = await createRegistry({ config, logger: silentLogger });
  cleanups.push(() => registry.stop());
  await registry.start();
  const by = { who: 'test', door: 'test' };
  await registry.services.register({ name: 'secret-service', host: '127.0.0.1', port: 9000 }, { by });
  const port = registry.doors[0]?.address.port ?? 0;

  const naivePort = await listen(naive);
  cleanups.push(() => naive.close());
  const front = await serveFront(() => pages.port, port);
  cleanups.push(() => front.close());
  answers = front.answers;
  const door = `http://127.0.0.1:${front.port}`;
  const evil = `http://${EVIL}:${front.port}`;
  const pages = await servePages((page) => [
    { from: 'localhost', origin: `http://localhost:${page}`, target: door },
    { from: '127.0.0.1', origin: `http://127.0.0.1:${page}`, target: door },
    { from: 'stranger', origin: evil, target: door },
    { from: 'rebound', origin: evil, target: evil },
    { from: 'control', origin: `http://localhost:${page}`, target: `http://127.0.0.1:${naivePort}` },
  ]);
  cleanups.push(() => pages.close());

  const profile = await mkdtemp(join(tmpdir(), 'rollcall-chromium-'));
  cleanups.push(() => rm(profile, { recursive: true, force: true, maxRetries: 5 }));
  const browser = spawn('chromium', [...FLAGS, `--user-data-dir=${profile}`, pages.start], {
    stdio: 'ignore',
  });
  cleanups.push(async () => {
    if (browser.exitCode === null && browser.kill('SIGTERM')) await once(browser, 'exit');
  });
  const exited = once(browser, 'exit').then(([code]) => {
    throw new Error(`chromium ended with ${code}`);
  });
  reports = await Promise.race([pages.reports, exited]);
}

describe.skipIf(!chromium.isMet)(`a web page in Chromium${chromium.note}`, () => {
  beforeAll(attack, TIMEOUT_MS);
  afterAll(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  }, TIMEOUT_MS);

  test('tries what would register a service in a door that believes every page', async () => {
    await expect.poll(() => [...believed].toSorted(), WAIT).toEqual(DANGEROUS.toSorted());
  });

  test.each(['localhost', '127.0.0.1', 'stranger', 'rebound'])(
    'from %s is refused, whatever it tries',
    async (from) => {
      const outcomes = reports.find((report) => report.from === from)?.outcomes ?? {};
      expect(Object.keys(outcomes)).toEqual(expect.arrayContaining(DANGEROUS));
      // Chromium sends some of them after the page has left.
      const seen = () =>
        new Set(answers.filter((answer) => answer.from === from).map(({ attack }) => attack));
      await expect
        .poll(() => Object.keys(outcomes).filter((attack) => !seen().has(attack)), WAIT)
        .toEqual([]);
      const passed = answers.filter(
        (answer) => answer.from === from && ![403, 405, 415].includes(answer.status),
      );
      expect(passed).toEqual([]);
      const read = Object.entries(outcomes).filter(([, outcome]) =>
        /secret-service|methodResponse|opened/.test(outcome),
      );
      expect(read).toEqual([]);
    },
  );

  test('has registered nothing', () => {
    expect(registry.services.count()).toBe(1);
  });

  test(
    'of the door itself tells a person what it is',
    async () => {
      const profile = await mkdtemp(join(tmpdir(), 'rollcall-chromium-'));
      cleanups.push(() => rm(profile, { recursive: true, force: true, maxRetries: 5 }));
      const url = `${registry.doors[0]?.url}/`;
      const browser = ['chromium', ...FLAGS, `--user-data-dir=${profile}`, '--dump-dom', url];
      const { code, out } = await runProgram(browser, { timeoutMs: TIMEOUT_MS });
      expect(code).toBe(0);
      expect(out).toMatch(/<h1>Rollcall.*<\/h1>[\s\S]*system\.listMethods[\s\S]*docs\/xml-rpc\.md/);
    },
    TIMEOUT_MS,
  );
});
