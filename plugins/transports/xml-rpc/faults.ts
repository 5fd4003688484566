import { type ErrorCode, RegistryError } from '../../../core/errors.js';

/** The codes on which XML-RPC implementations agree, from the "Specification for Fault Code Interoperability". */
export const FAULT_CODES = {
  /** The message is not well-formed XML. */
  PARSE_ERROR: -32700,
  /** The message is in an encoding other than UTF-8, US-ASCII, ISO-8859-1 and UTF-16. */
  UNSUPPORTED_ENCODING: -32701,
  /** Bytes that its encoding does not have, or a character that XML 1.0 does not have. */
  INVALID_CHARACTER: -32702,
  /** Well-formed XML that is no XML-RPC message, or one beyond the limits. */
  INVALID_REQUEST: -32600,
  /** No method of this name. */
  METHOD_NOT_FOUND: -32601,
  /** A parameter is missing, one too many, of the wrong type, or outside its limits. */
  INVALID_PARAMS: -32602,
  /** The server failed; the call may have been right. */
  INTERNAL: -32603,
  /** The method ran and has no answer that could be given. */
  APPLICATION: -32500,
  /** The system below the method failed. */
  SYSTEM: -32400,
  /** The message did not come through. */
  TRANSPORT: -32300,
} as const;

/**
 * The fault code of each of Rollcall's errors: positive, fixed for good, in hundreds by where it arises. A new error
 * takes a new number. The two that the interop codes name keep those.
 */
export const FAULT_CODE_OF_ERROR: Readonly<Record<ErrorCode, number>> = {
  INVALID_ARGUMENT: FAULT_CODES.INVALID_PARAMS,
  INTERNAL: FAULT_CODES.INTERNAL,

  NOT_FOUND: 1001,
  REFUSED: 1002,
  UNAUTHORIZED: 1003,
  NO_INSTANCE: 1004,
  LIMIT_REACHED: 1005,
  IDS_EXHAUSTED: 1006,
  CONFLICT: 1007,
  DUPLICATE_KEY: 1008,
  INVALID_QUERY: 1009,
  STOPPING: 1010,
  SPAWN_FAILED: 1011,
  UNREACHABLE: 1012,
  CHECKER_FAILED: 1013,

  STORE_UNKNOWN: 1101,
  STORE_FULL: 1102,
  STORE_FAILED: 1103,
  STORE_LOCKED: 1104,
  STORE_CORRUPT: 1105,
  STORE_VERSION: 1106,

  HOOK_ASYNC_TAP: 1201,
  HOOK_FAILED: 1202,
  HOOK_TIMEOUT: 1203,

  HOST_NOT_ALLOWED: 1301,
  PUBLIC_WITHOUT_ACCESS: 1302,
  ADDRESS_IN_USE: 1303,
  ADDRESS_UNAVAILABLE: 1304,
  DOOR_CONFLICT: 1305,
  REQUEST_TOO_LARGE: 1306,
  ANSWER_TOO_LARGE: 1307,

  CONFIG_NOT_FOUND: 1401,
  CONFIG_UNREADABLE: 1402,
  CONFIG_INVALID: 1403,

  PLUGIN_NOT_FOUND: 1501,
  PLUGIN_UNLOADABLE: 1502,
  PLUGIN_INVALID: 1503,
  PLUGIN_OPTIONS: 1504,
  PLUGIN_DUPLICATE: 1505,
  PLUGIN_NEEDS: 1506,
  PLUGIN_SETUP: 1507,
  PLUGIN_LATE: 1508,
};

/** An XML-RPC fault: what a caller gets instead of an answer, an integer and a line of text. */
export class XmlRpcFault extends Error {
  override readonly name: string = 'XmlRpcFault';
  readonly faultCode: number;

  constructor(faultCode: number, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.faultCode = faultCode;
  }
}

/** Longer messages are cut in the middle: they quote what the caller sent, and that may be as long as a request. */
const MAX_MESSAGE = 1_000;

/**
 * What a caller is told of anything that was thrown. A fault and a RegistryError were written for callers and are told
 * as they are; of anything else nothing is told, since its message may hold paths or secrets: the door logs it.
 */
export function faultOf(error: unknown): { code: number; message: string } {
  if (error instanceof XmlRpcFault) return { code: error.faultCode, message: bounded(error.message) };
  if (error instanceof RegistryError) {
    return { code: FAULT_CODE_OF_ERROR[error.code] ?? FAULT_CODES.INTERNAL, message: bounded(error.message) };
  }
  return { code: FAULT_CODES.INTERNAL, message: 'the registry failed on this call; its log says why' };
}

function bounded(message: string): string {
  if (message.length <= MAX_MESSAGE) return message;
  return `${message.slice(0, MAX_MESSAGE * 0.7)} … ${message.slice(-MAX_MESSAGE * 0.3)}`;
}
