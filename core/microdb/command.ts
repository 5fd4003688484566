import { z } from 'zod';
import { MicroDBError } from './errors.js';
import { type CopyRules, freezeObject } from './json.js';
import {
  DEFAULT_COMMAND_LIMIT,
  MAX_BATCH_COMMANDS,
  MAX_COMMAND_LIMIT,
  MAX_COMMAND_VALUES,
  MAX_DEPTH,
  MAX_FIELDS,
} from './limits.js';
import { suggest } from './nearest.js';

const collection = z.string();
const part = z.union([z.string(), z.number()]);
const key = z.union([part, z.array(part).min(1).max(MAX_FIELDS)]);
const value = z.record(z.string(), z.unknown());
const query = z.record(z.string(), z.unknown()).optional();
const revision = z.int().min(1).optional();
const fields = z.array(z.string()).min(1).max(MAX_FIELDS);
const indexes = z.record(z.string(), z.strictObject({ fields, unique: z.boolean().optional() })).optional();
const sort = z.record(z.string(), z.union([z.literal(1), z.literal(-1)])).optional();
const limit = z.int().min(0).max(MAX_COMMAND_LIMIT).default(DEFAULT_COMMAND_LIMIT);
const skip = z.int().min(0).default(0);

const insert = z.strictObject({ op: z.literal('insert'), collection, value });
const put = z.strictObject({ op: z.literal('put'), collection, value });
const unset = z.array(z.string()).optional();
const patch = value;
const update = z.strictObject({ op: z.literal('update'), collection, key, patch, unset });
const remove = z.strictObject({ op: z.literal('remove'), collection, key });
const get = z.strictObject({ op: z.literal('get'), collection, key });
const find = z.strictObject({ op: z.literal('find'), collection, query, sort, limit, skip });
const count = z.strictObject({ op: z.literal('count'), collection, query });

const batchable = z.discriminatedUnion('op', [insert, put, update, remove, get, find, count]);

/**
 * Every command of the JSON API, `{ op, collection, … }`. `unset` names members that an update removes; `revision`, where
 * given, is that of the commit.
 */
export const commandSchema = z.discriminatedUnion('op', [
  insert.extend({ revision }),
  put.extend({ revision }),
  update.extend({ revision }),
  remove.extend({ revision }),
  get,
  find,
  count,
  z.strictObject({ op: z.literal('explain'), collection, query }),
  z.strictObject({ op: z.literal('collections') }),
  z.strictObject({ op: z.literal('createCollection'), collection, key: fields, indexes }),
  z.strictObject({
    op: z.literal('batch'),
    commands: z.array(batchable).max(MAX_BATCH_COMMANDS),
    revision,
  }),
  z.strictObject({ op: z.literal('changes'), since: z.int().min(0), collection: collection.optional() }),
]);

/** A command with its defaults filled in. */
export type Command = z.output<typeof commandSchema>;

/** A command that a batch may hold. */
export type BatchableCommand = z.output<typeof batchable>;

const OPERATIONS: readonly string[] = commandSchema.options.map((option) => option.shape.op.value);

/** Deeper than a record by the members around it. */
const RULES: CopyRules = {
  code: 'INVALID_COMMAND',
  maxDepth: MAX_DEPTH + 8,
  maxValues: MAX_COMMAND_VALUES,
  makeObject: () => ({}),
};

/** The command that a JSON value is. Throws INVALID_COMMAND, naming the member that is wrong. */
export function parseCommand(input: unknown): Command {
  // Before the schema, which trusts in depth: it would run out of stack, or overlook a `__proto__`.
  const json = freezeObject(input, RULES);
  const { op } = json;
  if (typeof op === 'string' && !OPERATIONS.includes(op)) {
    throw new MicroDBError(
      'INVALID_COMMAND',
      `Unknown operation "${op.slice(0, 64)}".${suggest(op, OPERATIONS)}`,
    );
  }
  const { success, data, error } = commandSchema.safeParse(json);
  if (success) return data;
  throw new MicroDBError('INVALID_COMMAND', `The command is not as it should be: ${z.prettifyError(error)}`);
}
