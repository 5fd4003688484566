import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { cosmiconfig } from 'cosmiconfig';
import { z } from 'zod';
import { messageOf, RegistryError } from './errors.js';
import type { RegistryPlugin, StorePlugin } from './plugin.js';
import { duration, parse } from './schema.js';

/** Where a configuration is looked for in the working folder, in this order. */
export const CONFIG_FILES = [
  'registry.config.js',
  'registry.config.mjs',
  'registry.config.cjs',
  'registry.config.json',
  'registry.config.yaml',
  '.registryrc',
];

/** A plugin as a configuration names it: a built-in's short name, a package, a `./path`, or the plugin itself. */
export type PluginName = string | RegistryPlugin;
/** An entry of `plugins`. Falsy ones are skipped, so that a condition can stand in the list. */
export type PluginEntry = PluginName | readonly [PluginName, unknown] | false | null | undefined | 0 | '';
/** The entry of `store`. */
export type StoreEntry = string | StorePlugin | readonly [string | StorePlugin, unknown];

const isNamed = (value: unknown) =>
  typeof value === 'string' || (typeof value === 'object' && value !== null && !Array.isArray(value));
const isEntry = (value: unknown) =>
  Array.isArray(value)
    ? value.length >= 1 && value.length <= 2 && isNamed(value[0]) && value[0] !== ''
    : isNamed(value);

const ENTRY = "expected a plugin's name, a path, a plugin, or [one of these, options]";

/** The whole configuration but for the plugins' own options, which each plugin's schema checks. */
const configSchema = z.strictObject({
  store: z
    .custom<StoreEntry>((value) => isEntry(value) && value !== '', { error: ENTRY })
    .default(['file', { path: './data' }]),
  plugins: z
    .array(z.custom<PluginEntry>((value) => !value || isEntry(value), { error: ENTRY }))
    .max(1_000)
    .default(['xml-rpc', 'monitor', 'tcp-checker', 'http-checker']),
  log: z
    .strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
      pretty: z.boolean().optional(),
    })
    .prefault({}),
  services: z
    .strictObject({
      forgetAfter: duration({ min: 1_000 }).prefault('1h'),
      massSilence: z.number().gt(0).max(1).default(0.5),
      massSilenceWindow: duration({ min: 1_000 }).prefault('30s'),
      massSilenceMax: duration({ min: 1_000 }).prefault('1h'),
      maxInstances: z.int().min(1).max(10_000_000).default(2_000_000),
    })
    .prefault({}),
});

/** A configuration as a person writes it. */
export type ConfigInput = z.input<typeof configSchema>;
/** A configuration with every default filled in. Durations are milliseconds. */
export type Config = z.output<typeof configSchema>;

/** A configuration and where it came from. */
export interface LoadedConfig {
  readonly config: Config;
  /** Named in messages: the file's path, or that there is none. */
  readonly source: string;
  /** The folder that relative paths are relative to. */
  readonly folder: string;
  /** Undefined where the defaults are used. */
  readonly file: string | undefined;
}

/** Checks a configuration; CONFIG_INVALID names the source, each key, what was expected and the nearest valid name. */
export function parseConfig(input: unknown, source: string): Config {
  const result = parse(configSchema, input ?? {});
  if (result.issues === undefined) return result.data;
  throw new RegistryError('CONFIG_INVALID', `${source}: ${result.issues.join('\n  ')}`);
}

/**
 * Loads the configuration: the file that is named, else the first of CONFIG_FILES in `folder`, else the defaults.
 * CONFIG_NOT_FOUND, CONFIG_UNREADABLE, CONFIG_INVALID.
 */
export async function loadConfig(options: { file?: string; folder: string }): Promise<LoadedConfig> {
  const explorer = cosmiconfig('registry', {
    searchPlaces: CONFIG_FILES,
    searchStrategy: 'none',
    // An empty file is a choice too: the next one in the list does not take its place.
    ignoreEmptySearchPlaces: false,
    cache: false,
  });
  const named = options.file === undefined ? undefined : resolve(options.folder, options.file);
  if (named !== undefined && !existsSync(named)) {
    throw new RegistryError(
      'CONFIG_NOT_FOUND',
      `There is no file ${named}. Name one that exists, or leave --config out to use ${CONFIG_FILES[0]} of the working folder.`,
    );
  }
  let found: Awaited<ReturnType<typeof explorer.search>>;
  try {
    found = named === undefined ? await explorer.search(options.folder) : await explorer.load(named);
  } catch (error) {
    const at =
      named ?? CONFIG_FILES.map((name) => resolve(options.folder, name)).find((path) => existsSync(path));
    throw new RegistryError(
      'CONFIG_UNREADABLE',
      `${at ?? options.folder} could not be loaded: ${messageOf(error)}`,
      { cause: error },
    );
  }
  // For a file of comments only, too, null is found.
  const filepath = found?.filepath ?? named;
  if (filepath === undefined) {
    const source = 'the built-in defaults';
    return { config: parseConfig({}, source), source, folder: options.folder, file: undefined };
  }
  // An empty JSON or YAML file asks for the defaults; a script that exports nothing has most likely forgotten to.
  const config: unknown = SCRIPT.test(filepath) ? found?.config : (found?.config ?? {});
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    const [how, given] = SCRIPT.test(filepath)
      ? ['its default export to be', config === undefined ? 'nothing' : messageOf(config)]
      : ['it to hold', JSON.stringify(config)];
    throw new RegistryError(
      'CONFIG_INVALID',
      `${filepath}: expected ${how} an object such as { plugins: ['xml-rpc'] }, found ${given.slice(0, 200)}.`,
    );
  }
  return {
    config: parseConfig(config, filepath),
    source: filepath,
    folder: dirname(filepath),
    file: filepath,
  };
}

const SCRIPT = /\.[cm]?js$/;
