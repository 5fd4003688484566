import type { z } from 'zod';
import type { Awaitable } from './awaitable.js';
import type { Catalogue } from './catalogue.js';
import type { Clock } from './clock.js';
import type { Contributions } from './contributions.js';
import { DocumentShelf } from './document-shelf.js';
import { messageOf, RegistryError } from './errors.js';
import { blame, failureText, type Guard } from './guard.js';
import type { Hooks, PluginHooks } from './hooks.js';
import type { HttpListener } from './http-listener.js';
import { deepFreeze, type JsonObject } from './json.js';
import type { Logger } from './logger.js';
import type { Collection, Operation, PluginApi, RegistryPlugin, Spawner } from './plugin.js';
import { parseArgument } from './schema.js';
import type { ServiceDB } from './servicedb/servicedb.js';
import type { By } from './store.js';

/** What every plugin's scope is cut from. */
export interface HostContext {
  readonly hooks: Hooks;
  readonly guard: Guard;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly catalogue: Catalogue;
  readonly services: ServiceDB;
  readonly contributions: Contributions;
  readonly listener: HttpListener;
  /** A path relative to the configuration, made absolute. */
  readonly resolvePath: (path: string) => string;
  readonly timeouts: { readonly setupMs: number; readonly disposeMs: number };
}

/**
 * One plugin's scope: what it taps, offers and opens is known here, and taken back when it is disposed of, the last
 * first, also after half a setup.
 */
export class PluginHost {
  readonly plugin: RegistryPlugin;
  readonly #context: HostContext;
  readonly #logger: Logger;
  readonly #abort = new AbortController();
  readonly #disposers: (() => Awaitable<void>)[] = [];
  #isSetUp = false;
  #isDisposed = false;

  constructor(plugin: RegistryPlugin, context: HostContext) {
    this.plugin = plugin;
    this.#context = context;
    this.#logger = context.logger.child({ plugin: plugin.name });
  }

  /** Runs the plugin's setup. Where it fails, what it had done is undone before PLUGIN_SETUP (or its own code) is thrown. */
  async setup(options: unknown): Promise<void> {
    const { name } = this.plugin;
    const { guard, timeouts } = this.#context;
    try {
      await guard.limit(`The setup of plugin "${name}"`, timeouts.setupMs, () =>
        this.plugin.setup(this.#api(), options),
      );
      this.#isSetUp = true;
    } catch (error) {
      await this.dispose();
      throw blame(name, `The setup of plugin "${name}"`, error, 'PLUGIN_SETUP');
    }
  }

  /** Takes everything back. A disposer that fails or hangs is logged, and the next one runs. */
  async dispose(): Promise<void> {
    const { name } = this.plugin;
    const { hooks, contributions, guard } = this.#context;
    this.#isSetUp = true;
    this.#isDisposed = true;
    for (const hook of Object.values(hooks)) hook.untap(name);
    contributions.remove(name);
    guard.abandon(name);
    this.#abort.abort(new RegistryError('STOPPING', `Plugin "${name}" is disposed of.`));
    for (let dispose = this.#disposers.pop(); dispose !== undefined; dispose = this.#disposers.pop()) {
      await this.#undo(dispose);
    }
  }

  async #undo(dispose: () => Awaitable<void>): Promise<void> {
    const { guard, timeouts } = this.#context;
    const what = `A disposal of plugin "${this.plugin.name}"`;
    try {
      await guard.limit(what, timeouts.disposeMs, dispose);
    } catch (error) {
      this.#logger.error({ err: error }, failureText(what, error));
    }
  }

  /** What a plugin opens when it is disposed of already, such as in a setup that was given up, is closed at once. */
  #onDispose(dispose: () => Awaitable<void>): void {
    if (this.#isDisposed) void this.#undo(dispose);
    else this.#disposers.push(dispose);
  }

