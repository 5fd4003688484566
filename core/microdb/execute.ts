import type { Batch } from './batch.js';
import type { Collection } from './collection.js';
import { type BatchableCommand, type Command, parseCommand } from './command.js';
import type { CommandAnswer, CommandResult } from './command-answer.js';
import { MicroDBError } from './errors.js';
import type { JsonObject } from './json.js';
import { fieldOf, type KeyPart } from './key.js';
import { MAX_BATCH_RECORDS, MAX_COMMAND_LIMIT, MAX_COMMAND_VALUES } from './limits.js';
import type { MicroDB } from './microdb.js';

type One<Op> = Extract<Command | BatchableCommand, { readonly op: Op }>;
type Reader = Pick<Collection<JsonObject>, 'find'>;

/** Runs one command of the JSON API. Never throws. */
export function executeCommand(db: MicroDB, input: unknown): CommandResult {
  let position: number | undefined;
  try {
    const command = parseCommand(input);
    const answer = run(db, command, (at) => {
      position = at;
    });
    return { ok: true, revision: db.revision, ...answer };
  } catch (error) {
    const at = position === undefined ? {} : { command: position };
    if (error instanceof MicroDBError)
      return { ok: false, error: { code: error.code, message: error.message, ...at } };
    const message = error instanceof Error ? error.message : 'Something that is no error was thrown.';
    return { ok: false, error: { code: 'INTERNAL', message, ...at } };
  }
}

function run(db: MicroDB, command: Command, reached: (position: number | undefined) => void): CommandAnswer {
  switch (command.op) {
    case 'collections':
      return {
        collections: db.collections.map((name) => {
          const { size, definition } = db.collection(name);
          return { name, size, ...definition };
        }),
      };
    case 'createCollection':
      return createCollection(db, command);
    case 'createIndex':
      return { created: db.collection(command.collection).createIndex(command.index, command.definition) };
    case 'dropIndex':
      db.collection(command.collection).dropIndex(command.index);
      return { dropped: true };
    case 'dropCollection':
      return { dropped: db.dropCollection(command.collection, revisionOf(command)) };
    case 'explain':
      return explain(db, command);
    case 'changes':
      return changes(db, command);
    case 'batch':
      return db.batch((batch) => runAll(db, batch, command.commands, reached), revisionOf(command));
    case 'getBy':
    case 'by':
    case 'countBy':
    case 'valuesOf':
      return readIndex(db.collection(command.collection), command);
    case 'get':
    case 'find':
    case 'count':
      return runOn(db, undefined, command);
    default:
      return db.batch((batch) => runOn(db, batch, command), revisionOf(command));
  }
}

function createCollection(db: MicroDB, { collection, key, indexes }: One<'createCollection'>): CommandAnswer {
  const created = !db.collections.includes(collection);
  db.collection(collection, { key, indexes });
  return { created };
}

function explain(db: MicroDB, { collection, query, sort, skip, limit }: One<'explain'>): CommandAnswer {
  const options = { skip, ...(sort && { sort }), ...(limit !== undefined && { limit }) };
  return { ...db.collection(collection).explain(query, options) };
}

function changes(db: MicroDB, { since, collection, limit }: One<'changes'>): CommandAnswer {
  const result = db.changes(collection === undefined ? { since, limit } : { since, limit, collection });
  // A commit is never told in part, and one that is so large would be no answer.
  if ('compacted' in result || result.changes.length > MAX_COMMAND_LIMIT) return { compacted: true };
  return { changes: result.changes, more: result.revision < db.revision, next: result.revision };
}

function runAll(
  db: MicroDB,
  batch: Batch,
  commands: readonly BatchableCommand[],
  reached: (position: number | undefined) => void,
): CommandAnswer {
  const results: CommandAnswer[] = [];
  let records = 0;
  for (const [at, command] of commands.entries()) {
    reached(at);
    const answer = runOn(db, batch, command);
    results.push(answer);
    if ('records' in answer) records += answer.records.length;
    else if ('count' in answer && 'more' in answer) records += answer.count;
    if (records > MAX_BATCH_RECORDS) {
      refuse(
        `The commands reach more than ${MAX_BATCH_RECORDS} records; give them limits, or run them in several batches.`,
      );
    }
  }
  reached(undefined);
  return { results };
}

