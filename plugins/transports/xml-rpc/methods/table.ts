import type { Operation } from '../../../../core/index.js';
import { DEFAULT_WAIT_S, FIND_LIMIT, LONGEST_WAIT_S, MULTICALL_LIMIT } from './limits.js';

/** One parameter of a method. */
export interface ParameterSpec {
  /** What it is called in help, docs and faults. */
  readonly name: string;
  /** In the words of {@link TypeOf}. */
  readonly type: string;
  readonly optional?: true;
}

/**
 * One method of the door. Pure data, from which come dispatch, introspection, docs/xml-rpc.md and the types of the client:
 * whoever adds a row finds by the compiler what else is wanted.
 */
export interface MethodSpec {
  /** What it does and answers, in a sentence or two. */
  readonly help: string;
  readonly parameters: readonly ParameterSpec[];
  /** What it answers, in the words of {@link TypeOf}. */
  readonly returns: string;
  /** What it does, for access rules. */
  readonly verb: Operation['verb'];
  /**
   * How it goes with other calls in a `system.multicall`, where that is not as its verb says: writes are begun together,
   * a read is over before the next call begins. `beside` is begun like a write: it may wait, and others needn't wait for
   * it. `refused` would hold up the answers of all others.
   */
  readonly inMulticall?: 'beside' | 'refused';
}

type Specs = { readonly [name: string]: MethodSpec };

const NAME = { name: 'name', type: 'string' } as const;
const ID = { name: 'id', type: 'int', optional: true } as const;
const METHOD = { name: 'method', type: 'string' } as const;

/** The six methods of MicroReg, as it answered them. */
export const MICROREG = {
  register: {
    help:
      'Registers an instance of a service and answers its id, an integer from 1 up. Registering it again renews it under the same id. ' +
      'status is 1 unless it is given. details is a struct with any of instance, version, tags, meta, weight, zone, ttl and checks; ' +
      'without an instance name, host and port together name the instance.',
    parameters: [
      NAME,
      { name: 'host', type: 'string' },
      { name: 'port', type: 'int|string' },
      { name: 'status', type: 'int', optional: true },
      { name: 'details', type: 'RegisterDetails', optional: true },
    ],
    returns: 'int',
    verb: 'register',
  },
  update_status: {
    help: 'Sets what instances of a service say of themselves: all of them, or the one with this id. True, or False where there is none.',
    parameters: [NAME, { name: 'status', type: 'int' }, ID],
    returns: 'boolean',
    verb: 'status',
  },
  unregister: {
    help: 'Removes instances of a service: all of them, or the one with this id. True, or False where there is none.',
    parameters: [NAME, ID],
    returns: 'boolean',
    verb: 'unregister',
  },
  get_service_details: {
    help:
      'The address of one instance of a service, as [host, port]: the running ones take turns; where none runs, any that is registered. ' +
      'False where there is none.',
    parameters: [NAME],
    returns: 'Address|false',
    verb: 'read',
  },
  get_all_service_details: {
    help:
      'Every instance, as a string of JSON: an object keyed by id, each with name, host, port, status (integer), ' +
      'reg_timestamp ("dd-mm-yy HH:MM", local time) and id.',
    parameters: [],
    returns: 'string',
    verb: 'read',
  },
  get_reg_count: {
    help: 'How many instances are registered.',
    parameters: [],
    returns: 'int',
    verb: 'read',
  },
} as const satisfies Specs;

