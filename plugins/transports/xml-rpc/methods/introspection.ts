import type { Awaitable } from '../../../../core/index.js';
import { FAULT_CODES, faultOf, XmlRpcFault } from '../faults.js';
import { type Caller, type Method, signatures, usage } from '../method.js';
import type { XmlRpcValue } from '../values.js';
import type { INTROSPECTION } from './table.js';
import type { CapabilityStruct, FaultStruct, MulticallStruct, Runs } from './types.js';

/** More calls in one system.multicall than this are refused. */
const MULTICALL_LIMIT = 1_000;

/** By the names that other implementations answer; the versions are as the authors of each count. */
const CAPABILITIES: { readonly [name: string]: CapabilityStruct } = {
  xmlrpc: { specUrl: 'http://www.xmlrpc.com/spec', specVersion: 1 },
  faults_interop: {
    specUrl: 'http://xmlrpc-epi.sourceforge.net/specs/rfc.fault_codes.php',
    specVersion: 20010516,
  },
  introspection: { specUrl: 'http://phpxmlrpc.sourceforge.net/doc-2/ch10.html', specVersion: 2 },
  'system.multicall': { specUrl: 'http://www.xmlrpc.com/discuss/msgReader$1208', specVersion: 1 },
};

/** What introspection needs of the door it is part of. */
export interface MethodTable {
  names(): readonly string[];
  /** The method of this name. Throws a fault where there is none. */
  method(name: string): Method;
  call(name: string, params: readonly XmlRpcValue[], caller: Caller): Awaitable<XmlRpcValue>;
}

/** The `system.` methods. */
export function createIntrospectionRuns(table: MethodTable): Runs<keyof typeof INTROSPECTION> {
  return {
    'system.getCapabilities': () => CAPABILITIES,

    'system.listMethods': () => table.names(),

    'system.methodHelp'([name]) {
      const method = table.method(name);
      return `${usage(method)}: ${method.help}`;
    },

    'system.methodSignature': ([name]) => signatures(table.method(name)),

    'system.multicall'([calls], caller) {
      if (calls.length > MULTICALL_LIMIT) {
        throw new XmlRpcFault(
          FAULT_CODES.INVALID_PARAMS,
          `system.multicall takes at most ${MULTICALL_LIMIT} calls, not ${calls.length}`,
        );
      }
      // All are begun, in order, before any is waited for: a hundred registrations then share one write to the disk.
      return Promise.all(calls.map((call) => callOne(table, call, caller))) as Promise<
        readonly XmlRpcValue[]
      >;
    },
  };
}

async function callOne(
  table: MethodTable,
  call: MulticallStruct,
  caller: Caller,
): Promise<readonly XmlRpcValue[] | FaultStruct> {
  try {
    const { methodName, params } = (call ?? {}) as Partial<MulticallStruct>;
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
