import type { Awaitable } from '../../../core/index.js';
import { FAULT_CODES, faultOf, XmlRpcFault } from './faults.js';
import { type Caller, type Method, signatures, usage } from './method.js';
import type { XmlRpcValue } from './values.js';

/** More calls in one system.multicall than this are refused. */
const MULTICALL_LIMIT = 1_000;

/** What introspection needs of the door it is part of. */
export interface MethodTable {
  names(): readonly string[];
  get(name: string): Method | undefined;
  call(name: string, params: readonly XmlRpcValue[], caller: Caller): Awaitable<XmlRpcValue>;
}

/** The `system.` methods that stock clients know of themselves. */
export function createIntrospection(table: MethodTable): Method[] {
  const find = (name: XmlRpcValue | undefined): Method => {
    const method = typeof name === 'string' ? table.get(name) : undefined;
    if (method !== undefined) return method;
    throw new XmlRpcFault(
      FAULT_CODES.METHOD_NOT_FOUND,
      `there is no method "${String(name).slice(0, 100)}"; system.listMethods lists them`,
    );
  };
  const METHOD_NAME = [{ name: 'method', types: ['string'] }] as const;
  return [
    {
      name: 'system.listMethods',
      help: 'The names of all methods.',
      parameters: [],
      returns: ['array'],
      verb: 'read',
      run: () => table.names(),
    },
    {
      name: 'system.methodSignature',
      help: 'Every way to call a method, as an array of arrays: the type of the answer, then those of the parameters.',
      parameters: METHOD_NAME,
      returns: ['array'],
      verb: 'read',
      run: ([name]) => signatures(find(name)),
    },
    {
      name: 'system.methodHelp',
      help: 'How a method is called and what it does, in plain text.',
      parameters: METHOD_NAME,
      returns: ['string'],
      verb: 'read',
      run([name]) {
        const method = find(name);
        return `${usage(method)}: ${method.help}`;
      },
    },
    {
      name: 'system.multicall',
      help:
        `Makes several calls in one: an array of structs {methodName, params}, at most ${MULTICALL_LIMIT}. Answers an array with, for each, ` +
        'an array of its one answer, or the struct of its fault.',
      parameters: [{ name: 'calls', types: ['array'] }],
      returns: ['array'],
      verb: 'read',
      run([calls], caller) {
        const list = calls as readonly XmlRpcValue[];
        if (list.length > MULTICALL_LIMIT) {
          throw new XmlRpcFault(
            FAULT_CODES.INVALID_PARAMS,
            `system.multicall takes at most ${MULTICALL_LIMIT} calls, not ${list.length}`,
          );
        }
        // All are begun, in order, before any is waited for: a hundred registrations then share one write to the disk.
        return Promise.all(list.map((call) => callOne(table, call, caller)));
      },
    },
  ];
}

async function callOne(table: MethodTable, call: XmlRpcValue, caller: Caller): Promise<XmlRpcValue> {
  try {
    const { methodName, params } = (call ?? {}) as { methodName?: XmlRpcValue; params?: XmlRpcValue };
    if (typeof methodName !== 'string' || !Array.isArray(params)) {
      throw new XmlRpcFault(
        FAULT_CODES.INVALID_PARAMS,
        'each call must be a struct {methodName: string, params: array}',
      );
    }
    if (methodName === 'system.multicall') {
      throw new XmlRpcFault(FAULT_CODES.INVALID_PARAMS, 'system.multicall cannot be called within itself');
    }
    return [await table.call(methodName, params, caller)];
  } catch (error) {
    const { code, message } = faultOf(error);
    return { faultCode: code, faultString: message };
  }
}
