import { z } from 'zod';
import {
  type Clock,
  type Commit,
  type CommitOutcome,
  createRegistry,
  definePlugin,
  type Json,
  type Logger,
  MemoryStore,
  type PluginApi,
  type Registry,
  type RegistryPlugin,
  type ServiceRecord,
  type Store,
  type StoredEntry,
  type StoreReader,
  type Verdict,
} from '../../../core/index.js';
import monitor from '../../../plugins/monitor/index.js';
import { FakeClock } from '../../support/fake-clock.js';

/** What a port of the pretended network does when it is checked. */
export type Answer = Verdict['status'] | 'silent' | { readonly throws: string } | { readonly says: Verdict };

/** The checker `fake`: ports answer as the test says, `running` unless it says otherwise. */
export class FakeNetwork {
  /** By port, or by port and the option `path`: `9000/health`. */
  readonly answers = new Map<number | string, Answer>();
  readonly checked: { port: number; at: number; path: string }[] = [];
  readonly verdicts: { instance: string; kind: string; status: string }[] = [];
  readonly changes: { name: string; status: string; at: number }[] = [];
  aborted = 0;
  /** What plugins are given, for a test to look through. */
  api: PluginApi | undefined;
  readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  count(port: number): number {
    return this.checked.filter((check) => check.port === port).length;
  }

  readonly plugin = definePlugin({
    name: 'fake-checker',
    setup: (api) => {
      this.api = api;
      api.hooks.verdict.tap(({ record, kind, verdict }) =>
        this.verdicts.push({ instance: record.instance, kind, status: verdict.status }),
      );
      api.hooks.statusChanged.tap(({ name, status }) =>
        this.changes.push({ name, status, at: this.clock.monotonic() }),
      );
      api.addChecker({
        kind: 'fake',
        options: z.strictObject({ path: z.string().optional() }),
        check: ({ target, options, signal }) => this.#check(target.port, options.path ?? '', signal),
      });
      api.addChecker({
        kind: 'poke',
        options: z.strictObject({ harmless: z.boolean().default(false) }),
        mayChange: ({ harmless }) => !harmless,
        check: ({ target, signal }) => this.#check(target.port, '', signal),
      });
      api.addChecker({
        kind: 'shell',
        options: z.strictObject({}),
        runsCommands: true,
        check: ({ target, signal }) => this.#check(target.port, '', signal),
      });
    },
  });

  async #check(port: number, path: string, signal: AbortSignal): Promise<Verdict> {
    this.checked.push({ port, at: this.clock.monotonic(), path });
    const answer = this.answers.get(`${port}${path}`) ?? this.answers.get(port) ?? 'running';
    if (answer === 'silent') {
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          this.aborted += 1;
          reject(signal.reason);
        });
      });
    }
    if (typeof answer === 'string') return { status: answer, output: `it is ${answer}`, latencyMs: 1 };
    if ('throws' in answer) throw new Error(answer.throws);
    return answer.says;
  }
}

/** What outlives a registry in a test: it is loaded into the next one. */
export class Disk {
  entries: StoredEntry[] = [];
  #reader: StoreReader | undefined;
  #nextId = 1;
  /** Answers the durable commits itself, as long as it is there. */
  onDurable: ((commit: Commit) => Promise<CommitOutcome>) | undefined;

  /** Delivers what another server has stored. */
  deliver(revision: number, { collection, key, value }: StoredEntry): void {
    const by = { who: 'elsewhere', door: 'store' };
    this.#reader?.apply({ revision, changes: [{ collection, key, value }], by, local: false });
  }

  readonly plugin = {
    name: 'disk',
    create: ({ clock }: { clock: Clock }): Store => {
      const memory = new MemoryStore(clock);
      return {
        kind: 'disk',
        open: async (opened) => {
          this.#reader = opened;
          for (const entry of this.entries) opened.load({ ...entry, revision: 0 });
          return { ...(await memory.open(opened)), home: 'here' };
        },
        commit: (commit) =>
          (commit.durability === 'durable' ? this.onDurable?.(commit) : undefined) ?? memory.commit(commit),
        reserveIds: (count) => {
          this.#nextId += count;
          return this.#nextId - count;
        },
        close: async () => {
          this.entries = [...(this.#reader?.entries() ?? [])];
          await memory.close();
        },
      };
    },
  };
}

export interface House {
  readonly registry: Registry;
  readonly clock: FakeClock;
  readonly network: FakeNetwork;
  /** Every warning and error that was logged. */
  readonly warnings: string[];
  /** Every other line of the log. */
  readonly infos: string[];
  register(name: string, port: number, more?: object): Promise<ServiceRecord>;
  /** The one instance of a name. */
  one(name: string): ServiceRecord;
  /** What operation `checks` answers. */
  checks(name: string): Promise<Json>;
}

const houses: House[] = [];

/** Stops every registry that was built; for `afterEach`. */
export async function stopHouses(): Promise<void> {
  for (const { registry } of houses.splice(0)) await registry.stop();
}

/** A registry on a fake clock, with the monitor and the checker `fake`. To be followed by `stopHouses`. */
export async function build(
  options: {
    monitor?: object;
    clock?: FakeClock;
    disk?: Disk;
    isStarted?: boolean;
    /** Stands between the monitor and the checker. */
    plugin?: RegistryPlugin;
  } = {},
): Promise<House> {
  const clock = options.clock ?? new FakeClock();
  const network = new FakeNetwork(clock);
  const warnings: string[] = [];
  const infos: string[] = [];
  const note = (_fields: object, message: string) => void warnings.push(message);
  const logger: Logger = {
    debug: () => {},
    info: (_fields, message) => void infos.push(message),
    warn: note,
    error: note,
    child: () => logger,
  };
  const registry = await createRegistry({
    config: {
      store: options.disk?.plugin ?? 'memory',
      plugins: [[monitor, { check: { kind: 'fake' }, ...options.monitor }], options.plugin, network.plugin],
    },
    clock,
    logger,
  });
  if (options.isStarted !== false) await registry.start();
  const house: House = {
    registry,
    clock,
    network,
    warnings,
    infos,
    register: async (name, port, more = {}) =>
      registry.services.register({ name, host: '127.0.0.1', port, ...more }),
    one(name) {
      const [record] = registry.services.instances(name);
      if (record === undefined) throw new Error(`There is no ${name}.`);
      return record;
    },
    async checks(name) {
      const operation = network.api?.operations.get('checks');
      if (operation === undefined) throw new Error('There is no operation checks.');
      const signal = new AbortController().signal;
      return operation.run({ name }, { by: { who: 'test', door: 'test' }, signal });
    },
  };
  houses.push(house);
  return house;
}
