/**
 * The public surface: all that a plugin, or a program that embeds a registry, may import. Rollcall's own plugins use
 * nothing else.
 */
export { type Awaitable, andThen, isPromise } from './awaitable.js';
export { type Clock, systemClock, type Timer } from './clock.js';
export { commandSchema, environmentSchema, systemText } from './command.js';
export type { ConfigInput } from './config.js';
export { type Due, DueHeap } from './due-heap.js';
export { ERROR_CODES, type ErrorCode, messageOf, RegistryError } from './errors.js';
export type { TapCall, TapOptions } from './guard.js';
export type {
  AccessAnswer,
  AccessRequest,
  AnsweredCall,
  CommitContext,
  CommittedEvent,
  Demand,
  PluginHooks,
  ProcessEvent,
  RecordChange,
  Silence,
  SpawnRequest,
  VerdictEvent,
} from './hooks.js';
export type { Door, DoorPage, DoorReply, DoorRequest, DoorSpec } from './http-listener.js';
export { deepFreeze, type Json, type JsonObject } from './json.js';
export { KeptByRevision } from './kept-by-revision.js';
export { KeyMap } from './key-map.js';
export { LogBudget } from './log-budget.js';
export { createLogger, type Logger, type LogLevel, silentLogger } from './logger.js';
export { MemoryStore } from './memory-store.js';
export { compileSmallPattern } from './microdb/pattern.js';
export { nearest } from './nearest.js';
export { openFilesReserved } from './open-files.js';
export { pause } from './pause.js';
export {
  type Checker,
  type CheckReport,
  type CheckReporter,
  type CheckTarget,
  type Collection,
  definePlugin,
  defineStore,
  type Exit,
  type Operation,
  type OperationCall,
  type PluginApi,
  type PreparedCheck,
  type RegistryPlugin,
  type SpawnedInstance,
  type Spawner,
  type SpawnInput,
  type SpawnName,
  type StoreApi,
  type StorePlugin,
  type Verdict,
} from './plugin.js';
export { askPs, type ProcessStart, readBootId, readProcessStart } from './process-start.js';
export { createRegistry, type Registry, type RegistryOptions } from './registry.js';
export { describeIssues, duration, parseArgument } from './schema.js';
export {
  type CheckSpec,
  type Opinion,
  type ServiceRecord,
  STATUS_CODES,
  STATUSES,
  type Status,
  statusOfCode,
} from './servicedb/record.js';
export {
  instanceName,
  LIMITS,
  parsePlainRequest,
  type RegisterInput,
  type RegisterRequest,
  serviceName,
} from './servicedb/request.js';
export type { Changes, Lookup, ServiceDB, Stretch } from './servicedb/servicedb.js';
export { shown } from './shown.js';
export {
  type By,
  type Change,
  type Commit,
  type CommitOutcome,
  type FeedCommit,
  failedPrecondition,
  type Precondition,
  type PreconditionView,
  type Store,
  type StoredEntry,
  type StoreReader,
  type StoreState,
} from './store.js';