function readIndex(
  collection: Collection<JsonObject>,
  command: One<'getBy' | 'by' | 'countBy' | 'valuesOf'>,
): CommandAnswer {
  switch (command.op) {
    case 'getBy':
      return { value: collection.getBy(command.index, ...command.values) ?? null };
    case 'countBy':
      return { count: collection.countBy(command.index, ...command.values) };
    case 'by': {
      const { taken, more } = take(collection.by(command.index, ...command.values), command);
      return { records: taken, more };
    }
    case 'valuesOf': {
      const { taken, more } = take(collection.valuesOf(command.index), command);
      return { values: taken, more };
    }
  }
}

/** A command on one collection, inside a batch or not; those that write are always given one. */
function runOn(db: MicroDB, batch: Batch | undefined, command: BatchableCommand): CommandAnswer {
  const name = command.collection;
  const collection = batch?.collection<JsonObject>(name) ?? db.collection<JsonObject>(name);
  switch (command.op) {
    case 'insert':
      return { value: collection.insert(command.value as JsonObject) };
    case 'put':
      return { value: collection.put(command.value as JsonObject) };
    case 'update':
      return { value: collection.update(command.key, patchOf(command)) };
    case 'remove':
      return { value: collection.remove(...partsOf(command.key)) ?? null };
    case 'updateMany':
    case 'removeMany': {
      const { keys, more } = keysOf(db, collection, command);
      if (command.op === 'removeMany') for (const key of keys) collection.remove(...key);
      else {
        const patch = patchOf(command);
        if (keys.length * valuesIn(patch) > MAX_COMMAND_VALUES) {
          refuse(
            `The patch would be copied to ${keys.length} records, more than ${MAX_COMMAND_VALUES} values in all; give a limit, or a smaller patch.`,
          );
        }
        for (const key of keys) collection.update(key, patch);
      }
      return { count: keys.length, more };
    }
    case 'get':
      return { value: collection.get(...partsOf(command.key)) ?? null };
    case 'count':
      return { count: collection.count(command.query) };
    case 'find': {
      const { query, limit, skip, sort } = command;
      const found = collection.find(query, { limit: limit + 1, skip, ...(sort && { sort }) });
      return { records: found.slice(0, limit), more: found.length > limit };
    }
  }
}

/** How many values a JSON value holds, at every depth. */
function valuesIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce<number>((sum, member) => sum + valuesIn(member), 1);
}

/** Which records a command is to change: all that match, or as many as it says. Throws LIMIT_REACHED. */
function keysOf(
  db: MicroDB,
  collection: Reader,
  { collection: name, query, limit }: One<'updateMany' | 'removeMany'>,
): { keys: KeyPart[][]; more: boolean } {
  const most = limit ?? MAX_COMMAND_LIMIT;
  const found = collection.find(query, { limit: most + 1 });
  const more = found.length > most;
  // Nobody looks for `more` who did not give a limit: half of the work must not pass for the whole.
  if (more && limit === undefined) {
    refuse(`More than ${most} records of "${name}" match; give a limit, and repeat it for the others.`);
  }
  const { key } = db.collection(name).definition;
  const keys = found.slice(0, most).map((record) => key.map((field) => fieldOf(record, field) as KeyPart));
  return { keys, more };
}

function take<T>(
  all: Iterable<T>,
  { limit, skip }: { readonly limit: number; readonly skip: number },
): { taken: T[]; more: boolean } {
  const taken: T[] = [];
  let position = 0;
  for (const one of all) {
    if (position++ < skip) continue;
    if (taken.length === limit) return { taken, more: true };
    taken.push(one);
  }
  return { taken, more: false };
}

function partsOf(key: KeyPart | readonly KeyPart[]): readonly KeyPart[] {
  return typeof key === 'object' ? key : [key];
}

/** A patch that says undefined for what is to be removed, which JSON can't. */
function patchOf({ patch, unset = [] }: One<'update' | 'updateMany'>): Partial<JsonObject> {
  return { ...patch, ...Object.fromEntries(unset.map((member) => [member, undefined])) } as JsonObject;
}

function revisionOf(command: { readonly revision?: number | undefined }): { readonly revision?: number } {
  return command.revision === undefined ? {} : { revision: command.revision };
}

function refuse(message: string): never {
  throw new MicroDBError('LIMIT_REACHED', message);
}
