import type { Sort } from './arrange.js';
import { type Demand, type Demands, rangesOf } from './demands.js';
import { combinations } from './filing.js';
import type { Scalar } from './key.js';
import { MAX_PROBES } from './limits.js';
import type { OrderedIndex, Range, Span } from './ordered-index.js';

/** One way to use an ordered index for a query. */
export interface OrderedWay {
  readonly kind: 'equality' | 'range' | 'order';
  readonly spans: readonly Span[];
  /** In which direction it is to be read for the order asked for; undefined where it can't bring it. */
  readonly direction: 1 | -1 | undefined;
  /** On how many fields it meets the demands. */
  readonly fields: number;
  /** All of what those fields demand is met. */
  readonly isExact: boolean;
  /** A record may be met more than once. */
  readonly repeats: boolean;
}

/**
 * The values to ask an index on these fields for, for each way to choose among what a query demands of a field; none where
 * it leaves a field free, or there would be too many.
 */
export function probesOf(fields: readonly string[], demands: Demands): Scalar[][][] {
  const choices: (readonly (readonly Scalar[])[])[] = [];
  for (const field of fields) {
    const anyOf = demands.fields.get(field)?.anyOf;
    if (anyOf === undefined || anyOf.length === 0) return [];
    // On several fields one way for each is enough, so that the ways don't multiply.
    choices.push(fields.length === 1 ? anyOf : [shortestOf(anyOf)]);
  }
  let budget = MAX_PROBES;
  const probes: Scalar[][][] = [];
  for (const lists of combinations(choices)) {
    const count = productOf(lists);
    if (count > budget) continue;
    budget -= count;
    probes.push(combinations(lists));
  }
  return probes;
}

/** The ways to use an ordered index: equality on its first fields, a range on the next, and the order of the others. */
export function waysOf<R extends object>(index: OrderedIndex<R>, demands: Demands, sort: Sort): OrderedWay[] {
  const ways: OrderedWay[] = [];
  const hasLists = index.lists > 0;
  const length = prefixLength(index.fields, demands);
  const prefix = index.fields.slice(0, length);
  const next = demands.fields.get(index.fields[length] as string);
  const ranges = next === undefined ? [] : rangesOf(next, hasLists);
  const prefixes = length === 0 ? [[[]]] : probesOf(prefix, demands);
  for (const probes of prefixes) {
    const direction =
      hasLists || probes.length !== 1 ? undefined : directionOf(sort, prefix, index.fields.slice(length));
    for (const range of ranges) {
      const spans = probes.map((values) => index.spanOf(values, range));
      const isExact = isMetBy(next, ranges);
      ways.push({ kind: 'range', spans, direction, fields: length + 1, isExact, repeats: hasLists });
    }
    if (ranges.length > 0) continue;
    const isFull = length === index.fields.length;
    if (length > 0) {
      const spans = probes.map((values) => index.spanOf(values));
      const repeats = hasLists && !(isFull && probes.length === 1);
      ways.push({ kind: 'equality', spans, direction, fields: length, isExact: true, repeats });
    } else if (direction !== undefined) {
      const spans = [index.whole];
      ways.push({ kind: 'order', spans, direction, fields: 0, isExact: true, repeats: false });
    }
  }
  return ways;
}

/** How many of an index's first fields are limited to some values, and not too many to ask for each. */
function prefixLength(fields: readonly string[], demands: Demands): number {
  let count = 1;
  for (const [at, field] of fields.entries()) {
    const anyOf = demands.fields.get(field)?.anyOf ?? [];
    if (anyOf.length === 0) return at;
    count *= Math.max(...anyOf.map((values) => values.length));
    if (count > MAX_PROBES) return at;
  }
  return fields.length;
}

/**
 * The direction to read an index in for an order: where it is that of all fields after a prefix, each of which has one
 * value. The fields after those asked for would come before the primary key among equals, so there may be none.
 */
function directionOf(sort: Sort, prefix: readonly string[], rest: readonly string[]): 1 | -1 | undefined {
  const order = sort.filter(([field]) => !prefix.includes(field));
  if (sort.length === 0 || order.length !== rest.length) return undefined;
  const direction = order[0]?.[1] ?? 1;
  const isServed = order.every(([field, towards], at) => field === rest[at] && towards === direction);
  return isServed ? direction : undefined;
}

function shortestOf(anyOf: readonly (readonly Scalar[])[]): readonly Scalar[] {
  return anyOf.reduce((shortest, values) => (values.length < shortest.length ? values : shortest));
}

/** Whether one range is all that a field must keep. */
function isMetBy(demand: Demand | undefined, ranges: readonly Range[]): boolean {
  return ranges.length === 1 && demand?.anyOf.length === 0 && demand.elementBounds.length === 0;
}

function productOf(lists: readonly (readonly unknown[])[]): number {
  return lists.reduce((product, { length }) => product * length, 1);
}
