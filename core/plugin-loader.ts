import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { resolve as resolveImport } from 'import-meta-resolve';
import type { z } from 'zod';
import { messageOf, RegistryError } from './errors.js';
import { nearest } from './nearest.js';
import type { RegistryPlugin, StorePlugin } from './plugin.js';
import { parse } from './schema.js';

/** Built-ins by their short names; each is imported only when it is named. */
export type Builtins = { readonly [shortName: string]: () => Promise<{ default: unknown }> };

/** Where plugins come from. */
export interface LoaderContext {
  readonly builtins: Builtins;
  /** The folder that a `./path` is relative to, and where packages are looked for from. */
  readonly folder: string;
  /** The configuration's name, for messages. */
  readonly source: string;
}

/** A plugin, its options checked. */
export interface Loaded<Plugin> {
  readonly plugin: Plugin;
  readonly options: unknown;
}

type Anyhow = RegistryPlugin | StorePlugin;

/** Makes a plugin of an entry of `plugins`. Errors name the source and what was tried. */
export async function loadPlugin(entry: unknown, context: LoaderContext): Promise<Loaded<RegistryPlugin>> {
  return load<RegistryPlugin>(entry, 'setup', context);
}

/** Makes a store plugin of the entry `store`. */
export async function loadStore(entry: unknown, context: LoaderContext): Promise<Loaded<StorePlugin>> {
  return load<StorePlugin>(entry, 'create', context);
}

async function load<Plugin extends Anyhow>(
  entry: unknown,
  method: keyof typeof WHATS,
  context: LoaderContext,
): Promise<Loaded<Plugin>> {
  const [named, options] = Array.isArray(entry) ? entry : [entry, undefined];
  const found = typeof named === 'string' ? await importNamed(named, WHATS[method], context) : named;
  if (!isPlugin<Plugin>(found, method)) throw notAPlugin(found, named, method, context);
  return { plugin: found, options: parseOptions(found, options, WHATS[method], context) };
}

const WHATS = { setup: 'plugin', create: 'store' } as const;
const NAME = /^[\w.@/-]{1,128}$/;

function isPlugin<Plugin extends Anyhow>(value: unknown, method: keyof typeof WHATS): value is Plugin {
  if (typeof value !== 'object' || value === null) return false;
  const { name, options, [method]: run } = value as { [key: string]: unknown };
  const isSchema =
    options === undefined || typeof (options as Partial<z.ZodType> | null)?.safeParse === 'function';
  return typeof name === 'string' && NAME.test(name) && isSchema && typeof run === 'function';
}

function notAPlugin(found: unknown, named: unknown, method: keyof typeof WHATS, context: LoaderContext) {
  const what = WHATS[method];
  const guess = typeof named === 'string' ? nearest(named, Object.keys(context.builtins)) : undefined;
  const hints = {
    isOther:
      what === 'plugin'
        ? 'It is a store: name it under `store`.'
        : 'It is no store: name it under `plugins`.',
    isMisspelt: `Did you mean the built-in "${guess}"?`,
    isStrange: `Expected ${typeof named === 'string' ? 'its default export' : 'it'} to be { name, options?, ${method}(…) }, made with ${what === 'plugin' ? 'definePlugin' : 'defineStore'}: name at most 128 letters, digits and . _ - / @, options a zod schema.`,
  };
  const isOther = isPlugin(found, method === 'setup' ? 'create' : 'setup');
  const hint = isOther
    ? hints.isOther
    : guess !== undefined && guess !== named
      ? hints.isMisspelt
      : hints.isStrange;
  const label = typeof named === 'string' ? `${what} "${named}"` : `a ${what} given as an object`;
  return new RegistryError('PLUGIN_INVALID', `${context.source}: ${label} is not a ${what}. ${hint}`);
}

