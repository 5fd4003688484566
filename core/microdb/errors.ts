/** Every code a {@link MicroDBError} may carry, with what it means. */
export const MICRODB_ERROR_CODES = {
  INVALID_DEFINITION: 'A collection was defined with a bad name, key or index, or again in another way.',
  INVALID_RECORD: 'A value is not a JSON object, lacks its key, or is too deep or too large.',
  INVALID_QUERY: 'A query, sort or option has an unknown operator, field or a bad value.',
  INVALID_COMMAND: 'A command of the JSON API has an unknown operation or member, or a bad value.',
  INVALID_REVISION: 'A revision is not an integer, or not greater than the last.',
  INVALID_SNAPSHOT: 'What was given to fromJSON is not what toJSON gives.',
  INVALID_BATCH: 'A batch was used after its end, from inside another write, or with an async function.',
  DUPLICATE_KEY: 'A record with this key, or this value of a unique index, exists.',
  NOT_FOUND: 'No record has this key.',
  UNKNOWN_COLLECTION: 'No collection has this name, or the one written to was dropped.',
  LIMIT_REACHED:
    'There are too many collections or watchers, watchers cause writes without end, or a command reaches too many records.',
  INTERNAL: 'A fault of MicroDB itself.',
} as const;

/** A stable name for one kind of error. Messages may change between versions, codes do not. */
export type MicroDBErrorCode = keyof typeof MICRODB_ERROR_CODES;

/** Every error MicroDB raises on purpose: what was wrong, with the value; what was expected; what to do. */
export class MicroDBError extends Error {
  override readonly name = 'MicroDBError';
  readonly code: MicroDBErrorCode;

  constructor(code: MicroDBErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** How a value is shown in a message: short, and without running any of its own code. */
export function show(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length > 64 ? `${value.slice(0, 64)}…` : value);
    case 'object':
      return value === null ? 'null' : Array.isArray(value) ? 'an array' : 'an object';
    case 'function':
      return 'a function';
    default:
      return String(value);
  }
}
