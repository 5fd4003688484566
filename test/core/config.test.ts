import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CONFIG_FILES, loadConfig, parseConfig } from '../../core/config.js';
import { tempFolder } from '../support/temp-folder.js';

const load = async (name: string, text: string) => {
  const folder = await tempFolder({ [name]: text });
  return { folder, file: join(folder, name), loaded: loadConfig({ folder }) };
};

describe('where a configuration is found', () => {
  it('is the first of the list that exists in the folder', async () => {
    const texts: Record<string, string> = Object.fromEntries(
      CONFIG_FILES.map((name) => {
        if (name.endsWith('.cjs')) return [name, `module.exports = { plugins: ['${name}'] };`];
        if (name.endsWith('js')) return [name, `export default { plugins: ['${name}'] };`];
        return [name, `{ "plugins": ["${name}"] }`];
      }),
    );
    const folder = await tempFolder({ ...texts, 'package.json': '{ "type": "module" }' });
    for (const name of CONFIG_FILES) {
      const { config, source, file, folder: base } = await loadConfig({ folder });
      expect({ plugins: config.plugins, source, file, base }).toEqual({
        plugins: [name],
        source: join(folder, name),
        file: join(folder, name),
        base: folder,
      });
      await rm(join(folder, name));
    }
    expect((await loadConfig({ folder })).file).toBeUndefined();
  });

  it('is not the folder above', async () => {
    const folder = await tempFolder({ 'registry.config.json': '{ "plugins": [] }', 'inner/x': '' });
    expect((await loadConfig({ folder: join(folder, 'inner') })).source).toBe('the built-in defaults');
  });

  it('is the file that is named, relative to the folder, and its paths are relative to itself', async () => {
    const folder = await tempFolder({ 'registry.config.json': '{}', 'ops/my.yaml': 'plugins: [audit]' });
    const { config, folder: base, source } = await loadConfig({ folder, file: 'ops/my.yaml' });
    expect(config.plugins).toEqual(['audit']);
    expect(base).toBe(join(folder, 'ops'));
    expect(source).toBe(join(folder, 'ops/my.yaml'));
  });

  it('is no other where the one that is named is missing', async () => {
    const folder = await tempFolder({ 'registry.config.json': '{}' });
    await expect(loadConfig({ folder, file: 'mine.json' })).rejects.toMatchObject({
      code: 'CONFIG_NOT_FOUND',
      message: expect.stringContaining(join(folder, 'mine.json')),
    });
  });

  it('reads .registryrc as JSON and as YAML', async () => {
    for (const text of ['{ "log": { "level": "warn" } }', 'log:\n  level: warn\n']) {
      const { loaded } = await load('.registryrc', text);
      expect((await loaded).config.log.level).toBe('warn');
    }
  });
});

describe('a file that cannot be loaded', () => {
  it('is named when its syntax is wrong', async () => {
    const broken = {
      'registry.config.mjs': 'export default {{',
      'registry.config.cjs': 'module.exports = {{',
      'registry.config.json': '{ "plugins": [ }',
      'registry.config.yaml': 'plugins: [\n  - }',
      '.registryrc': '{ "a": ',
    };
    for (const [name, text] of Object.entries(broken)) {
      const { file, loaded } = await load(name, text);
      const error = await loaded.catch((thrown) => thrown);
      expect(error).toMatchObject({ code: 'CONFIG_UNREADABLE' });
      expect(error.message).toContain(`${file} could not be loaded: `);
    }
  });

  it('is named when it throws, or imports what is not there', async () => {
    const thrower = await load('registry.config.mjs', `throw new Error('no TOKEN set')`);
    await expect(thrower.loaded).rejects.toMatchObject({
      code: 'CONFIG_UNREADABLE',
      message: `${thrower.file} could not be loaded: no TOKEN set`,
    });
    const importer = await load('registry.config.mjs', `import 'not-installed-anywhere'; export default {}`);
    await expect(importer.loaded).rejects.toThrow(/registry\.config\.mjs.*not-installed-anywhere/s);
  });

  it('is named when it is a folder, or of a kind that is not read', async () => {
    const folder = await tempFolder({ 'ops/x': '', 'registry.toml': 'a = 1' });
    await expect(loadConfig({ folder, file: 'ops' })).rejects.toMatchObject({ code: 'CONFIG_UNREADABLE' });
    await expect(loadConfig({ folder, file: 'registry.toml' })).rejects.toThrow(/registry\.toml.*toml/);
  });
});