function parseOptions(plugin: Anyhow, options: unknown, what: string, { source }: LoaderContext): unknown {
  if (plugin.options === undefined) {
    const isEmpty = typeof options === 'object' && options !== null && Object.keys(options).length === 0;
    if (options === undefined || isEmpty) return {};
    throw new RegistryError('PLUGIN_OPTIONS', `${source}: ${what} "${plugin.name}" takes no options.`);
  }
  const result = parse(plugin.options, options ?? {});
  if (result.issues === undefined) return result.data;
  throw new RegistryError(
    'PLUGIN_OPTIONS',
    `${source}: ${what} "${plugin.name}": ${result.issues.join('\n  ')}`,
  );
}

async function importNamed(name: string, what: string, context: LoaderContext): Promise<unknown> {
  const builtin = Object.hasOwn(context.builtins, name) ? context.builtins[name] : undefined;
  const url = builtin === undefined ? locate(name, what, context) : undefined;
  try {
    return defaultExport(await (url === undefined ? builtin?.() : import(url)));
  } catch (error) {
    const place = url === undefined ? 'is built in' : `was found at ${fileURLToPath(url)}`;
    const hint = MISSING.has((error as { code?: unknown } | null)?.code)
      ? ' Something it imports is not installed.'
      : '';
    throw new RegistryError(
      'PLUGIN_UNLOADABLE',
      `${context.source}: ${what} "${name}" ${place} but could not be loaded: ${messageOf(error).replace(/\.$/, '')}.${hint}`,
      { cause: error },
    );
  }
}

/** What Node says of a module that an ECMAScript module, or a CommonJS one, asks for in vain. */
const MISSING: ReadonlySet<unknown> = new Set(['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND']);

/** A module's default export; of a CommonJS module compiled from TypeScript, what its author wrote as such. */
function defaultExport(module: { default?: unknown } | undefined): unknown {
  const value = module?.default;
  if (typeof value === 'object' && value !== null && '__esModule' in value && 'default' in value)
    return value.default;
  return value;
}

function locate(name: string, what: string, { builtins, folder, source }: LoaderContext): string {
  const tried: string[] = [];
  if (/^\.{0,2}\//.test(name)) {
    const path = resolve(folder, name);
    if (existsSync(path)) return pathToFileURL(path).href;
    tried.push(`the file ${path}`);
  } else {
    tried.push(`the built-in ${what}s`);
    let obstacle = '';
    try {
      const url = resolveImport(name, pathToFileURL(join(folder, 'registry.config.js')).href);
      if (url.startsWith('file:') && existsSync(fileURLToPath(url))) return url;
    } catch (error) {
      // A package that is there, but does not let itself be imported, is another trouble than one that is missing.
      if (!MISSING.has((error as { code?: unknown }).code)) obstacle = ` (${messageOf(error)})`;
    }
    tried.push(`a package "${name}" in ${join(folder, 'node_modules')} and the folders above${obstacle}`);
  }
  const known = Object.keys(builtins);
  const guess = nearest(name, known);
  const hint =
    guess !== undefined
      ? ` Did you mean "${guess}"?`
      : known.length > 0
        ? ` Built-in: ${known.join(', ')}.`
        : '';
  throw new RegistryError(
    'PLUGIN_NOT_FOUND',
    `${source}: there is no ${what} "${name}". Tried ${tried.join(', then ')}.${hint}`,
  );
}

/** Refuses two plugins of one name, and a plugin that needs what none provides. */
export function checkTogether(plugins: readonly RegistryPlugin[], source: string): void {
  const names = new Set<string>();
  for (const { name } of plugins) {
    if (names.has(name)) {
      throw new RegistryError(
        'PLUGIN_DUPLICATE',
        `${source}: plugin "${name}" is named twice in \`plugins\`. Leave one out.`,
      );
    }
    names.add(name);
  }
  const provided = new Set(plugins.flatMap(({ name, provides = [] }) => [name, ...provides]));
  for (const { name, needs = [] } of plugins) {
    for (const need of needs) {
      if (provided.has(need)) continue;
      const guess = nearest(need, provided);
      const hint = guess === undefined ? '' : ` The nearest that is provided: "${guess}".`;
      throw new RegistryError(
        'PLUGIN_NEEDS',
        `${source}: plugin "${name}" needs "${need}", which no plugin in \`plugins\` provides. Add one that does.${hint}`,
      );
    }
  }
}
