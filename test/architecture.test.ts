import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { importsOf, MOST_LINES, offences, TOP_LEVEL } from './support/architecture.js';

const root = join(import.meta.dirname, '..');

/** Every file of the repository that is tracked, or new and not ignored. */
function filesOfRepository(): string[] {
  const list = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
  });
  return list
    .toString()
    .split('\0')
    .filter((path) => path !== '' && existsSync(join(root, path)));
}

describe('the house', () => {
  const files = filesOfRepository();
  const sources = files.filter((path) => /\.[cm]?[jt]s$/.test(path));

  it('is looked at whole', () => {
    for (const path of [
      'core/registry.ts',
      'core/servicedb/servicedb.ts',
      'plugins/index.ts',
      'test/architecture.test.ts',
    ]) {
      expect(sources).toContain(path);
    }
  });

  it('keeps its import rules, takes time and chance from the clock, and keeps files short', () => {
    expect(sources.flatMap((path) => offences(path, readFileSync(join(root, path), 'utf8')))).toEqual([]);
  });

  it('has nothing else at the top', () => {
    const top = new Set(files.map((path) => path.split('/')[0] ?? ''));
    expect([...top].filter((name) => !TOP_LEVEL.has(name))).toEqual([]);
  });
});

describe('the rules themselves', () => {
  it('see every way to import', () => {
    const source = `
      import a, { type B } from './1.js';
      import {
        c,
      } from "./2.js";
      import type { D } from './3.js';
      import './4.js';
      export * from './5.js';
      export { type E, f } from './6.js';
      const later = () => import('./7.js');
      const old = require('./8.js');
      export const from = './not-this.js';
    `;
    const names = ['./1.js', './2.js', './3.js', './5.js', './6.js', './4.js', './7.js', './8.js'];
    expect(importsOf(source)).toEqual(names);
  });

  it.each([
    ['core/microdb/a.ts', '../errors.js', false],
    ['core/microdb/a.ts', './b.js', true],
    ['core/microdb/a.ts', 'sift', true],
    ['core/servicedb/a.ts', '../microdb/index.js', true],
    ['core/servicedb/a.ts', '../catalogue.js', true],
    ['core/servicedb/a.ts', '../registry.js', false],
    ['core/servicedb/a.ts', '../plugin-host.js', false],
    ['core/registry.ts', '../plugins/index.js', false],
    ['core/cli/start.ts', '../../plugins/index.js', true],
    ['core/cli/start.ts', '../../plugins/monitor/index.js', false],
    ['core/registry.ts', '../test/support/fake-clock.js', false],
    ['plugins/index.ts', './monitor/index.js', true],
    ['plugins/index.ts', '../core/registry.js', false],
    ['plugins/monitor/index.ts', '../../core/index.js', true],
    ['plugins/monitor/index.ts', '../../core/hooks.js', false],
    ['plugins/monitor/index.ts', '../supervisor/index.js', false],
    ['plugins/checkers/tcp/index.ts', './probe.js', true],
    ['plugins/checkers/tcp/index.ts', '../http/index.js', false],
    ['plugins/checkers/tcp/deep/a.ts', '../index.js', true],
    ['plugins/checkers/xml-rpc/a.ts', '../../transports/xml-rpc/reader.js', true],
    ['plugins/checkers/xml-rpc/a.ts', '../../transports/xml-rpc/door.js', false],
    ['plugins/checkers/xml-rpc/a.ts', '../../transports/xml-rpc/client/link.js', false],
    ['plugins/checkers/http/a.ts', '../../transports/xml-rpc/reader.js', false],
    ['core/hooks.ts', 'tapable', false],
    ['core/guarded-hook.ts', 'tapable', true],
    ['plugins/monitor/index.ts', 'tapable', false],
    ['core/cli/start.ts', 'cosmiconfig', false],
    ['core/registry.ts', 'pino', false],
    ['core/registry.ts', 'pino-pretty', false],
    ['core/logger.ts', 'pino', true],
    ['core/http-door.ts', 'xmlrpc', false],
    ['core/http-door.ts', 'undici', false],
    ['plugins/checkers/http/request.ts', 'undici', true],
    ['plugins/transports/xml-rpc/client/links.ts', 'xmlrpc', false],
    ['plugins/transports/xml-rpc/client/links.ts', '../../../../core/errors.js', true],
    ['plugins/transports/xml-rpc/client/links.ts', '../../../../core/registry.js', false],
    ['plugins/transports/xml-rpc/door.ts', '../../../core/errors.js', false],
    ['test/e2e/xml-rpc.test.ts', 'xmlrpc', true],
    ['core/guard.ts', 'node:timers/promises', false],
    ['core/guard.ts', 'constructor', true],
  ])('%s imports %s: %s', (path, name, isAllowed) => {
    for (const source of [
      `import { x } from '${name}';`,
      `export * from '${name}';`,
      `await import('${name}');`,
    ]) {
      expect(offences(path, source).length === 0).toBe(isAllowed);
    }
  });

  it.each([
    'Date.now()',
    'new Date()',
    'Math.random()',
    'setTimeout(run, 1)',
    'setInterval(run, 1)',
    'globalThis.setTimeout(run)',
    'performance.now()',
    'AbortSignal.timeout(1)',
  ])('%s has its place', (source) => {
    for (const path of [
      'core/guard.ts',
      'core/microdb/a.ts',
      'plugins/monitor/a.ts',
      'plugins/supervisor/a.ts',
    ]) {
      expect(offences(path, `const x = ${source};`)).toHaveLength(1);
    }
    for (const path of ['core/clock.ts', 'core/cli/start.ts', 'plugins/stores/file/a.ts', 'test/a.ts']) {
      expect(offences(path, `const x = ${source};`)).toEqual([]);
    }
  });

  it('let other things be', () => {
    const source = `
      /** Never Date.now(). */
      socket.setTimeout(1); // not setTimeout(run)
      new Date(clock.now());
      const url = 'http://x'; import.meta.dirname;
    `;
    expect(offences('core/guard.ts', source)).toEqual([]);
  });

  it('know when a file is too long', () => {
    expect(offences('core/a.ts', 'x;\n'.repeat(MOST_LINES))).toEqual([]);
    expect(offences('test/a.test.ts', 'x;\n'.repeat(MOST_LINES + 1))).toHaveLength(1);
  });
});
