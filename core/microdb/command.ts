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
const query = z.record(z.string(), z.unknown());
const revision = z.int().min(1).optional();
const fields = z.array(z.string()).min(1).max(MAX_FIELDS);
const definition = z.strictObject({
  fields,
  unique: z.boolean().default(false),
  ordered: z.boolean().default(false),
});
const indexes = z.record(z.string(), definition).default({});
const sort = z.record(z.string(), z.union([z.literal(1), z.literal(-1)])).optional();
const limit = z.int().min(0).max(MAX_COMMAND_LIMIT).default(DEFAULT_COMMAND_LIMIT);
const skip = z.int().min(0).default(0);
const index = z.string();
const values = z
  .array(z.union([z.string(), z.number(), z.boolean()]))
  .min(1)
  .max(MAX_FIELDS);
const patch = value;
const unset = z.array(z.string()).optional();
const most = z.int().min(1).max(MAX_COMMAND_LIMIT).optional();

/** Those that a batch may hold as well. */
const insert = z.strictObject({ op: z.literal('insert'), collection, value });
const put = z.strictObject({ op: z.literal('put'), collection, value });
const update = z.strictObject({ op: z.literal('update'), collection, key, patch, unset });
// The query is not optional, so that one left out by mistake changes nothing.
const updateMany = z.strictObject({
  op: z.literal('updateMany'),
  collection,
  query,
  patch,
  unset,
  limit: most,
});
const remove = z.strictObject({ op: z.literal('remove'), collection, key });
const removeMany = z.strictObject({ op: z.literal('removeMany'), collection, query, limit: most });
const get = z.strictObject({ op: z.literal('get'), collection, key });
const anyQuery = query.optional();
const find = z.strictObject({ op: z.literal('find'), collection, query: anyQuery, sort, limit, skip });
const count = z.strictObject({ op: z.literal('count'), collection, query: anyQuery });

const batchable = z.discriminatedUnion('op', [
  insert,
  put,
  update,
  updateMany,
  remove,
  removeMany,
  get,
  find,
  count,
]);

/**
 * Every command of the JSON API, `{ op, collection, … }`. `unset` names members that an update removes; `revision`, where
 * given, is that of the commit.
 */
export const commandSchema = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('collections') }).describe('Lists the collections.'),
  z
    .strictObject({ op: z.literal('createCollection'), collection, key: fields, indexes })
    .describe('Makes a collection where there is none of this name.'),
  z
    .strictObject({ op: z.literal('dropCollection'), collection, revision })
    .describe('Takes a collection out with all its records.'),
  z
    .strictObject({ op: z.literal('createIndex'), collection, index, definition })
    .describe('Makes an index of the records there are.'),
  z
    .strictObject({ op: z.literal('dropIndex'), collection, index })
    .describe('Takes an index away; the records stay.'),
  insert.extend({ revision }).describe('Adds a record; its key must be free.'),
  put.extend({ revision }).describe('Adds a record, or replaces the one with its key.'),
  update.extend({ revision }).describe('Replaces some members of a record.'),
  updateMany.extend({ revision }).describe('Replaces some members of every record that a query asks for.'),
  remove.extend({ revision }).describe('Removes a record.'),
  removeMany.extend({ revision }).describe('Removes every record that a query asks for.'),
  get.describe('Gives the record with this key.'),
  z
    .strictObject({ op: z.literal('getBy'), collection, index, values })
    .describe('Gives the record with these values of a unique index.'),
  z
    .strictObject({ op: z.literal('by'), collection, index, values, limit, skip })
    .describe('Gives the records with these values of an index.'),
  z
    .strictObject({ op: z.literal('countBy'), collection, index, values })
    .describe('Counts the records with these values of an index.'),
  z
    .strictObject({ op: z.literal('valuesOf'), collection, index, limit, skip })
    .describe('Gives the values that an index on one field holds.'),
  find.describe('Gives the records that a query asks for.'),
  count.describe('Counts the records that a query asks for.'),
  z
    .strictObject({
      ...{ op: z.literal('explain'), collection, query: anyQuery, sort, skip },
      limit: limit.unwrap().optional(),
    })
    .describe('Says how a query would be answered.'),
  z
    .strictObject({
      op: z.literal('batch'),
      commands: z.array(batchable).max(MAX_BATCH_COMMANDS),
      revision,
    })
    .describe('Runs commands as one commit, all of them or none.'),
  z
    .strictObject({
      op: z.literal('changes'),
      since: z.int().min(0),
      collection: collection.optional(),
      limit: z.int().min(1).max(MAX_COMMAND_LIMIT).default(DEFAULT_COMMAND_LIMIT),
    })
    .describe('Gives what changed after a revision, whole commits only.'),
]);

/** A command as it is written. */
export type CommandInput = z.input<typeof commandSchema>;

/** A command with its defaults filled in. */
export type Command = z.output<typeof commandSchema>;

/** A command that a batch may hold. */
export type BatchableCommand = z.output<typeof batchable>;

const SHOWN_ISSUES = 5;

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
  // A command may be wrong in a hundred thousand places.
  const issues = error.issues.slice(0, SHOWN_ISSUES);
  throw new MicroDBError(
    'INVALID_COMMAND',
    `The command is not as it should be: ${z.prettifyError({ issues })}`,
  );
}

/** The JSON Schema (draft 2020-12) of every command, for other languages and for editors; docs/microdb.schema.json is this. */
export function commandJsonSchema(): { readonly [member: string]: unknown } {
  const { $schema, ...schema } = z.toJSONSchema(commandSchema, { io: 'input' });
  return { $schema, title: 'A command of MicroDB', ...schema };
}