describe('an empty file', () => {
  it('asks for the defaults, and hides the files after it', async () => {
    for (const [name, text] of [
      ['registry.config.json', ''],
      ['.registryrc', ' \n'],
    ] as const) {
      const folder = await tempFolder({ [name]: text });
      const { config, file } = await loadConfig({ folder });
      expect(file).toBe(join(folder, name));
      expect(config.store).toEqual(['file', { path: './data' }]);
    }
    const commented = await tempFolder({ 'mine.yaml': '# later' });
    expect((await loadConfig({ folder: commented, file: 'mine.yaml' })).file).toBe(
      join(commented, 'mine.yaml'),
    );
    const folder = await tempFolder({ 'registry.config.yaml': '', '.registryrc': 'store: memory' });
    expect((await loadConfig({ folder })).config.store).toEqual(['file', { path: './data' }]);
  });

  it('is an error where it is a script, which has forgotten its default export', async () => {
    for (const text of ['', `export const plugins = ['monitor'];`]) {
      const { file, loaded } = await load('registry.config.mjs', text);
      await expect(loaded).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: `${file}: expected its default export to be an object such as { plugins: ['xml-rpc'] }, found nothing.`,
      });
    }
  });
});

describe('what a configuration may say', () => {
  it('keeps data in ./data with the file store unless someone says otherwise', () => {
    expect(parseConfig({}, 'x').store).toEqual(['file', { path: './data' }]);
    expect(parseConfig({ store: 'memory' }, 'x').store).toBe('memory');
  });

  it('stops at an unknown key, naming the file, the key and the nearest valid one', async () => {
    const { file, loaded } = await load(
      'registry.config.json',
      '{ "plugin": [], "services": { "forgetafter": "1h" } }',
    );
    const error = await loaded.catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(error.message).toContain(`${file}: `);
    expect(error.message).toContain('unknown key "plugin". Did you mean "plugins"?');
    expect(error.message).toContain('unknown key "services.forgetafter". Did you mean "forgetAfter"?');
  });

  it('reads durations, and refuses those out of reason', () => {
    expect(parseConfig({ services: { forgetAfter: '2h' } }, 'x').services.forgetAfter).toBe(7_200_000);
    expect(parseConfig({}, 'x').services.forgetAfter).toBe(3_600_000);
    expect(() => parseConfig({ services: { forgetAfter: '1 hour' } }, 'x')).toThrow(
      `x: "services.forgetAfter": expected a duration, such as '10s' or a number of milliseconds, not "1 hour"`,
    );
  });

  it('takes entries of every kind, falsy ones too, and names the place of one that is none', () => {
    const plugin = { name: 'mine', setup: () => {} };
    const plugins = [
      'monitor',
      ['xml-rpc', { port: 1 }],
      ['./mine.js'],
      plugin,
      [plugin, {}],
      false,
      null,
      undefined,
      0,
      '',
    ];
    expect(parseConfig({ plugins }, 'x').plugins).toEqual(plugins);
    for (const bad of [5, true, [], ['a', {}, 1], [['a']], [''], () => {}]) {
      expect(() => parseConfig({ plugins: ['monitor', bad] }, 'x')).toThrow(
        /x: "plugins\.1": expected a plugin's name/,
      );
    }
    for (const bad of ['', false, 5, null]) {
      expect(() => parseConfig({ store: bad }, 'x')).toThrow(/x: "store": expected a plugin's name/);
    }
  });

  it('is an object', async () => {
    for (const text of ['[1]', '"monitor"', '5']) {
      const { file, loaded } = await load('registry.config.json', text);
      await expect(loaded).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: `${file}: expected it to hold an object such as { plugins: ['xml-rpc'] }, found ${text}.`,
      });
    }
    const { loaded } = await load('registry.config.mjs', 'export default () => ({})');
    await expect(loaded).rejects.toThrow('expected its default export to be an object');
  });
});
