/**
 * `rollcall/client`: what a program that is no registry calls one with. docs/client.md is its guide. It loads nothing of
 * the registry itself.
 */
export { type Clock, systemClock, type Timer } from '../../../../core/clock.js';
export { type ErrorCode, RegistryError } from '../../../../core/errors.js';
export type { Status } from '../../../../core/servicedb/record.js';
export type {
  AnswerOf,
  InstanceStruct,
  MethodName,
  ParamsOf,
  RegistryMethods,
} from '../methods/types.js';
export type { XmlRpcValue } from '../values.js';
export type { Strategy } from './chooser.js';
export type { ClientEvent } from './events.js';
export { type FaultName, RegistryFault } from './failures.js';
export type { Instance } from './instance.js';
export type { ClientTls } from './link.js';
export type { NameChange } from './name-cache.js';
export type { CacheOptions, ClientOptions, RegisterOptions } from './options.js';
export type { Registration } from './registration.js';
export {
  type CallOptions,
  type ChooseOptions,
  type Lookup,
  type LookupOptions,
  RegistryClient,
  type ResolveOptions,
} from './registry-client.js';
