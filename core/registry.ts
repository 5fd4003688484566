import { resolve } from 'node:path';
import type { Awaitable } from './awaitable.js';
import { Catalogue } from './catalogue.js';
import { type Clock, systemClock } from './clock.js';
import { type ConfigInput, type LoadedConfig, parseConfig } from './config.js';
import { Contributions } from './contributions.js';
import { DocumentShelf } from './document-shelf.js';
import { messageOf, RegistryError } from './errors.js';
import { blame, createGuard, failureText, type Guard } from './guard.js';
import { createHooks } from './hooks.js';
import { type Door, HttpListener } from './http-listener.js';
import { createLogger, type Logger } from './logger.js';
import { MemoryStore } from './memory-store.js';
import { MicroDB } from './microdb/index.js';
import { defineStore, type RegistryPlugin, type StorePlugin } from './plugin.js';
import { PluginHost } from './plugin-host.js';
import { type Builtins, checkTogether, type Loaded, loadPlugin, loadStore } from './plugin-loader.js';
import { ServiceDB } from './servicedb/servicedb.js';
import type { Store } from './store.js';

/** A registry that can be started, once, and stopped. */
export interface Registry {
  readonly services: ServiceDB;
  readonly doors: readonly Door[];
  /** The names of the loaded plugins, in the order in which they were set up. */
  readonly plugins: readonly string[];
  /** What the operator should know of how the store was found. */
  readonly notes: readonly string[];
  /**
   * Runs hooks `start`, `listen`, `ready`. Where one of the first two fails, everything is stopped and its error thrown;
   * where `stop` is called meanwhile, STOPPING.
   */
  start(): Promise<void>;
  /** Closes the doors, runs hook `stop`, disposes of the plugins and closes the store. May be called at any time, and again. */
  stop(): Promise<void>;
}