/** Rollcall's own. */
export const OWN = {
  describe: {
    help: 'All that the registry knows of one instance, as a struct: also its checks, who says what of it, and how long its lease still runs.',
    parameters: [{ name: 'id', type: 'int' }],
    returns: 'DescribedInstance',
    verb: 'read',
  },
  find: {
    help:
      'Instances of any status by a query such as {"name": "payments", "status": "error"}, as an array of structs in the order of their ' +
      `ids. options is a struct with any of limit (at most ${FIND_LIMIT}, which it is unless it is given), after, sort and skip. For the next ` +
      'page give the id of the last instance as after: none is missed and none comes twice, whatever changes meanwhile.',
    parameters: [
      { name: 'query', type: 'struct', optional: true },
      { name: 'options', type: 'FindOptions', optional: true },
    ],
    returns: 'InstanceStruct[]',
    verb: 'read',
  },
  get_status_codes: {
    help: 'The integer that stands for each status, as a struct: {"running": 1, …}.',
    parameters: [],
    returns: 'struct<int>',
    verb: 'read',
  },
  heartbeat: {
    help: 'Renews the lease of instances of a service: all of them, or the one with this id. True, or False where there is none: then register again.',
    parameters: [NAME, ID],
    returns: 'boolean',
    verb: 'status',
  },
  list_services: {
    help: 'The services that have instances, as an array of structs: name, instances, running.',
    parameters: [],
    returns: 'ServiceStruct[]',
    verb: 'read',
  },
  lookup: {
    help:
      'The instances of a service that may be called, as an array of structs: the running ones; where none runs, the degraded ones. ' +
      'query is a struct such as {"zone": "eu", "port": {"$gt": 80}}. In mass silence also those that fell silent in it, with stale true.',
    parameters: [NAME, { name: 'query', type: 'struct', optional: true }],
    returns: 'InstanceStruct[]',
    verb: 'read',
  },
  resolve: {
    help:
      'One instance of a service that may be called, as a struct. Where none runs, one is started, if the registry knows how, and waited ' +
      `for, at most wait_s seconds (from 0 to ${LONGEST_WAIT_S}; ${DEFAULT_WAIT_S} unless it is given).`,
    parameters: [NAME, { name: 'wait_s', type: 'double|int', optional: true }],
    returns: 'InstanceStruct',
    verb: 'read',
    inMulticall: 'beside',
  },
  wait_for_change: {
    help:
      'Waits until an instance is registered, changed or unregistered, of one service or of any, at most timeout_s seconds (0 to 300), and ' +
      'answers what came after the cursor as a struct: cursor, changes, reset. Begin with the cursor "": the answer is reset true, a ' +
      'cursor, and no changes. Read the instances with find then, all its pages, and wait with that cursor, and from then on with the cursor of ' +
      'the last answer. So nothing is missed; a change that you know already does no harm. Whenever reset is true, read anew.',
    parameters: [
      { name: 'cursor', type: 'string' },
      { name: 'timeout_s', type: 'double|int' },
      { ...NAME, optional: true },
    ],
    returns: 'ChangesStruct',
    verb: 'read',
    inMulticall: 'refused',
  },
} as const satisfies Specs;

/** The `system.` methods that stock clients know of themselves. */
export const INTROSPECTION = {
  'system.getCapabilities': {
    help: 'The specifications that this door keeps to, as a struct of structs: specUrl, specVersion.',
    parameters: [],
    returns: 'struct<CapabilityStruct>',
    verb: 'read',
  },
  'system.listMethods': {
    help: 'The names of all methods.',
    parameters: [],
    returns: 'string[]',
    verb: 'read',
  },
  'system.methodHelp': {
    help: 'How a method is called and what it does, in plain text.',
    parameters: [METHOD],
    returns: 'string',
    verb: 'read',
  },
  'system.methodSignature': {
    help: 'Every way to call a method, as an array of arrays: the type of the answer, then those of the parameters.',
    parameters: [METHOD],
    returns: 'string[][]',
    verb: 'read',
  },
  'system.multicall': {
    help:
      `Makes several calls in one: an array of structs {methodName, params}, at most ${MULTICALL_LIMIT}. Answers an array with, for each, ` +
      'an array of its one answer, or the struct of its fault. They are begun in order, and one that fails stops no other.',
    parameters: [{ name: 'calls', type: 'MulticallStruct[]' }],
    returns: 'array',
    verb: 'read',
    inMulticall: 'refused',
  },
} as const satisfies Specs;

/** Every method of the door but those that plugins contribute. */
export const METHODS = { ...MICROREG, ...OWN, ...INTROSPECTION } as const satisfies Specs;
