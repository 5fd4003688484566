export type { FindOptions } from './arrange.js';
export type { Batch, BatchCollection } from './batch.js';
export type { Rows } from './bucket.js';
export type { Change, Compacted, FeedEvent } from './change.js';
export type { Collection, Explanation } from './collection.js';
export { type Command, type CommandInput, commandJsonSchema, commandSchema } from './command.js';
export type { CommandAnswer, CommandResult } from './command-answer.js';
export type {
  CollectionDefinition,
  CompleteDefinition,
  CompleteIndex,
  IndexDefinition,
} from './definition.js';
export { MICRODB_ERROR_CODES, MicroDBError, type MicroDBErrorCode } from './errors.js';
export type { ChangeFilter, Changes, ChangesFilter } from './feed.js';
export type { Follow, FollowFilter } from './follower.js';
export type { Json, JsonObject } from './json.js';
export type { KeyPart, Scalar } from './key.js';
export { MicroDB, type MicroDBOptions } from './microdb.js';
export type { PlanKind } from './plan.js';
export type { Query } from './query.js';
export type { WriteOptions } from './record.js';
export type { CollectionSnapshot, Snapshot } from './snapshot.js';
export type { Watch, WatchCallback } from './watchers.js';
