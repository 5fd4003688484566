/** What the methods allow; the table says so too. */

/** Instances that one `find` answers, at most and unless it is told otherwise. */
export const FIND_LIMIT = 10_000;
/** Instances that `find` sorts: more would hold up the registry. */
export const SORT_LIMIT = 20_000;
/** Values in a query, and `$regex` among them. */
export const QUERY_VALUES = 2_000;
export const QUERY_PATTERNS = 2;
/** Calls in one `system.multicall`. */
export const MULTICALL_LIMIT = 1_000;
/** Seconds that `resolve` waits unless it is told, and at most. */
export const DEFAULT_WAIT_S = 30;
export const LONGEST_WAIT_S = 300;
