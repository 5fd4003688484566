import sift from 'sift';
import { isInheritedName } from './definition.js';
import { MicroDBError, show } from './errors.js';
import { isPlainObject } from './json.js';
import { isScalar } from './key.js';
import { MAX_QUERY_DEPTH, MAX_QUERY_VALUES, MAX_REGEX_LENGTH, MAX_REGEXES } from './limits.js';
import { suggest } from './nearest.js';
import { compilePattern } from './pattern.js';

/**
 * What to look for, as `sift` (and MongoDB) has it: `{ name: 'a', port: { $gt: 80 }, $or: [...] }`. The operators are
 * $eq $ne $gt $gte $lt $lte $in $nin $all $size $mod $exists $type $regex $options $elemMatch $not $and $or $nor.
 * `$where` is refused, because it is code. A `$regex` is RE2's, which no pattern can keep busy.
 */
export type Query = { readonly [field: string]: unknown };

/** The `$options` beside a `$regex`. */
function lettersBeside(owner: unknown): string {
  return isPlainObject(owner) && Object.hasOwn(owner, '$options') ? String(owner.$options) : '';
}

/** Whether a record is what the query looks for. */
export type Test = (record: unknown) => boolean;

// Named one by one, so that no operator a later sift brings gets in unchecked; sift is CommonJS without named exports.
const { $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $all, $size, $mod } = sift;
const { $exists, $type, $options, $elemMatch, $not, $and, $or, $nor } = sift;
const $regex: typeof sift.$regex = (pattern, owner, options) =>
  sift.createEqualsOperation(compilePattern(String(pattern), lettersBeside(owner)), owner, options);
const OPERATIONS = {
  ...{ $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $all, $size, $mod },
  ...{ $exists, $type, $regex, $options, $elemMatch, $not, $and, $or, $nor },
};
const OPERATORS = Object.keys(OPERATIONS);
const TYPES: readonly unknown[] = ['string', 'number', 'bool', 'array', 'null'];

/** Makes the test for a query. Throws INVALID_QUERY, naming the operator or field that is wrong. */
export function compileQuery(query: Query): Test {
  const budget = { left: MAX_QUERY_VALUES, regexes: MAX_REGEXES, hasForeign: false };
  checkQuery(query, 'The query', budget, 1);
  try {
    // sift stumbles over objects without a prototype, and takes those of another realm for something else.
    const plain = budget.hasForeign ? (JSON.parse(JSON.stringify(query)) as Query) : query;
    return sift.createQueryTester(plain, { operations: OPERATIONS });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MicroDBError('INVALID_QUERY', `The query can't be understood: ${reason}.`, { cause });
  }
}

/** What is found out on the way: how much more the query may hold, and whether an object has another prototype. */
interface Budget {
  left: number;
  regexes: number;
  hasForeign: boolean;
}

/** Fields and operators, as at the top of a query and in $and, $or, $nor, $not and $elemMatch. */
function checkQuery(query: unknown, where: string, budget: Budget, depth: number): void {
  if (!isPlainObject(query)) refuse(`${where} is ${show(query)}; expected an object of fields and operators`);
  spend(query, budget, depth);
  for (const [name, operand] of Object.entries(query)) {
    if (name.startsWith('$')) {
      checkOperator(name, operand, query, budget, depth);
    } else {
      for (const part of name.split('.')) {
        if (isInheritedName(part)) refuse(`${where} names the field "${name}", which can't be queried`);
      }
      checkCondition(operand, `The field "${name}"`, budget, depth + 1);
    }
  }
}

/** What a field is held against: operators, or a value it must equal. */
function checkCondition(condition: unknown, where: string, budget: Budget, depth: number): void {
  const names = isPlainObject(condition) ? Object.keys(condition) : [];
  if (!isPlainObject(condition) || !names.some((name) => name.startsWith('$'))) {
    checkLiteral(condition, where, budget, depth);
    return;
  }
  spend(condition, budget, depth);
  for (const name of names) {
    if (!name.startsWith('$')) refuse(`${where} mixes operators with the member "${name}"; expected either`);
    checkOperator(name, condition[name], condition, budget, depth);
  }
}

