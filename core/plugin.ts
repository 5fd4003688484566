import type { z } from 'zod';
import type { Awaitable } from './awaitable.js';
import type { Clock } from './clock.js';
import type { Hooks, PluginHooks } from './hooks.js';
import type { Door, DoorSpec } from './http-listener.js';
import type { Json, JsonObject } from './json.js';
import type { Logger } from './logger.js';
import type { CheckSpec, ServiceRecord, Status } from './servicedb/record.js';
import type { ServiceDB } from './servicedb/servicedb.js';
import type { By, Store } from './store.js';

/** A plugin: a name, the schema of its options, and what it does when it is set up. See docs/write-a-plugin.md. */
export interface RegistryPlugin<Options extends z.ZodType = z.ZodType> {
  /** Unique among the loaded plugins; it stands in every message about this one. */
  readonly name: string;
  /** What the options may say. Without one, no options are taken. Unknown keys are refused. */
  readonly options?: Options;
  /** Capabilities that others may need, such as `monitor`. */
  readonly provides?: readonly string[];
  /** Capabilities without which this plugin is of no use: the boot stops where one is missing. */
  readonly needs?: readonly string[];
  /** Called once. What it opens it hands to `api.onDispose`, at once, so that half a setup can be undone. */
  setup(api: PluginApi, options: z.output<Options>): Awaitable<void>;
}

/** A store as a plugin: it is made before all others are set up. */
export interface StorePlugin<Options extends z.ZodType = z.ZodType> {
  readonly name: string;
  readonly options?: Options;
  create(api: StoreApi, options: z.output<Options>): Awaitable<Store>;
}

/** Gives a plugin its types. It does nothing else. */
export function definePlugin<Options extends z.ZodType>(
  plugin: RegistryPlugin<Options>,
): RegistryPlugin<Options> {
  return plugin;
}

/** Gives a store plugin its types. It does nothing else. */
export function defineStore<Options extends z.ZodType>(plugin: StorePlugin<Options>): StorePlugin<Options> {
  return plugin;
}

/** What a store may use. */
export interface StoreApi {
  readonly clock: Clock;
  readonly logger: Logger;
  /** A path relative to the folder of the config file, made absolute. */
  resolvePath(path: string): string;
}

/** What is probed: an address, and the record behind it where there is one. */
export interface CheckTarget {
  readonly host: string;
  readonly port: number;
  readonly record?: ServiceRecord;
}

/** The outcome of one check. */
export interface Verdict {
  readonly status: Extract<Status, 'running' | 'degraded' | 'error'>;
  /** What it saw, in a line. */
  readonly output: string;
  readonly latencyMs: number;
}

/** Knows how to probe. One that throws gives no verdict: something is wrong with the checker, not with the target. */
export interface Checker<Options extends z.ZodType = z.ZodType> {
  /** What a check spec says: `kind: 'tcp'`. One owner a kind. */
  readonly kind: string;
  /** What else the spec may say. It is parsed once: every check of a plan is given the same object. */
  readonly options: Options;
  /** Its checks run programs: a registration may not ask for them, unless the operator allows it (DESIGN §8). */
  readonly runsCommands?: true;
  /**
   * Whether a check with these options may change something where it is made: a POST, a call of any method. A
   * registration may ask for it only where the operator allows that, since what this server reaches, its caller may not.
   */
  mayChange?(options: z.output<Options>): boolean;
  /** Must end soon after `signal` aborts. */
  check(request: { target: CheckTarget; options: z.output<Options>; signal: AbortSignal }): Promise<Verdict>;
}

/** A check whose options are parsed: see `PluginApi.check` for how it ends. */
export type PreparedCheck = (
  target: CheckTarget,
  call: { readonly timeoutMs: number; readonly signal?: AbortSignal },
) => Promise<Verdict>;

/** How one check of an instance fares. */
export interface CheckReport {
  readonly kind: string;
  /** The check as it was registered, or no more than its kind. */
  readonly spec: CheckSpec;
  /** The last verdict; absent before the first. */
  readonly verdict?: Verdict;
  /** When it was given: wall time in milliseconds. */
  readonly at?: number;
  /** How many verdicts in a row, up to the last, were not `running`. */
  readonly failures?: number;
  /** Why there is no verdict, or no newer one, where something is wrong with the check itself. */
  readonly problem?: string;
}

/** Answers for each check of an instance how it fares. */
export type CheckReporter = (record: ServiceRecord) => readonly CheckReport[];

/** What one started instance is known by before it runs. */
export interface SpawnName {
  readonly service: string;
  /** Unique; also given to the program as INSTANCE_ID. */
  readonly instance: string;
  /** The port the program is to listen on, also given as PORT. */
  readonly port: number;
}

/** One instance to be started. */
export interface SpawnInput<Spec> extends SpawnName {
  readonly spec: Spec;
  readonly env: { readonly [name: string]: string };
  /** The file that takes what the program prints, where the spawner can. Its folder exists. */
  readonly logFile: string;
  /** Aborts when the start is given up. */
  readonly signal: AbortSignal;
}