export interface RegistryOptions {
  /** A configuration as `registry.config.js` exports it, or one that was loaded from a file. */
  readonly config: ConfigInput | LoadedConfig;
  /** Plugins and stores that the configuration may name shortly; `rollcall/plugins` exports Rollcall's own. */
  readonly builtins?: Builtins;
  /** Relative paths are relative to this folder, unless the configuration came from a file. */
  readonly folder?: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

const MEMORY_STORE = defineStore({ name: 'memory', create: ({ clock }) => new MemoryStore(clock) });
const STOP_TIMEOUT_MS = 10_000;
const SETUP_TIMEOUT_MS = 30_000;

/**
 * The composition root (DESIGN §3, Boot): opens the store, replays it, sets every plugin up. Nothing listens yet.
 * Rejects with what is wrong, and with nothing left open.
 */
export async function createRegistry(options: RegistryOptions): Promise<Registry> {
  const { loaded: from, plugins: loaded, store: storePlugin } = await loadAll(options);
  const { config, folder } = from;
  const clock = options.clock ?? systemClock;
  const logger =
    options.logger ??
    createLogger({
      level: config.log.level,
      ...(config.log.pretty !== undefined && { isPretty: config.log.pretty }),
    });
  const resolvePath = (path: string) => resolve(folder, path);
  const guard = createGuard(clock, logger);
  const store = await createStore(storePlugin, guard, resolvePath);
  const hooks = createHooks(guard);
  const db = new MicroDB({
    onWatcherError: (error) => logger.error({ err: error }, `A watcher failed: ${messageOf(error)}`),
  });
  const catalogue = new Catalogue({
    store,
    clock,
    db,
    onCommitted: (commit) => hooks.committed.call(commit),
    makeShelf: (collection) => new DocumentShelf(db, collection),
  });
  const { forgetAfter, massSilence, massSilenceWindow, massSilenceMax, maxInstances } = config.services;
  const services = new ServiceDB({
    db,
    catalogue,
    store,
    hooks,
    clock,
    logger,
    options: {
      forgetAfterMs: forgetAfter,
      massSilenceShare: massSilence,
      massSilenceWindowMs: massSilenceWindow,
      massSilenceMaxMs: massSilenceMax,
      maxInstances,
    },
  });
  const listener = new HttpListener({
    clock,
    hasAccessControl: () => hooks.authorize.isTapped,
    onError: (message, error) => logger.error({ err: error }, message),
    stopTimeoutMs: STOP_TIMEOUT_MS,
  });
  const contributions = new Contributions(clock);
  const hosts: PluginHost[] = [];

  /** What fails while stopping is logged, and the rest is still stopped. */
  const attempt = async (what: string, work: () => Awaitable<void>) => {
    try {
      await guard.limit(what, SETUP_TIMEOUT_MS, work);
    } catch (error) {
      logger.error({ err: error }, failureText(what, error));
    }
  };
  const close = async () => {
    for (const host of hosts.toReversed()) await host.dispose();
    await attempt('Closing the catalogue', () => services.close());
    await attempt('Closing the store', () => store.close());
  };

  try {
    const { notes = [] } = await catalogue.open();
    services.opened();
    const timeouts = { setupMs: SETUP_TIMEOUT_MS, disposeMs: STOP_TIMEOUT_MS };
    for (const { plugin, options: pluginOptions } of loaded) {
      const host = new PluginHost(plugin, {
        hooks,
        guard,
        clock,
        logger,
        catalogue,
        services,
        contributions,
        listener,
        resolvePath,
        timeouts,
      });
      await host.setup(pluginOptions);
      hosts.push(host);
    }
    return lifecycle({
      hooks,
      listener,
      services,
      plugins: loaded.map(({ plugin }) => plugin.name),
      notes,
      attempt,
      close,
    });
  } catch (error) {
    await close();
    throw error;
  }
}

async function createStore(
  { plugin, options }: Loaded<StorePlugin>,
  { clock, logger, limit }: Guard,
  resolvePath: (path: string) => string,
): Promise<Store> {
  const what = `The setup of store "${plugin.name}"`;
  const api = { clock, logger: logger.child({ plugin: plugin.name }), resolvePath };
  try {
    return await limit(what, SETUP_TIMEOUT_MS, () => plugin.create(api, options));
  } catch (error) {
    throw blame(plugin.name, what, error, 'PLUGIN_SETUP');
  }
}

function lifecycle(parts: {
  hooks: ReturnType<typeof createHooks>;
  listener: HttpListener;
  services: ServiceDB;
  plugins: readonly string[];
  notes: readonly string[];
  attempt: (what: string, work: () => Awaitable<void>) => Promise<void>;
  close: () => Promise<void>;
}): Registry {
  const { hooks, listener, services, attempt, close } = parts;
  let booting: Promise<void> | undefined;
  let stopping: Promise<void> | undefined;
  const boot = async () => {
    for (const hook of [hooks.start, hooks.listen]) {
      if (stopping === undefined) await hook.promise();
    }
  };
  const stopAll = async () => {
    services.endWaits();
    await attempt('Closing the doors', () => listener.drain());
    // Whoever called start hears of its failure. A plugin is told to stop when it has started, not while it does.
    await booting?.catch(() => {});
    if (booting !== undefined) await hooks.stop.promise();
    await hooks.close.promise();
    await close();
  };
  const stop = () => {
    stopping ??= stopAll();
    return stopping;
  };
  return {
    services,
    plugins: parts.plugins,
    notes: parts.notes,
    get doors() {
      return listener.doors;
    },
    async start() {
      if (booting !== undefined || stopping !== undefined) {
        throw new RegistryError(
          stopping === undefined ? 'INTERNAL' : 'STOPPING',
          'A registry is started once; make a new one with createRegistry.',
        );
      }
      booting = boot();
      try {
        await booting;
      } catch (error) {
        await stop();
        throw error;
      }
      if (stopping === undefined) await hooks.ready.promise();
      if (stopping !== undefined) {
        await stopping;
        throw new RegistryError('STOPPING', 'The registry was stopped while it started.');
      }
    },
    stop,
  };
}

/** Checks a configuration with every plugin it names, and starts nothing; answers the names of what it would load. */
export async function checkConfig(
  options: Pick<RegistryOptions, 'config' | 'builtins' | 'folder'>,
): Promise<{ store: string; plugins: readonly string[] }> {
  const { store, plugins } = await loadAll(options);
  return { store: store.plugin.name, plugins: plugins.map(({ plugin }) => plugin.name) };
}

async function loadAll({ config, builtins, folder = process.cwd() }: RegistryOptions) {
  const source = 'the configuration given to createRegistry';
  const loaded: LoadedConfig =
    'source' in config && 'config' in config
      ? config
      : { config: parseConfig(config, source), source, folder, file: undefined };
  const context = {
    builtins: { memory: async () => ({ default: MEMORY_STORE }), ...builtins },
    folder: loaded.folder,
    source: loaded.source,
  };
  const plugins: Loaded<RegistryPlugin>[] = [];
  for (const entry of loaded.config.plugins) if (entry) plugins.push(await loadPlugin(entry, context));
  checkTogether(
    plugins.map(({ plugin }) => plugin),
    loaded.source,
  );
  return { loaded, plugins, store: await loadStore(loaded.config.store, context) };
}