function checkOperator(name: string, operand: unknown, beside: object, budget: Budget, depth: number): void {
  const expect = (isRight: boolean, what: string) => {
    if (!isRight) refuse(`${name} is given ${show(operand)}; expected ${what}`);
  };
  const list = (what: string): readonly unknown[] => {
    expect(Array.isArray(operand), what);
    return operand as readonly unknown[];
  };
  switch (name) {
    case '$eq':
    case '$ne':
      checkLiteral(operand, name, budget, depth + 1);
      return;
    case '$gt':
    case '$gte':
    case '$lt':
    case '$lte':
      expect(isScalar(operand), 'a string, number or boolean');
      return;
    case '$in':
    case '$nin':
      for (const value of list('a list of values')) checkLiteral(value, name, budget, depth + 1);
      return;
    case '$all':
      for (const value of list('a list of values')) {
        if (isPlainObject(value)) checkQuery(value, name, budget, depth + 1);
        else checkLiteral(value, name, budget, depth + 1);
      }
      return;
    case '$and':
    case '$or':
    case '$nor': {
      const queries = list('a list of queries');
      expect(queries.length > 0, 'at least one query');
      for (const query of queries) checkQuery(query, `A query in ${name}`, budget, depth + 1);
      return;
    }
    case '$not':
    case '$elemMatch':
      checkQuery(operand, name, budget, depth + 1);
      return;
    case '$size':
      expect(Number.isSafeInteger(operand) && (operand as number) >= 0, 'an integer from 0');
      return;
    case '$mod': {
      const pair = list('a list of divisor and remainder');
      expect(pair.length === 2 && pair.every(Number.isFinite) && pair[0] !== 0, 'a divisor and a remainder');
      return;
    }
    case '$exists':
      expect(typeof operand === 'boolean', 'true or false');
      return;
    case '$type':
      expect(TYPES.includes(operand), `one of ${TYPES.join(', ')}`);
      return;
    case '$regex':
      expect(typeof operand === 'string', 'a pattern in a string');
      expect(String(operand).length <= MAX_REGEX_LENGTH, `at most ${MAX_REGEX_LENGTH} characters`);
      if (--budget.regexes < 0) refuse(`The query holds more than ${MAX_REGEXES} $regex; say it in fewer`);
      return;
    case '$options':
      expect(typeof operand === 'string' && /^[imsu]{0,4}$/.test(operand), 'letters of i, m, s and u');
      expect(Object.hasOwn(beside, '$regex'), 'a $regex beside it');
      return;
    case '$where':
      refuse('$where is code, which is never run; say it with the other operators');
      break;
    default:
      throw new MicroDBError('INVALID_QUERY', `Unknown operator "${name}".${suggest(name, OPERATORS)}`);
  }
}

/** A value to compare with: JSON, in which nothing is an operator. */
function checkLiteral(value: unknown, where: string, budget: Budget, depth: number): void {
  spend(value, budget, depth);
  if (isScalar(value) || value === null) return;
  if (!Array.isArray(value) && !isPlainObject(value)) {
    const hint = value instanceof RegExp ? '; use $regex with the pattern in a string' : '; expected JSON';
    refuse(`${where} is held against ${value instanceof RegExp ? 'a RegExp' : show(value)}${hint}`);
  }
  for (const member of Object.values(value)) checkLiteral(member, where, budget, depth + 1);
}

function spend(value: unknown, budget: Budget, depth: number): void {
  if (--budget.left < 0) refuse(`The query holds more than ${MAX_QUERY_VALUES} values; ask in several parts`);
  if (depth > MAX_QUERY_DEPTH)
    refuse(`The query nests deeper than ${MAX_QUERY_DEPTH} levels; say it flatter`);
  if (isPlainObject(value) && Object.getPrototypeOf(value) !== Object.prototype) budget.hasForeign = true;
}

function refuse(message: string): never {
  throw new MicroDBError('INVALID_QUERY', `${message}.`);
}
