import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import {
  createRegistry,
  definePlugin,
  type Exit,
  type JsonObject,
  type Registry,
  type RegistryPlugin,
  type Store,
  silentLogger,
} from '../../../core/index.js';
import supervisor from '../../../plugins/supervisor/index.js';
import { FakeClock } from '../../support/fake-clock.js';

/** A program that the test runs by hand. */
export interface FakeProgram {
  readonly service: string;
  readonly instance: string;
  readonly port: number;
  readonly env: { readonly [name: string]: string };
  readonly spec: unknown;
  readonly logFile: string;
  readonly signals: string[];
  /** Whether its ready check passes. */
  isListening: boolean;
  /** Whether SIGTERM does nothing to it. */
  isStubborn: boolean;
  hasEnded: boolean;
  end(exit?: Partial<Exit>): void;
}

/** A machine on which programs run, also while no registry does. */
export class FakeMachine {
  readonly programs: FakeProgram[] = [];
  /** Called for each start: may throw, wait, or prepare the program. */
  onSpawn: (program: FakeProgram, signal: AbortSignal) => void | Promise<void> = (program) => {
    program.isListening = true;
  };
  /** Called for each program that runs, before the registry is told so: may wait. */
  onSpawned: () => void | Promise<void> = () => {};
  /** Called when a program is sent a signal, before that has an effect. */
  onSignal: (program: FakeProgram) => void = () => {};
  readonly #ends = new Map<FakeProgram, Promise<Exit>>();

  get running(): FakeProgram[] {
    return this.programs.filter(({ hasEnded }) => !hasEnded);
  }

  plugins(): RegistryPlugin[] {
    const spawner = definePlugin({
      name: 'fake-spawner',
      setup: (api) =>
        api.addSpawner({
          kind: 'fake',
          spec: z.object({ program: z.string().default('good') }),
          spawn: async ({ service, instance, port, env, spec, logFile, signal }) => {
            const program = this.#create({ service, instance, port, env, spec, logFile });
            await this.onSpawn(program, signal);
            this.programs.push(program);
            await this.onSpawned();
            return this.#handle(program);
          },
          adopt: async (ref) => {
            const program = this.running.find(({ instance }) => instance === ref.instance);
            return program && this.#handle(program);
          },
          find: async (name) => {
            const program = this.running.find(({ instance }) => instance === name.instance);
            return program && this.#handle(program);
          },
        }),
    });
    const checker = definePlugin({
      name: 'fake-checker',
      setup: (api) =>
        api.addChecker({
          kind: 'tcp',
          options: z.strictObject({}),
          check: async ({ target }) => {
            const isUp = this.running.some(({ port, isListening }) => isListening && port === target.port);
            return {
              status: isUp ? 'running' : 'error',
              output: isUp ? 'connected' : 'ECONNREFUSED',
              latencyMs: 0,
            };
          },
        }),
    });
    return [spawner, checker] as unknown as RegistryPlugin[];
  }

  #create(
    given: Pick<FakeProgram, 'service' | 'instance' | 'port' | 'env' | 'spec' | 'logFile'>,
  ): FakeProgram {
    let tell: (exit: Exit) => void = () => {};
    const end = new Promise<Exit>((resolve) => {
      tell = resolve;
    });
    const program: FakeProgram = {
      ...given,
      signals: [],
      isListening: false,
      isStubborn: false,
      hasEnded: false,
      end({ code = null, signal = null } = {}) {
        program.hasEnded = true;
        tell({ code, signal });
      },
    };
    this.#ends.set(program, end);
    return program;
  }

  #handle(program: FakeProgram) {
    const { instance, port } = program;
    return {
      ref: { instance } as JsonObject,
      host: '127.0.0.1',
      port,
      pid: 1_000 + this.programs.indexOf(program),
      exited: this.#ends.get(program) as Promise<Exit>,
      stop: (signal: NodeJS.Signals) => {
        if (program.hasEnded) return;
        program.signals.push(signal);
        this.onSignal(program);
        if (signal === 'SIGKILL' || !program.isStubborn) program.end({ signal });
      },
    };
  }
}

/** A registry with a supervisor on a fake machine, at a fake time. */
export class Stage {
  readonly clock: FakeClock;
  readonly machine: FakeMachine;
  readonly folder: string;
  readonly logs: string[] = [];
  registry!: Registry;
  readonly #store: Store | undefined;

  /** Each seed is also another day. */
  constructor(options: { machine?: FakeMachine; store?: Store; seed?: number } = {}) {
    const { seed = 1 } = options;
    this.clock = new FakeClock({ seed, now: Date.UTC(2026, 0, seed) });
    this.machine = options.machine ?? new FakeMachine();
    this.#store = options.store;
    this.folder = mkdtempSync(join(tmpdir(), 'rollcall-supervisor-'));
  }

  async create(
    services: object,
    options: { onExit?: string; startsPerMinute?: number; plugins?: RegistryPlugin[] } = {},
  ): Promise<Registry> {
    const { plugins = [], ...rest } = options;
    const withSpawner = Object.fromEntries(
      Object.entries(services).map(([name, spec]) => [name, { spawner: 'fake', ...spec }]),
    );
    const store = this.#store;
    this.registry = await createRegistry({
      config: {
        store: store === undefined ? 'memory' : ({ name: 'test-store', create: () => store } as never),
        plugins: [
          ...this.machine.plugins(),
          ...plugins,
          [supervisor, { services: withSpawner, ...rest }],
        ] as never,
      },
      folder: this.folder,
      clock: this.clock,
      logger: this.#logger(),
    });
    return this.registry;
  }

  async start(
    services: object,
    options: { onExit?: string; startsPerMinute?: number; plugins?: RegistryPlugin[] } = {},
  ): Promise<Registry> {
    await this.create(services, options);
    await this.registry.start();
    return this.registry;
  }

  /** Waits for what needs real input and output, such as finding a port, but no time; `ms` of fake time a turn. */
  async until(isTrue: () => boolean, ms = 0): Promise<void> {
    const until = performance.now() + 10_000;
    while (!isTrue()) {
      if (performance.now() > until) throw new Error(`never became true: ${isTrue}`);
      await this.clock.advanceAsync(ms);
    }
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    for (let turns = 0; turns < 30; turns++) await this.clock.advanceAsync(0);
  }

  running(name: string): string[] {
    return this.registry.services.lookup(name).records.map(({ instance }) => instance);
  }

  async end(): Promise<void> {
    for (const program of this.machine.programs) program.isStubborn = false;
    await this.registry?.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #logger(): typeof silentLogger {
    const keep = (_: object, message: string) => void this.logs.push(message);
    const logger = { ...silentLogger, info: keep, warn: keep, error: keep, child: () => logger };
    return logger;
  }
}
