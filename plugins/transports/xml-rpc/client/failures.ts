import { ERROR_CODES, type ErrorCode, messageOf, RegistryError } from '../../../../core/errors.js';
import { FAULT_CODE_OF_ERROR, FAULT_CODES, XmlRpcFault } from '../faults.js';

/** The name of a fault code: one of Rollcall's (docs/errors.md), or one of the XML-RPC door's own. */
export type FaultName = ErrorCode | keyof typeof FAULT_CODES;

const NAMES = new Map<number, FaultName>([
  ...Object.entries(FAULT_CODES).map(([name, code]) => [code, name as FaultName] as const),
  // Rollcall's own names last: -32602 is INVALID_ARGUMENT.
  ...Object.entries(FAULT_CODE_OF_ERROR).map(([name, code]) => [code, name as FaultName] as const),
]);

/** The registry answered a call with a fault. */
export class RegistryFault extends XmlRpcFault {
  override readonly name = 'RegistryFault';
  /** Its name in docs/errors.md, as `code` of a RegistryError is; undefined for a code that is not Rollcall's. */
  readonly code: FaultName | undefined;

  constructor(fault: XmlRpcFault) {
    super(fault.faultCode, fault.message, { cause: fault });
    this.code = NAMES.get(fault.faultCode);
  }
}

/** No registry answered at this address, for this reason. */
export function unreachable(url: string, reason: unknown): RegistryError {
  const code = (reason as { code?: unknown } | null)?.code;
  const text =
    typeof reason === 'string'
      ? reason
      : code === 'ECONNREFUSED'
        ? 'nothing listens there. Start one with `rollcall start`, or name the address of another'
        : messageOf(reason);
  return new RegistryError('UNREACHABLE', `The registry at ${url} did not answer: ${text}.`, {
    cause: reason,
  });
}

/** An answer that is no answer to a call: an HTTP error, with a line of text. */
export function refusal(url: string, status: number, body: Buffer): RegistryError {
  const text = body.toString('utf8', 0, 500).trim();
  const [, code = '', rest = ''] = /^([A-Z_]+): (.*)$/s.exec(text) ?? [];
  // A door that is full now, as one that stops, may be asked again later, or elsewhere.
  if (status < 500 && Object.hasOwn(ERROR_CODES, code)) {
    return new RegistryError(code as ErrorCode, `The registry at ${url} refused: ${rest}`);
  }
  if (status === 401)
    return new RegistryError('UNAUTHORIZED', `The registry at ${url} wants credentials: ${text}`);
  return unreachable(url, `it answered HTTP ${status}: ${text}`);
}

/** Whether nothing was wrong with the call, and another registry, or this one later, may answer it. */
export function isAway(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return code === 'UNREACHABLE' || code === 'STOPPING';
}
