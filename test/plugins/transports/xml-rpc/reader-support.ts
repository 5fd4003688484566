import { XmlRpcFault } from '../../../../plugins/transports/xml-rpc/faults.js';
import { readMethodCall } from '../../../../plugins/transports/xml-rpc/reader.js';
import type { XmlRpcValue } from '../../../../plugins/transports/xml-rpc/values.js';

/** A call of `m` whose only parameter is `<value>…</value>` around the given text. */
export const callOf = (inner: string) =>
  `<?xml version="1.0"?><methodCall><methodName>m</methodName><params><param><value>${inner}</value></param></params></methodCall>`;

/** The value in such a call. */
export const read = (inner: string): XmlRpcValue | undefined =>
  readMethodCall(Buffer.from(callOf(inner))).params[0];

/** The fault that was thrown. */
export function faultFrom(run: () => unknown): XmlRpcFault {
  try {
    run();
  } catch (error) {
    if (error instanceof XmlRpcFault) return error;
    throw error;
  }
  throw new Error('a fault was expected, but it was read');
}

/** The code of the fault that a call is answered with. */
export const codeOf = (body: Uint8Array | string) => faultFrom(() => readMethodCall(body)).faultCode;
export const codeOfValue = (inner: string) => codeOf(Buffer.from(callOf(inner)));
