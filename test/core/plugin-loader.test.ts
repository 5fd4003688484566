import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Builtins, checkTogether, loadPlugin, loadStore } from '../../core/plugin-loader.js';
import { tempFolder } from '../support/temp-folder.js';

const setup = () => {};
const builtins: Builtins = {
  monitor: async () => ({ default: { name: 'monitor', setup } }),
  'xml-rpc': async () => ({ default: { name: 'xml-rpc', setup } }),
  file: async () => ({ default: { name: 'file', create: setup } }),
  broken: () =>
    Promise.reject(Object.assign(new Error("Cannot find package 'x'"), { code: 'ERR_MODULE_NOT_FOUND' })),
};
const source = 'registry.config.js';
const inFolder = (folder: string) => ({ builtins, folder, source });
const nowhere = inFolder('/nowhere');

const MODULE = `export default { name: 'mine', setup() {} };`;
const packageOf = (name: string, manifest: object, files: Record<string, string>) =>
  Object.fromEntries([
    [`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', ...manifest })],
    ...Object.entries(files).map(([path, text]) => [`node_modules/${name}/${path}`, text]),
  ]);
const messageOf = (loading: Promise<unknown>) =>
  loading.then(
    () => expect.fail('it was loaded'),
    (error: Error) => error.message,
  );

describe('a plugin is found', () => {
  it('by the short name of a built-in', async () => {
    expect((await loadPlugin('monitor', nowhere)).plugin.name).toBe('monitor');
    expect((await loadPlugin(['monitor', {}], nowhere)).options).toEqual({});
    expect((await loadStore('file', nowhere)).plugin.name).toBe('file');
  });

  it('as the object itself', async () => {
    const plugin = { name: '@team/mine.v2', setup };
    expect((await loadPlugin(plugin, nowhere)).plugin).toBe(plugin);
    expect((await loadPlugin([plugin], nowhere)).plugin).toBe(plugin);
  });

  it('by a path relative to the configuration, or an absolute one', async () => {
    const folder = await tempFolder({ 'ops/mine.mjs': MODULE });
    for (const name of [
      './ops/mine.mjs',
      `../${basename(folder)}/ops/mine.mjs`,
      join(folder, 'ops/mine.mjs'),
    ]) {
      expect((await loadPlugin(name, inFolder(folder))).plugin.name).toBe('mine');
    }
  });

  it('as a package that has only an `import` export, also from a folder within', async () => {
    const exports = { '.': { import: './main.js' } };
    const folder = await tempFolder({
      ...packageOf('esm-only', { type: 'module', exports }, { 'main.js': MODULE }),
      'sub/x': '',
    });
    expect((await loadPlugin('esm-only', inFolder(folder))).plugin.name).toBe('mine');
    expect((await loadPlugin('esm-only', inFolder(join(folder, 'sub')))).plugin.name).toBe('mine');
  });

  it('as a CommonJS package, also one compiled from TypeScript', async () => {
    const folder = await tempFolder({
      ...packageOf(
        'plain-cjs',
        { main: 'main.js' },
        { 'main.js': `module.exports = { name: 'plain', setup() {} };` },
      ),
      ...packageOf(
        '@scope/compiled',
        { main: 'main.js' },
        {
          'main.js': `Object.defineProperty(exports, '__esModule', { value: true }); exports.default = { name: 'compiled', setup() {} };`,
        },
      ),
    });
    expect((await loadPlugin('plain-cjs', inFolder(folder))).plugin.name).toBe('plain');
    expect((await loadPlugin('@scope/compiled', inFolder(folder))).plugin.name).toBe('compiled');
  });
});

describe('a plugin that is not found', () => {
  it('is said to be none, with the nearest built-in', async () => {
    await expect(loadPlugin('monitr', nowhere)).rejects.toMatchObject({ code: 'PLUGIN_NOT_FOUND' });
    expect(await messageOf(loadPlugin('monitr', nowhere))).toBe(
      'registry.config.js: there is no plugin "monitr". Tried the built-in plugins, then a package "monitr" in /nowhere/node_modules and the folders above. Did you mean "monitor"?',
    );
    expect(await messageOf(loadStore('fiel', nowhere))).toMatch(
      /no store "fiel".*built-in stores.*"file"\?$/,
    );
  });

  it('is said with all built-ins where none is near', async () => {
    expect(await messageOf(loadPlugin('@team/kafka', nowhere))).toMatch(
      /Built-in: monitor, xml-rpc, file, broken\.$/,
    );
  });

  it('is said with the path that was tried', async () => {
    const folder = await tempFolder();
    expect(await messageOf(loadPlugin('./mine.js', inFolder(folder)))).toContain(
      `there is no plugin "./mine.js". Tried the file ${join(folder, 'mine.js')}.`,
    );
  });

  it('is not hidden when the package is there but cannot be imported', async () => {
    const exports = { '.': { require: './main.cjs' } };
    const folder = await tempFolder(
      packageOf('require-only', { exports }, { 'main.cjs': 'module.exports = {}' }),
    );
    expect(await messageOf(loadPlugin('require-only', inFolder(folder)))).toMatch(
      /Tried .*"require-only".*\(No "exports" main/,
    );
  });

  it('is no property of every object, and no module of Node', async () => {
    for (const name of ['constructor', '__proto__', 'toString', 'node:fs', 'fs']) {
      await expect(loadPlugin(name, nowhere)).rejects.toMatchObject({ code: 'PLUGIN_NOT_FOUND' });
    }
  });
});

describe('a plugin that is found but does not load', () => {
  it('is told from one that is not found: its own dependency is missing', async () => {
    const folder = await tempFolder({
      ...packageOf(
        'esm',
        { type: 'module', exports: './main.js' },
        { 'main.js': `import 'gone'; ${MODULE}` },
      ),
      ...packageOf('cjs', { main: 'main.js' }, { 'main.js': `require('gone'); module.exports = {};` }),
    });
    for (const name of ['esm', 'cjs']) {
      const loading = loadPlugin(name, inFolder(folder));
      await expect(loading).rejects.toMatchObject({ code: 'PLUGIN_UNLOADABLE' });
      const message = await messageOf(loading);
      expect(message).toContain(
        `plugin "${name}" was found at ${join(folder, 'node_modules', name, 'main.js')} but could not be loaded: `,
      );
      expect(message).toMatch(
        /Cannot find (package|module) 'gone'.*Something it imports is not installed\.$/s,
      );
    }
    await expect(loadPlugin('broken', nowhere)).rejects.toMatchObject({
      code: 'PLUGIN_UNLOADABLE',
      message:
        'registry.config.js: plugin "broken" is built in but could not be loaded: Cannot find package \'x\'. Something it imports is not installed.',
    });
  });

  it('says what it threw', async () => {
    const folder = await tempFolder({
      'a.mjs': `throw new Error('no licence.')`,
      'b.mjs': 'export default {{',
      'c.mjs': 'throw null',
    });
    expect(await messageOf(loadPlugin('./a.mjs', inFolder(folder)))).toMatch(
      /a\.mjs but could not be loaded: no licence\.$/,
    );
    for (const name of ['./b.mjs', './c.mjs']) {
      await expect(loadPlugin(name, inFolder(folder))).rejects.toMatchObject({ code: 'PLUGIN_UNLOADABLE' });
    }
  });
});

describe('what is loaded but is no plugin', () => {
  it('is said to be none, with what was expected', async () => {
    const folder = await tempFolder({
      'named.mjs': `export const name = 'x'; export function setup() {}`,
      'blank.mjs': `export default { name: 'two words', setup() {} }`,
      'options.mjs': `export default { name: 'x', options: { port: 1 }, setup() {} }`,
    });
    for (const name of ['./named.mjs', './blank.mjs', './options.mjs']) {
      await expect(loadPlugin(name, inFolder(folder))).rejects.toMatchObject({
        code: 'PLUGIN_INVALID',
        message: `registry.config.js: plugin "${name}" is not a plugin. Expected its default export to be { name, options?, setup(…) }, made with definePlugin: name at most 128 letters, digits and . _ - / @, options a zod schema.`,
      });
    }
    expect(await messageOf(loadPlugin({ setup }, nowhere))).toContain(
      'a plugin given as an object is not a plugin. Expected it to be',
    );
  });

  it('is pointed to the other list where it is a store, or no store', async () => {
    expect(await messageOf(loadPlugin('file', nowhere))).toBe(
      'registry.config.js: plugin "file" is not a plugin. It is a store: name it under `store`.',
    );
    expect(await messageOf(loadStore('monitor', nowhere))).toContain(
      'It is no store: name it under `plugins`.',
    );
  });

  it('may be a package of a name near to a built-in', async () => {
    const folder = await tempFolder(
      packageOf('xmlrpc', { main: 'main.js' }, { 'main.js': 'exports.createClient = () => {}' }),
    );
    expect(await messageOf(loadPlugin('xmlrpc', inFolder(folder)))).toContain(
      'Did you mean the built-in "xml-rpc"?',
    );
  });
});

describe('options', () => {
  const options = z.object({
    port: z.int().max(65_535).default(8800),
    tls: z.object({ cert: z.string() }).optional(),
  });
  const plugin = { name: 'door', options, setup };

  it('get their defaults', async () => {
    expect((await loadPlugin(plugin, nowhere)).options).toEqual({ port: 8800 });
    expect((await loadPlugin([plugin, { port: 1 }], nowhere)).options).toEqual({ port: 1 });
  });

  it('stop at an unknown key: file, plugin, key, nearest', async () => {
    const loading = loadPlugin([plugin, { prot: 1, tls: { cret: 'x', cert: 'y' } }], nowhere);
    await expect(loading).rejects.toMatchObject({
      code: 'PLUGIN_OPTIONS',
      message:
        'registry.config.js: plugin "door": unknown key "prot". Did you mean "port"?\n  unknown key "tls.cret". Did you mean "cert"?',
    });
  });

  it('stop at a bad value: file, plugin, key, what was expected', async () => {
    for (const [bad, text] of [
      [{ port: 70_000 }, '"port": Too big: expected number to be <=65535, not 70000'],
      [{ port: '80' }, '"port": Invalid input: expected number, received string'],
      [{ tls: { cert: 1 } }, '"tls.cert": Invalid input: expected string, received number'],
      [5, 'the value: Invalid input: expected object, received number'],
    ]) {
      await expect(loadPlugin([plugin, bad], nowhere)).rejects.toMatchObject({
        code: 'PLUGIN_OPTIONS',
        message: `registry.config.js: plugin "door": ${text}`,
      });
    }
  });

  it('are refused by a plugin that takes none', async () => {
    expect((await loadPlugin(['monitor', {}], nowhere)).options).toEqual({});
    for (const given of [{ a: 1 }, 'fast', 5, null]) {
      expect(await messageOf(loadPlugin(['monitor', given], nowhere))).toBe(
        'registry.config.js: plugin "monitor" takes no options.',
      );
    }
  });
});

describe('plugins together', () => {
  const plugin = (name: string, more: { needs?: string[]; provides?: string[] } = {}) => ({
    name,
    setup,
    ...more,
  });

  it('have one name each', () => {
    expect(() => checkTogether([plugin('a'), plugin('b'), plugin('a')], source)).toThrow(
      'registry.config.js: plugin "a" is named twice in `plugins`. Leave one out.',
    );
  });

  it('need what one of them provides, in whatever order, by capability or by name', () => {
    const needy = plugin('supervisor', { needs: ['monitor'] });
    checkTogether([needy, plugin('monitor')], source);
    checkTogether([needy, plugin('my-watch', { provides: ['monitor'] })], source);
    const check = () => checkTogether([needy, plugin('x', { provides: ['monitors'] })], source);
    expect(check).toThrow(expect.objectContaining({ code: 'PLUGIN_NEEDS' }));
    expect(check).toThrow(
      'registry.config.js: plugin "supervisor" needs "monitor", which no plugin in `plugins` provides. Add one that does. The nearest that is provided: "monitors".',
    );
  });
});
