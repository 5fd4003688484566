import { type Arrangement, type Sort, UNARRANGED } from './arrange.js';
import { type Demands, demandsOf } from './demands.js';
import { isPlainObject } from './json.js';
import { joinScalars, type Key } from './key.js';
import { MAX_PLAN_DEPTH } from './limits.js';
import { OrderedIndex } from './ordered-index.js';
import type { RecordIndex } from './record-index.js';
import type { Table } from './table.js';
import { type OrderedWay, probesOf, waysOf } from './ways.js';

/**
 * How records are found: by the whole primary key, by equal values in an index, by a range in an ordered one, in the order
 * of one (all of them), by an index for each branch of `$or`, or by a look at every record.
 */
export type PlanKind = 'primary' | 'equality' | 'range' | 'order' | 'union' | 'scan';

/** How a query will be answered. */
export interface Plan<R> {
  readonly kind: PlanKind;
  /** The index used, 'primary' for the primary key, null for a look at every record; several for a union. */
  readonly index: string | null;
  /** How many records will be looked at, at most. */
  readonly count: number;
  /** Those records: all that match, each once, and perhaps more. */
  readonly candidates: Iterable<R>;
  /** Every candidate matches, so none needs to be tested, and the query has nothing else that could be wrong. */
  readonly isExact: boolean;
  /** Exact, and without a limit `count` is how many there are. */
  readonly isCounted: boolean;
  /** The candidates come in the order that was asked for. */
  readonly isSorted: boolean;
}

/**
 * Chooses the way that leaves the fewest records to look at; of equal ones the one that brings the order asked for, then
 * an index before a look at all. The query is not checked here.
 */
export function planQuery<R extends object>(
  table: Table<R>,
  demands: Demands,
  arrangement: Arrangement = UNARRANGED,
  depth = 1,
): Plan<R> {
  let best: Plan<R> | undefined;
  for (const plan of plansFor(table, demands, arrangement.sort, depth)) {
    const cut = cutPlan(plan, arrangement);
    if (best === undefined || cut.count < best.count || (cut.count === best.count && isPreferred(cut, best)))
      best = cut;
  }
  return best as Plan<R>;
}

function* plansFor<R extends object>(
  table: Table<R>,
  demands: Demands,
  sort: Sort,
  depth: number,
): Iterable<Plan<R>> {
  for (const keys of probesOf(table.definition.key, demands)) yield planPrimary(table, keys, demands);
  for (const index of table.indexes) {
    if (index instanceof OrderedIndex) {
      for (const way of waysOf<R>(index, demands, sort)) yield planOrdered(table, index, way, demands);
    } else {
      for (const values of probesOf(index.fields, demands)) yield planHashed(table, index, values, demands);
    }
  }
  for (const branches of depth < MAX_PLAN_DEPTH ? demands.unions : []) {
    const plan = planUnion(table, branches, depth);
    if (plan !== undefined) yield plan;
  }
  const isExact = demands.isWhole && demands.fields.size === 0;
  const { records } = table;
  yield {
    ...{ kind: 'scan', index: null, count: records.size, candidates: records.values() },
    ...{ isExact, isCounted: isExact, isSorted: false },
  };
}

function planPrimary<R extends object>(
  table: Table<R>,
  keys: readonly (readonly unknown[])[],
  demands: Demands,
): Plan<R> {
  const candidates: R[] = [];
  for (const parts of keys) {
    const key = parts.length === 1 ? (parts[0] as Key) : joinScalars(parts as Key[]);
    const record = table.records.get(key);
    if (record !== undefined) candidates.push(record);
  }
  const isExact = isAllOf(demands, table.definition.key.length);
  return {
    ...{ kind: 'primary', index: 'primary', count: candidates.length, candidates },
    ...{ isExact, isCounted: isExact, isSorted: false },
  };
}

function planHashed<R extends object>(
  table: Table<R>,
  index: RecordIndex<R>,
  probes: readonly (readonly (string | number | boolean)[])[],
  demands: Demands,
): Plan<R> {
  let count = 0;
  for (const values of probes) count += index.count(values);
  const repeats = index.lists > 0 && probes.length > 1;
  const isExact = isAllOf(demands, index.fields.length);
  const candidates = chain(probes.map((values) => index.rows(values)));
  return {
    ...{ kind: 'equality', index: index.name, count: Math.min(count, table.records.size) },
    candidates: repeats ? distinct(candidates) : candidates,
    ...{ isExact, isCounted: isExact && !repeats, isSorted: false },
  };
}

function planOrdered<R extends object>(
  table: Table<R>,
  index: OrderedIndex<R>,
  way: OrderedWay,
  demands: Demands,
): Plan<R> {
  const { spans, direction, repeats } = way;
  let count = 0;
  for (const { from, to } of spans) count += to - from;
  const isExact = isAllOf(demands, way.fields) && way.isExact;
  const candidates = chain(spans.map((span) => index.read(span, direction ?? 1)));
  return {
    ...{ kind: way.kind, index: index.name, count: Math.min(count, table.records.size) },
    candidates: repeats ? distinct(candidates) : candidates,
    ...{ isExact, isCounted: isExact && !repeats, isSorted: direction !== undefined },
  };
}

/** All of an `$or`, where each of its branches has an index. */
function planUnion<R extends object>(
  table: Table<R>,
  branches: readonly unknown[],
  depth: number,
): Plan<R> | undefined {
  const plans: Plan<R>[] = [];
  let count = 0;
  for (const branch of branches) {
    if (!isPlainObject(branch)) return undefined;
    const plan = planQuery(table, demandsOf(branch), UNARRANGED, depth + 1);
    count += plan.count;
    if (plan.index === null || count > table.records.size) return undefined;
    plans.push(plan);
  }
  const names = new Set(plans.map(({ index }) => index));
  return {
    ...{ kind: 'union', index: [...names].join(', '), count },
    candidates: distinct(chain(plans.map(({ candidates }) => candidates))),
    ...{ isExact: false, isCounted: false, isSorted: false },
  };
}

/** With a limit no more is looked at than it lets through, if all of it matches and is in order. */
function cutPlan<R>(plan: Plan<R>, { sort, skip, limit }: Arrangement): Plan<R> {
  if (!plan.isExact || plan.count <= skip + limit || (sort.length > 0 && !plan.isSorted)) return plan;
  return { ...plan, count: skip + limit };
}

function isPreferred(plan: Plan<unknown>, to: Plan<unknown>): boolean {
  return plan.isSorted && !to.isSorted;
}

/** Whether demands on so many fields are all there is. */
function isAllOf({ isWhole, fields }: Demands, count: number): boolean {
  return isWhole && fields.size === count;
}

function* chain<R>(parts: readonly Iterable<R>[]): Iterable<R> {
  for (const part of parts) yield* part;
}

function* distinct<R>(records: Iterable<R>): Iterable<R> {
  const seen = new Set<R>();
  for (const record of records) {
    if (seen.has(record)) continue;
    seen.add(record);
    yield record;
  }
}
