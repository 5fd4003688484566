import type { Awaitable } from '../../../../core/index.js';
import { type Caller, type Method, signatures, usage } from '../method.js';
import type { XmlRpcValue } from '../values.js';
import type { Context } from './context.js';
import { Multicall } from './multicall.js';
import type { INTROSPECTION } from './table.js';
import type { CapabilityStruct, Runs } from './types.js';

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
  /** Holds parameters against the method, and asks whether the caller may run it: answers as whom. */
  admit(method: Method, params: readonly XmlRpcValue[], caller: Caller): Awaitable<Caller>;
  /** What a caller is told of an error; one within the registry is logged. */
  fault(error: unknown, method: string): { readonly code: number; readonly message: string };
}

/** The `system.` methods. */
export function createIntrospectionRuns(
  context: Context,
  table: MethodTable,
): Runs<keyof typeof INTROSPECTION> {
  return {
    'system.getCapabilities': () => CAPABILITIES,

    'system.listMethods': () => table.names(),

    'system.methodHelp'([name]) {
      const method = table.method(name);
      return `${usage(method)}: ${method.help}`;
    },

    'system.methodSignature': ([name]) => signatures(table.method(name)),

    'system.multicall': ([calls], caller) => new Multicall(context, table, calls, caller).run(),
  };
}
