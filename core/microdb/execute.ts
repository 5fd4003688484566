import type { BatchCollection } from './batch.js';
import type { Change } from './change.js';
import type { Collection } from './collection.js';
import { type BatchableCommand, type Command, parseCommand } from './command.js';
import type { CompleteDefinition } from './definition.js';
import { MicroDBError, type MicroDBErrorCode } from './errors.js';
import type { JsonObject } from './json.js';
import type { KeyPart } from './key.js';
import type { MicroDB } from './microdb.js';

/** What a command of the JSON API answers, by its operation. */
export type CommandAnswer =
  /** insert, put, update: what is stored. get, remove: what is or was there, or null. */
  | { readonly value: JsonObject | null }
  /** find; `more` says that the limit left some out. */
  | { readonly records: readonly JsonObject[]; readonly more: boolean }
  /** count */
  | { readonly count: number }
  /** explain */
  | { readonly index: string | null; readonly examined: number }
  /** collections */
  | { readonly collections: readonly ({ name: string; size: number } & CompleteDefinition)[] }
  /** createCollection: false where it was there already, defined alike */
  | { readonly created: boolean }
  /** batch: the answer of each command */
  | { readonly results: readonly CommandAnswer[] }
  /** changes */
  | { readonly changes: readonly Change[] }
  | { readonly compacted: true };

/** What `execute` gives: the answer with the database's revision at that moment, or what went wrong. */
export type CommandResult =
  | ({ readonly ok: true; readonly revision: number } & CommandAnswer)
  | {
      readonly ok: false;
      readonly error: {
        readonly code: MicroDBErrorCode;
        readonly message: string;
        /** In a batch, the position of the command that failed. */
        readonly command?: number;
      };
    };

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
    case 'createCollection': {
      const created = !db.collections.includes(command.collection);
      const indexes = Object.entries(command.indexes ?? {}).map(([name, { fields, unique = false }]) => {
        return [name, { fields, unique }] as const;
      });
      db.collection(command.collection, { key: command.key, indexes: Object.fromEntries(indexes) });
      return { created };
    }
    case 'explain':
      return { ...db.collection(command.collection).explain(command.query) };
    case 'changes': {
      const { since, collection } = command;
      const result = db.changes(collection === undefined ? { since } : { since, collection });
      return 'compacted' in result ? { compacted: true } : { changes: result.changes };
    }
    case 'batch': {
      const results: CommandAnswer[] = [];
      return db.batch((batch) => {
        for (const [at, one] of command.commands.entries()) {
          reached(at);
          results.push(runOn(batch.collection<JsonObject>(one.collection), one));
        }
        reached(undefined);
        return { results };
      }, revisionOf(command));
    }
    case 'get':
    case 'find':
    case 'count':
      return runOn(db.collection(command.collection), command);
    default:
      return db.batch(
        (batch) => runOn(batch.collection<JsonObject>(command.collection), command),
        revisionOf(command),
      );
  }
}

/** A command on one collection, inside a batch or not. */
function runOn(
  collection: Collection<JsonObject> | BatchCollection<JsonObject>,
  command: BatchableCommand,
): CommandAnswer {
  switch (command.op) {
    case 'insert':
      return { value: collection.insert(command.value as JsonObject) };
    case 'put':
      return { value: collection.put(command.value as JsonObject) };
    case 'update': {
      const unset = Object.fromEntries((command.unset ?? []).map((member) => [member, undefined]));
      return { value: collection.update(command.key, { ...command.patch, ...unset } as JsonObject) };
    }
    case 'remove':
      return { value: collection.remove(...partsOf(command.key)) ?? null };
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

function partsOf(key: KeyPart | readonly KeyPart[]): readonly KeyPart[] {
  return typeof key === 'object' ? key : [key];
}

function revisionOf(command: { readonly revision?: number | undefined }): { readonly revision?: number } {
  return command.revision === undefined ? {} : { revision: command.revision };
}
