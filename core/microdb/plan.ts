import { type Arrangement, type Sort, UNARRANGED } from './arrange.js';
import { type Demands, demandsOf } from './demands.js';
import { isPlainObject } from './json.js';
import { joinScalars, type Key, type Scalar } from './key.js';
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
  /** Gives those records: all that match, each once, and perhaps more. */
  readonly read: () => Iterable<R>;
  /** Every candidate matches, so none needs to be tested, and the query has nothing else that could be wrong. */
  readonly isExact: boolean;
  /** Exact, and without a limit `count` is how many there are. */
  readonly isCounted: boolean;
  /** The candidates come in the order that was asked for. */
  readonly isSorted: boolean;
}

/**
 * Chooses the way that leaves the fewest records to look at; of equal ones the one that brings the order asked for, then
 * an index before a look at all.
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

function plansFor<R extends object>(table: Table<R>, demands: Demands, sort: Sort, depth: number): Plan<R>[] {
  const plans: Plan<R>[] = [];
  for (const keys of probesOf(table.definition.key, demands)) plans.push(planPrimary(table, keys, demands));
  // Nothing leaves less, and one record is in any order.
  if ((plans[0]?.count ?? 2) < 2) return plans;
  for (const index of table.indexes) {
    if (index instanceof OrderedIndex) {
      for (const way of waysOf<R>(index, demands, sort)) plans.push(planOrdered(table, index, way, demands));
    } else {
      for (const values of probesOf(index.fields, demands))
        plans.push(planHashed(table, index, values, demands));
    }
  }
  for (const branches of depth < MAX_PLAN_DEPTH ? demands.unions : []) {
    const plan = planUnion(table, branches, depth);
    if (plan !== undefined) plans.push(plan);
  }
  plans.push(planScan(table, demands));
  return plans;
}

function planScan<R extends object>({ records }: Table<R>, demands: Demands): Plan<R> {
  const isExact = isAllOf(demands, 0);
  const { size: count } = records;
  const read = () => records.values();
  return { kind: 'scan', index: null, count, read, isExact, isCounted: isExact, isSorted: false };
}

function planPrimary<R extends object>(
  table: Table<R>,
  keys: readonly Scalar[][],
  demands: Demands,
): Plan<R> {
  const found: R[] = [];
  for (const parts of keys) {
    const key = parts.length === 1 ? (parts[0] as Key) : joinScalars(parts);
    const record = table.records.get(key);
    if (record !== undefined) found.push(record);
  }
  const isExact = isAllOf(demands, table.definition.key.length);
  const index = 'primary';
  const read = () => found;
  return {
    kind: index,
    index,
    count: found.length,
    read,
    isExact,
    isCounted: isExact,
    isSorted: false,
  };
}

function planHashed<R extends object>(
  table: Table<R>,
  index: RecordIndex<R>,
  probes: readonly Scalar[][],
  demands: Demands,
): Plan<R> {
  let count = 0;
  for (const values of probes) count += index.count(values);
  const repeats = index.lists > 0 && probes.length > 1;
  const isExact = isAllOf(demands, index.fields.length);
  return {
    kind: 'equality',
    index: index.name,
    count: Math.min(count, table.records.size),
    read: () =>
      together(
        probes.map((values) => index.rows(values)),
        repeats,
      ),
    isExact,
    isCounted: isExact && !repeats,
    isSorted: false,
  };
}

function planOrdered<R extends object>(
  table: Table<R>,
  index: OrderedIndex<R>,
  { kind, spans, direction, repeats, fields, isExact: isMet }: OrderedWay,
  demands: Demands,
): Plan<R> {
  let count = 0;
  for (const { from, to } of spans) count += to - from;
  const isExact = isMet && isAllOf(demands, fields);
  return {
    kind,
    index: index.name,
    count: Math.min(count, table.records.size),
    read: () =>
      together(
        spans.map((span) => index.read(span, direction ?? 1)),
        repeats,
      ),
    isExact,
    isCounted: isExact && !repeats,
    isSorted: direction !== undefined,
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
  const index = [...new Set(plans.map((plan) => plan.index))].join(', ');
  const read = () =>
    together(
      plans.map((plan) => plan.read()),
      true,
    );
  return { kind: 'union', index, count, read, isExact: false, isCounted: false, isSorted: false };
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

/** The records of all parts, one after the other; each once, where it could be in several. */
function together<R>(parts: readonly Iterable<R>[], repeats: boolean): Iterable<R> {
  if (repeats) return distinct(chain(parts));
  return parts.length === 1 ? (parts[0] as Iterable<R>) : chain(parts);
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