/** How a started instance ended. An adopted one, which is no child, has neither. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** One started instance in a spawner's hands. */
export interface SpawnedInstance {
  /** All that `adopt` gets after a restart. */
  readonly ref: JsonObject;
  readonly host: string;
  readonly port: number;
  readonly pid?: number;
  /** Resolves, and never rejects, when the instance is no more. */
  readonly exited: Promise<Exit>;
  /** Sends a signal (`SIGTERM`, `SIGKILL`) to all of the instance. Does nothing once it has ended. */
  stop(signal: NodeJS.Signals): Awaitable<void>;
}

/** Knows how to start and stop one instance. */
export interface Spawner<Spec extends z.ZodType = z.ZodType> {
  /** What a service's spec says: `spawner: 'process'`. One owner a kind. */
  readonly kind: string;
  /** What else the spec may say. */
  readonly spec: Spec;
  /** Starts one. Rejects, with nothing left running, when it can't. */
  spawn(input: SpawnInput<z.output<Spec>>): Promise<SpawnedInstance>;
  /** Takes up one that an earlier registry started; undefined when it no longer runs. Never another that looks alike. */
  adopt(ref: JsonObject): Promise<SpawnedInstance | undefined>;
  /**
   * Finds one that was started by this name, though the registry died before it could note its `ref`; undefined where
   * nothing of that name runs. Without it such a one is not found again.
   */
  find?(name: SpawnName): Promise<SpawnedInstance | undefined>;
}

/** What a caller of an operation is, and how long it waits. */
export interface OperationCall {
  readonly by: By;
  readonly signal: AbortSignal;
}

/** Something every door and the command line serve: `ps`, `restart`. */
export interface Operation<Params extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  /** One line for help texts. */
  readonly summary: string;
  /** Named where a door has names; in this order where it has positions. */
  readonly params: Params;
  /** What it does, for access rules. */
  readonly verb: 'read' | 'register' | 'status' | 'unregister' | 'spawn' | 'admin';
  run(params: z.output<Params>, call: OperationCall): Awaitable<Json>;
}

/** A plugin's own documents, stored as durably as records are. */
export interface Collection<T> {
  get(key: string): T | undefined;
  entries(): Iterable<readonly [key: string, value: T]>;
  /** Resolves once it is stored. Rejects with a STORE_ error or INVALID_ARGUMENT. */
  put(key: string, value: T): Promise<void>;
  /** Resolves to whether there was one. */
  remove(key: string): Promise<boolean>;
}

/** What a plugin may do. Everything it taps, contributes or opens is taken back when it is disposed of. */
export interface PluginApi {
  /** The plugin's name. */
  readonly name: string;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Aborts when the plugin is disposed of. */
  readonly signal: AbortSignal;
  /** Tap these, in setup only. */
  readonly hooks: PluginHooks;
  /** Fire these: what happens in plugins, and what they must ask before they act. */
  readonly fire: Pick<Hooks, 'verdict' | 'spawned' | 'exited' | 'answered' | 'authorize' | 'beforeSpawn'>;
  readonly services: ServiceDB;
  /** Runs when the plugin is disposed of; the last one given runs first. */
  onDispose(dispose: () => Awaitable<void>): void;
  /** A path relative to the folder of the config file, made absolute. */
  resolvePath(path: string): string;

  addChecker<Options extends z.ZodType>(checker: Checker<Options>): void;
  addSpawner<Spec extends z.ZodType>(spawner: Spawner<Spec>): void;
  addOperation<Params extends z.ZodObject>(operation: Operation<Params>): void;
  collection<Schema extends z.ZodObject>(name: string, schema: Schema): Collection<z.output<Schema>>;

  /**
   * Runs a contributed checker. It rejects where no plugin offers the kind, the options don't fit, or the checker
   * throws; a target that does not answer in `timeoutMs` is a verdict, `error`.
   */
  check(
    kind: string,
    target: CheckTarget,
    call: { options?: unknown; timeoutMs: number; signal?: AbortSignal },
  ): Promise<Verdict>;
  /** The same for a check that is run often: its options are parsed now. Throws NOT_FOUND, INVALID_ARGUMENT. */
  prepareCheck(kind: string, options: unknown): PreparedCheck;
  /** Offered by the plugin that checks instances, for doors to show. One owner. */
  addCheckReporter(report: CheckReporter): void;
  /** How the checks of an instance fare; none where no plugin checks it. */
  checkReports: CheckReporter;
  /** The contributed spawners by kind. All are there once hook `start` fires. */
  readonly spawners: ReadonlyMap<string, Spawner>;
  readonly checkers: ReadonlyMap<string, Checker>;
  readonly operations: ReadonlyMap<string, Operation>;

  /** Opens an HTTP door, in hook `listen`. It is closed when the registry stops. */
  listen(door: Omit<DoorSpec, 'plugin'>): Promise<Door>;
  /** The doors that listen now. */
  readonly doors: readonly Door[];
}
