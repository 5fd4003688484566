/** Every code a {@link RegistryError} may carry, with what it means. docs/errors.md says what to do about each. */
export const ERROR_CODES = {
  CONFIG_NOT_FOUND: 'No configuration file was found where one was asked for.',
  CONFIG_UNREADABLE: 'The configuration file exists but could not be loaded.',
  CONFIG_INVALID: 'The configuration has an unknown key or a bad value.',
  PLUGIN_NOT_FOUND: 'A plugin named in the configuration could not be found.',
  PLUGIN_UNLOADABLE: 'A plugin was found but threw, or lacks a dependency, while it was loaded.',
  PLUGIN_INVALID: 'What was loaded is not a plugin.',
  PLUGIN_OPTIONS: 'The options given to a plugin have an unknown key or a bad value.',
  PLUGIN_DUPLICATE: 'Two plugins have the same name, or contribute the same thing.',
  PLUGIN_NEEDS: 'A plugin needs a capability that no loaded plugin provides.',
  PLUGIN_SETUP: 'A plugin threw or rejected while it was set up.',
  PLUGIN_LATE: 'A plugin contributed something after its setup had ended.',
  HOOK_ASYNC_TAP: 'An async function was given to tap; hooks that wait take tapPromise.',
  HOOK_FAILED: 'A tap threw or rejected on a hook where that stops what was going on.',
  HOOK_TIMEOUT: 'A tap, a setup or a disposal did not end in its time.',
  HOST_NOT_ALLOWED: 'A request named a Host, an Origin or a site that is not allowed here.',
  PUBLIC_WITHOUT_ACCESS:
    'A door is bound beyond loopback with neither an access plugin nor `anonymous: true`.',
  ADDRESS_IN_USE: 'Another program listens on the address of a door.',
  ADDRESS_UNAVAILABLE: 'The address of a door is not one of this machine, or may not be opened.',
  DOOR_CONFLICT:
    'Two doors want the same path on the same address, or the same address with other TLS settings.',
  REQUEST_TOO_LARGE: 'A request body is larger than the door allows.',
  ANSWER_TOO_LARGE: 'An answer is larger than the door allows.',
  INVALID_ARGUMENT: 'An argument has the wrong type, or a value outside its limits.',
  INVALID_QUERY: 'A query has an unknown operator or a bad value.',
  NOT_FOUND: 'What was named does not exist.',
  REFUSED: 'A policy plugin refused the registration.',
  UNAUTHORIZED: 'An access plugin refused the call.',
  NO_INSTANCE: 'No running instance, and none could be started in the time given.',
  LIMIT_REACHED: 'A limit on records, waiters, reads or queued changes has been reached.',
  IDS_EXHAUSTED: 'No integer id is left that fits an XML-RPC int.',
  CONFLICT: 'The record kept changing under this write.',
  DUPLICATE_KEY: 'A record with this key, or this value of a unique index, exists.',
  STORE_UNKNOWN: 'The store cannot say whether the change was stored; repeat the call.',
  STORE_FULL: 'The disk is full; the change was not stored.',
  STORE_FAILED: 'The store cannot write; the change was not stored.',
  STORE_LOCKED: 'Another registry uses the data folder.',
  STORE_CORRUPT: 'The data folder holds something other than what was written.',
  STORE_VERSION: 'The data folder was written by a newer version.',
  STOPPING: 'The registry is stopping and takes no new calls.',
  CHECKER_FAILED: 'A checker threw, or answered something that is no verdict.',
  SPAWN_FAILED: 'A program could not be started.',
  UNREACHABLE: 'The registry did not answer.',
  INTERNAL: 'A fault of Rollcall itself. Please report it.',
} as const;

/** A stable name for one kind of error. Messages may change between versions, codes do not. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** Every error Rollcall raises on purpose: what was wrong, with the value; what was expected; what to do. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The message of anything that was thrown, also of what is no Error. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message;
  try {
    return String(thrown);
  } catch {
    return 'a value that cannot be shown';
  }
}
