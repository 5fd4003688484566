import { scalarsIn } from './filing.js';
import { isPlainObject } from './json.js';
import { isScalar, type Scalar } from './key.js';
import { MAX_PLAN_DEPTH, MAX_PROBES, MAX_WAYS } from './limits.js';
import type { Limit, Range } from './ordered-index.js';
import type { Query } from './query.js';

/** One comparison of a query: a scalar of the field is at this end of it, or beyond. */
interface Bound extends Limit {
  readonly end: 'low' | 'high';
}

/**
 * What a query demands of one field. Whatever matches meets all of it; what meets it may still not match. A list in the
 * field meets a demand when one of its scalars does, and another scalar may meet the next demand.
 */
export interface Demand {
  /** Of each of these lists the field has a scalar. */
  readonly anyOf: (readonly Scalar[])[];
  readonly bounds: Bound[];
  /** Bounds that one and the same element must keep, from `$elemMatch`. */
  readonly elementBounds: (readonly Bound[])[];
}

/** What a query demands, as far as an index can help with it. */
export interface Demands {
  readonly fields: Map<string, Demand>;
  /** The branches of each `$or`: whatever matches the query matches one of them. */
  readonly unions: (readonly unknown[])[];
  /** Whether the query says nothing that isn't here in full, and so could be neither missed nor wrong. */
  isWhole: boolean;
}

/** Reads what a query demands. The query is not checked here, so that anything may be in it. */
export function demandsOf(query: Query): Demands {
  const demands: Demands = { fields: new Map(), unions: [], isWhole: true };
  readQuery(query, demands, 1);
  for (const { anyOf, bounds } of demands.fields.values()) {
    if (anyOf.length + Math.min(bounds.length, 1) !== 1) demands.isWhole = false;
  }
  return demands;
}

/** The ranges a demand leaves to choose from, none where it sets no bounds. */
export function rangesOf({ bounds, elementBounds }: Demand, hasLists: boolean): Range[] {
  if (!hasLists) {
    const all = [...bounds, ...elementBounds.flat()];
    return all.length === 0 ? [] : [rangeOf(all)];
  }
  return [...bounds.map((bound) => rangeOf([bound])), ...elementBounds.map(rangeOf)];
}

function readQuery(query: Query, demands: Demands, depth: number): void {
  for (const name of Object.keys(query)) {
    const condition = query[name];
    if (!name.startsWith('$')) {
      readCondition(condition, demandOn(name, demands), demands);
      continue;
    }
    // Left to be tested as well: only fields at the top of the query can be answered without.
    demands.isWhole = false;
    if (!Array.isArray(condition) || depth >= MAX_PLAN_DEPTH) continue;
    if (name === '$or') demands.unions.push(condition);
    if (name !== '$and') continue;
    for (const part of condition) if (isPlainObject(part)) readQuery(part, demands, depth + 1);
  }
}

function demandOn(field: string, { fields }: Demands): Demand {
  let demand = fields.get(field);
  if (demand === undefined) {
    demand = { anyOf: [], bounds: [], elementBounds: [] };
    fields.set(field, demand);
  }
  return demand;
}

function readCondition(condition: unknown, demand: Demand, demands: Demands): void {
  if (!isPlainObject(condition)) {
    readEqual(condition, demand, demands);
    return;
  }
  const names = Object.keys(condition);
  if (names.length === 0) demands.isWhole = false;
  for (const name of names) readOperator(name, condition[name], demand, demands);
}

function readOperator(name: string, operand: unknown, demand: Demand, demands: Demands): void {
  switch (name) {
    case '$eq':
      readEqual(operand, demand, demands);
      return;
    case '$in':
      readIn(operand, demand, demands);
      return;
    case '$gt':
    case '$gte':
    case '$lt':
    case '$lte':
      if (isScalar(operand) && demand.bounds.length < MAX_WAYS) demand.bounds.push(boundOf(name, operand));
      else demands.isWhole = false;
      return;
    case '$all':
      demands.isWhole = false;
      if (Array.isArray(operand))
        for (const one of operand) if (isScalar(one)) addAnyOf([one], demand, demands);
      return;
    case '$elemMatch':
      demands.isWhole = false;
      readElement(operand, demand, demands);
      return;
    default:
      demands.isWhole = false;
  }
}

/** Where a query demands more of one field than anyone would weigh, the rest is left to be tested. */
function addAnyOf(values: readonly Scalar[], { anyOf }: Demand, demands: Demands): void {
  if (anyOf.length < MAX_WAYS) anyOf.push(values);
  else demands.isWhole = false;
}

function readEqual(value: unknown, demand: Demand, demands: Demands): void {
  if (!isScalar(value)) demands.isWhole = false;
  // What equals a list has all that is in it.
  for (const one of scalarsOf(value)) addAnyOf([one], demand, demands);
}

function readIn(list: unknown, demand: Demand, demands: Demands): void {
  if (Array.isArray(list) && list.length <= MAX_PROBES) {
    const scalars = list.map((value) => (isScalar(value) ? value : scalarsOf(value)[0]));
    if (!list.every(isScalar)) demands.isWhole = false;
    if (scalars.every(isScalar)) addAnyOf([...new Set(scalars)], demand, demands);
  } else {
    demands.isWhole = false;
  }
}

/** One element meets all that `$elemMatch` says of it, as far as these operators go. */
function readElement(operand: unknown, demand: Demand, demands: Demands): void {
  if (!isPlainObject(operand)) return;
  const element: Demand = { anyOf: [], bounds: [], elementBounds: [] };
  for (const name of Object.keys(operand)) {
    if (name !== '$all' && name !== '$elemMatch') readOperator(name, operand[name], element, demands);
  }
  for (const values of element.anyOf) addAnyOf(values, demand, demands);
  if (element.bounds.length > 0 && demand.elementBounds.length < MAX_WAYS)
    demand.elementBounds.push(element.bounds);
}

/** The scalars of what is in a query, which may be a cycle. */
function scalarsOf(value: unknown): readonly Scalar[] {
  if (isScalar(value)) return [value];
  return Array.isArray(value) ? scalarsIn(value.filter(isScalar)) : [];
}

function boundOf(operator: '$gt' | '$gte' | '$lt' | '$lte', value: Scalar): Bound {
  return { end: operator.startsWith('$g') ? 'low' : 'high', value, isInclusive: operator.endsWith('e') };
}

/** What is within all of the bounds. Only values of the bound's own type are. */
function rangeOf(bounds: readonly Bound[]): Range {
  const type = typeof bounds[0]?.value;
  if (bounds.some(({ value }) => typeof value !== type || Number.isNaN(value))) return NOTHING;
  let low: Bound | undefined;
  let high: Bound | undefined;
  for (const bound of bounds) {
    if (bound.end === 'low' ? isTighter(bound, low, 1) : isTighter(bound, high, -1)) {
      if (bound.end === 'low') low = bound;
      else high = bound;
    }
  }
  return { low, high };
}

function isTighter(bound: Bound, than: Bound | undefined, direction: 1 | -1): boolean {
  if (than === undefined) return true;
  if (bound.value === than.value) return !bound.isInclusive;
  return bound.value > than.value === (direction === 1);
}

const NOTHING: Range = {
  low: { value: true, isInclusive: false },
  high: { value: false, isInclusive: false },
};
