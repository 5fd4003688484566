import type { Change } from './change.js';
import type { Explanation } from './collection.js';
import type { CompleteDefinition } from './definition.js';
import type { MicroDBErrorCode } from './errors.js';
import type { JsonObject } from './json.js';
import type { Scalar } from './key.js';

/** What a command of the JSON API answers, by its operation. */
export type CommandAnswer =
  /** insert, put, update: what is stored. get, getBy, remove: what is or was there, or null. */
  | { readonly value: JsonObject | null }
  /** find, by; `more` says that the limit left some out. */
  | { readonly records: readonly JsonObject[]; readonly more: boolean }
  /** valuesOf */
  | { readonly values: readonly Scalar[]; readonly more: boolean }
  /** count, countBy */
  | { readonly count: number }
  /** updateMany, removeMany: how many it changed; `more` says that the limit left some as they are. */
  | { readonly count: number; readonly more: boolean }
  /** explain */
  | Explanation
  /** collections */
  | { readonly collections: readonly ({ name: string; size: number } & CompleteDefinition)[] }
  /** createCollection, createIndex: false where it was there already, defined alike */
  | { readonly created: boolean }
  /** dropCollection: false where there was none. dropIndex */
  | { readonly dropped: boolean }
  /** batch: the answer of each command */
  | { readonly results: readonly CommandAnswer[] }
  /** changes: `next` is what to ask with next, and `more` says that there is more by now. */
  | { readonly changes: readonly Change[]; readonly more: boolean; readonly next: number }
  /** changes that are no longer all kept, or too many of one commit for an answer: read the records anew. */
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
