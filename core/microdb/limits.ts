/** How deep a record may nest; the record itself is depth 1. */
export const MAX_DEPTH = 64;
/** How many values (members and elements, at every depth) one record may hold. */
export const MAX_VALUES = 100_000;
/** Characters in the name of a collection, index or field, and in one part of a primary key. */
export const MAX_NAME_LENGTH = 128;
export const MAX_KEY_PART_LENGTH = 1024;
/** Collections in a database, indexes of a collection, fields of a key, an index or a sort. */
export const MAX_COLLECTIONS = 1024;
export const MAX_INDEXES = 32;
export const MAX_FIELDS = 8;
/** Entries that the lists in one record may make in one index: one for each element, and for each choice of them. */
export const MAX_INDEX_ENTRIES = 1000;
/** Depth and number of values of one query; characters of one `$regex`, and how many there may be. */
export const MAX_QUERY_DEPTH = 32;
export const MAX_QUERY_VALUES = 20_000;
export const MAX_REGEX_LENGTH = 256;
export const MAX_REGEXES = 8;
/** Index entries one query may ask for (the product of its `$in` lists) before a scan is the better plan. */
export const MAX_PROBES = 10_000;
/** Ways to use one index that the planner weighs, where a query limits a field more than once (`$all`). */
export const MAX_WAYS = 16;
/** How deep `$or` and `$and` may nest within one another for the planner to look into them. */
export const MAX_PLAN_DEPTH = 4;
/** Changes kept for `changes({ since })` unless told otherwise, and the most that may be asked for. */
export const DEFAULT_RING_SIZE = 10_000;
export const MAX_RING_SIZE = 10_000_000;
export const MAX_WATCHERS = 10_000;
/** The greatest revision that may be given to a commit: far enough below the last safe integer to go on from it. */
export const MAX_REVISION = 2 ** 52;
/** Commits that watchers may cause from inside their callbacks before it is taken for a loop. */
export const MAX_CHAINED_COMMITS = 100_000;
/** Records, values or changes that one answer of the JSON API holds unless told otherwise, and at most. */
export const DEFAULT_COMMAND_LIMIT = 1000;
export const MAX_COMMAND_LIMIT = 10_000;
/** Values in one command of the JSON API, commands in one batch of it, and records all of them may answer or change. */
export const MAX_COMMAND_VALUES = 1_000_000;
export const MAX_BATCH_COMMANDS = 10_000;
export const MAX_BATCH_RECORDS = 100_000;
