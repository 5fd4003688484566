import type { Awaitable } from '../../../../core/index.js';
import type { Caller } from '../method.js';
import type { EncodedValue, XmlRpcValue } from '../values.js';
import type { MemberSpec, STRUCTS } from './structs.js';
import type { METHODS, ParameterSpec } from './table.js';

/** What the plain words for types are in TypeScript; on the wire they are what {@link wireTypes} says. */
interface Words {
  string: string;
  int: number;
  double: number;
  boolean: boolean;
  /** The boolean false, for "there is none". */
  false: false;
  /** UTC, to the second. */
  'dateTime.iso8601': Date;
  /** Host and port, as they were given. */
  Address: readonly [host: string, port: number | string];
  array: readonly XmlRpcValue[];
  struct: { readonly [member: string]: XmlRpcValue };
}

/** Every named struct. An interface of its own, so that structs may hold each other. */
interface Structs {
  RegisterDetails: RegisterDetails;
  FindOptions: FindOptions;
  MulticallStruct: MulticallStruct;
  FaultStruct: FaultStruct;
  InstanceStruct: InstanceStruct;
  DescribedInstance: DescribedInstance;
  CheckStruct: CheckStruct;
  VoicesStruct: VoicesStruct;
  VoiceStruct: VoiceStruct;
  ServiceStruct: ServiceStruct;
  CapabilityStruct: CapabilityStruct;
  ChangesStruct: ChangesStruct;
  ChangeStruct: ChangeStruct;
}

/**
 * The TypeScript type of a type as the table writes it: a word (`int`), the name of a struct, a list of either (`string[]`),
 * a struct with any members of one type (`struct<int>`), or one of several (`Address|false`).
 */
export type TypeOf<T extends string> = T extends `${infer A}|${infer B}`
  ? TypeOf<A> | TypeOf<B>
  : T extends `${infer Item}[]`
    ? readonly TypeOf<Item>[]
    : T extends `struct<${infer Member}>`
      ? { readonly [name: string]: TypeOf<Member> }
      : T extends keyof Words
        ? Words[T]
        : T extends keyof Structs
          ? Structs[T]
          : never;

type Members = { readonly [name: string]: MemberSpec };
type Optional<M extends Members> = {
  [Name in keyof M]: M[Name] extends { optional: true } ? Name : never;
}[keyof M];

type StructOf<M extends Members> = {
  readonly [Name in Exclude<keyof M, Optional<M>>]: TypeOf<M[Name]['type']>;
} & { readonly [Name in Optional<M>]?: TypeOf<M[Name]['type']> };

type Described<Name extends keyof typeof STRUCTS> = StructOf<(typeof STRUCTS)[Name]['members']>;

/** What `register` may be told beside the address. */
export interface RegisterDetails extends Described<'RegisterDetails'> {}
/** Which part of what a query asks for `find` answers. */
export interface FindOptions extends Described<'FindOptions'> {}
/** One call within `system.multicall`. */
export interface MulticallStruct extends Described<'MulticallStruct'> {}
/** The answer to a call within `system.multicall` that failed. */
export interface FaultStruct extends Described<'FaultStruct'> {}
/** One instance of a service. */
export interface InstanceStruct extends Described<'InstanceStruct'> {}
/** One instance with all that the registry knows of it. */
export interface DescribedInstance extends Described<'DescribedInstance'> {}
/** One check of an instance. */
export interface CheckStruct extends Described<'CheckStruct'> {}
/** Who has spoken of an instance. */
export interface VoicesStruct extends Described<'VoicesStruct'> {}
/** What one of them says. */
export interface VoiceStruct extends Described<'VoiceStruct'> {}
/** One service, as `list_services` counts it. */
export interface ServiceStruct extends Described<'ServiceStruct'> {}
/** A specification that the door keeps to. */
export interface CapabilityStruct extends Described<'CapabilityStruct'> {}
/** What came after a cursor. */
export interface ChangesStruct extends Described<'ChangesStruct'> {}
/** One change of an instance. */
export interface ChangeStruct extends Described<'ChangeStruct'> {}

export type MethodName = keyof typeof METHODS;

type ParametersOf<P extends readonly ParameterSpec[]> = P extends readonly [
  infer First extends ParameterSpec,
  ...infer Rest extends readonly ParameterSpec[],
]
  ? First extends { optional: true }
    ? [TypeOf<First['type']>?, ...ParametersOf<Rest>]
    : [TypeOf<First['type']>, ...ParametersOf<Rest>]
  : [];

/** The parameters of a method, as a tuple; optional ones may be missing. */
export type ParamsOf<Name extends MethodName> = ParametersOf<(typeof METHODS)[Name]['parameters']>;

/** What a method answers. */
export type AnswerOf<Name extends MethodName> = TypeOf<(typeof METHODS)[Name]['returns']>;

/** Every method of the door as a function: what a client in TypeScript may call, and what it gets. */
export type RegistryMethods = { [Name in MethodName]: (...params: ParamsOf<Name>) => AnswerOf<Name> };

/**
 * What runs a method: its parameters, which have been held against the table, and who calls. A long answer may be given
 * encoded; what is within it is then for a test to hold against the table.
 */
export type Run<Name extends MethodName> = (
  params: Readonly<ParamsOf<Name>>,
  caller: Caller,
) => Awaitable<AnswerOf<Name> | EncodedValue>;

/** What runs each of some methods. */
export type Runs<Name extends MethodName = MethodName> = { readonly [N in Name]: Run<N> };