  #api(): PluginApi {
    const { name } = this.plugin;
    const { hooks, clock, catalogue, services, contributions, listener, resolvePath } = this.#context;
    const { verdict, spawned, exited, answered, authorize, beforeSpawn } = hooks;
    const offer = (what: string, add: () => void) => {
      if (this.#isSetUp) {
        throw new RegistryError('PLUGIN_LATE', `Plugin "${name}" ${what} after its setup. Do it in setup.`);
      }
      add();
    };
    return Object.freeze<PluginApi>({
      name,
      logger: this.#logger,
      clock,
      signal: this.#abort.signal,
      hooks: this.#hooks(offer),
      fire: Object.freeze({ verdict, spawned, exited, answered, authorize, beforeSpawn }),
      services,
      onDispose: (dispose) => this.#onDispose(dispose),
      resolvePath,
      addChecker: (checker) =>
        offer('offered a checker', () => contributions.checkers.add(checker.kind, checker, name)),
      // A spawner's own spec type is checked by its own schema before it is called.
      addSpawner: (spawner) =>
        offer('offered a spawner', () =>
          contributions.spawners.add(spawner.kind, spawner as unknown as Spawner, name),
        ),
      addOperation: (operation) =>
        offer('offered an operation', () =>
          contributions.operations.add(operation.name, operation as unknown as Operation, name),
        ),
      collection: (collection, schema) => {
        checkCollection(catalogue, collection, name);
        offer('made a collection', () => contributions.collections.add(collection, true, name));
        return documentsOf(catalogue, collection, schema, { who: name, door: 'internal' });
      },
      check: (kind, target, call) => contributions.check(kind, target, call),
      prepareCheck: (kind, options) => contributions.prepareCheck(kind, options),
      addCheckReporter: (report) =>
        offer('offered reports of checks', () => contributions.checkReporters.add('checks', report, name)),
      checkReports: (record) => contributions.checkReporters.items.get('checks')?.(record) ?? [],
      spawners: contributions.spawners.items,
      checkers: contributions.checkers.items,
      operations: contributions.operations.items,
      listen: async (spec) => {
        this.#abort.signal.throwIfAborted();
        const door = await listener.open({ ...spec, plugin: name });
        this.#onDispose(() => door.close());
        this.#abort.signal.throwIfAborted();
        return door;
      },
      get doors() {
        return listener.doors;
      },
    });
  }

  #hooks(offer: (what: string, add: () => void) => void): PluginHooks {
    const { name } = this.plugin;
    const facade = Object.entries(this.#context.hooks).map(([hookName, hook]) => {
      const tap = (method: 'tap' | 'tapPromise') => (run: never, options?: never) =>
        offer(`tapped ${hookName}`, () => hook[method](name, run, options));
      return [hookName, Object.freeze({ tap: tap('tap'), tapPromise: tap('tapPromise') })];
    });
    return Object.freeze(Object.fromEntries(facade)) as PluginHooks;
  }
}

/** A plugin keeps its own documents only: those of the registry are written by ServiceDB alone. */
function checkCollection(catalogue: Catalogue, collection: string, plugin: string): void {
  if (!/^[a-z][\w.-]{0,63}$/i.test(collection)) {
    throw new RegistryError(
      'INVALID_ARGUMENT',
      `Plugin "${plugin}": ${JSON.stringify(collection)} cannot name a collection; expected a letter, then at most 63 letters, digits and . _ -.`,
    );
  }
  if (!(catalogue.shelf(collection) instanceof DocumentShelf)) {
    throw new RegistryError(
      'PLUGIN_DUPLICATE',
      `Plugin "${plugin}": the collection "${collection}" is the registry's own. Choose another name.`,
    );
  }
}

const LONGEST_KEY = 512;

/** The document as it will be read back: JSON, so that memory and disk agree. */
function documentOf(schema: z.ZodType, key: string, value: unknown): JsonObject {
  if (typeof key !== 'string' || key === '' || key.length > LONGEST_KEY) {
    throw new RegistryError(
      'INVALID_ARGUMENT',
      `A key is a string of 1 to ${LONGEST_KEY} characters, not ${typeof key === 'string' ? `one of ${key.length}` : typeof key}.`,
    );
  }
  const parsed = parseArgument(schema, value);
  try {
    return deepFreeze(JSON.parse(JSON.stringify(parsed)) as JsonObject);
  } catch (error) {
    throw new RegistryError('INVALID_ARGUMENT', `"${key}" is no JSON object: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** A collection of documents as a plugin sees it. What was stored by an older version and fits no more is left out. */
function documentsOf<Schema extends z.ZodObject>(
  catalogue: Catalogue,
  collection: string,
  schema: Schema,
  by: By,
): Collection<z.output<Schema>> {
  const shelf = catalogue.shelf(collection);
  const typed = (value: JsonObject): z.output<Schema> | undefined => {
    const result = schema.safeParse(value);
    return result.success ? deepFreeze(result.data) : undefined;
  };
  const entries = function* (): Iterable<readonly [string, z.output<Schema>]> {
    for (const { key, value } of shelf.entries()) {
      const document = typed(value);
      if (document !== undefined) yield [key, document];
    }
  };
  return Object.freeze<Collection<z.output<Schema>>>({
    get: (key) => {
      const value = shelf.valueOf(collection, key);
      return value && typed(value);
    },
    entries,
    put: async (key, value) => {
      const document = documentOf(schema, key, value);
      await catalogue.write(
        () => ({ changes: [{ collection, key, value: document }], answer: () => undefined }),
        by,
        'durable',
      );
    },
    remove: async (key) =>
      catalogue.write(
        () => {
          const isThere = catalogue.valueOf(collection, key) !== undefined;
          return { changes: isThere ? [{ collection, key, value: null }] : [], answer: () => isThere };
        },
        by,
        'durable',
      ),
  });
}
