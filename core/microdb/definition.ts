import { MicroDBError, show } from './errors.js';
import { isPlainObject } from './json.js';
import { MAX_FIELDS, MAX_INDEXES, MAX_NAME_LENGTH } from './limits.js';
import { suggest } from './nearest.js';

/**
 * A secondary index: the values of `fields` find the records that have them. A record with a list in one of the fields is
 * found by each of its scalars; of several lists, by each choice of one from each.
 */
export interface IndexDefinition {
  readonly fields: readonly string[];
  /**
   * No two records may have the same values, nor lists with a scalar in common. Records that lack one of the fields are
   * not held against it.
   */
  readonly unique?: boolean;
  /** The records are kept in the order of these values, for ranges and for sorting. It costs more to write to. */
  readonly ordered?: boolean;
}

/** What a collection is made of: the fields of its primary key, and its indexes by name. */
export interface CollectionDefinition {
  readonly key: readonly string[];
  readonly indexes?: { readonly [name: string]: IndexDefinition };
}

/** An index with every default filled in. */
export type CompleteIndex = Required<IndexDefinition>;

/** A definition with every default filled in, frozen; what toJSON writes. */
export interface CompleteDefinition {
  readonly key: readonly string[];
  readonly indexes: { readonly [name: string]: CompleteIndex };
}

/** Checks a definition and fills it in. Throws INVALID_DEFINITION. */
export function completeDefinition(name: string, definition: CollectionDefinition): CompleteDefinition {
  const where = `The collection ${show(name)}`;
  checkName(name, 'The name of a collection');
  if (!isPlainObject(definition))
    refuse(`${where} is defined by ${show(definition)}; expected { key, indexes? }.`);
  checkMembers(definition, ['key', 'indexes'], where);
  const given = definition.indexes ?? {};
  if (!isPlainObject(given))
    refuse(`${where} has ${show(given)} as indexes; expected { name: { fields, unique?, ordered? } }.`);
  const names = Object.keys(given);
  if (names.length > MAX_INDEXES)
    refuse(`${where} has ${names.length} indexes; at most ${MAX_INDEXES} are allowed.`);
  const indexes = names.map(
    (indexName) => [indexName, completeIndex(indexName, given[indexName], where)] as const,
  );
  return Object.freeze({
    key: completeFields(definition.key, `${where}'s key`),
    indexes: Object.freeze(Object.fromEntries(indexes)),
  });
}

/** A definition with one more index. Throws INVALID_DEFINITION, also where one of this name is there and differs. */
export function withIndex(
  name: string,
  definition: CompleteDefinition,
  indexName: string,
  index: IndexDefinition,
): CompleteDefinition {
  const where = `The collection ${show(name)}`;
  const complete = completeIndex(indexName, index, where);
  const present = definition.indexes[indexName];
  if (present !== undefined) {
    if (JSON.stringify(canonicalIndex(present)) === JSON.stringify(canonicalIndex(complete)))
      return definition;
    refuse(`${where} has another index "${indexName}"; drop it first, or take another name.`);
  }
  if (Object.keys(definition.indexes).length >= MAX_INDEXES)
    refuse(`${where} has ${MAX_INDEXES} indexes already; drop one of them.`);
  return withIndexes(definition, { ...definition.indexes, [indexName]: complete });
}

/** A definition without one of its indexes. */
export function withoutIndex(definition: CompleteDefinition, indexName: string): CompleteDefinition {
  const { [indexName]: _, ...indexes } = definition.indexes;
  return withIndexes(definition, indexes);
}

/** Whether two complete definitions say the same. */
export function sameDefinition(a: CompleteDefinition, b: CompleteDefinition): boolean {
  return JSON.stringify(canonical(a)) === JSON.stringify(canonical(b));
}

/** Whether a name could be mistaken for something every object inherits; no field that is indexed or queried may be. */
export function isInheritedName(name: string): boolean {
  return name in Object.prototype;
}

function withIndexes(
  { key }: CompleteDefinition,
  indexes: CompleteDefinition['indexes'],
): CompleteDefinition {
  return Object.freeze({ key, indexes: Object.freeze(indexes) });
}

function completeIndex(name: string, index: unknown, where: string): CompleteIndex {
  checkName(name, `${where}: the name of an index`);
  if (name === 'primary') refuse(`${where} has an index called "primary"; that name is the primary key's.`);
  if (!isPlainObject(index))
    refuse(`${where}: index "${name}" is ${show(index)}; expected { fields, unique?, ordered? }.`);
  checkMembers(index, ['fields', 'unique', 'ordered'], `${where}: index "${name}"`);
  const { fields, unique = false, ordered = false } = index;
  if (typeof unique !== 'boolean')
    refuse(`${where}: index "${name}" has unique ${show(unique)}; expected a boolean.`);
  if (typeof ordered !== 'boolean')
    refuse(`${where}: index "${name}" has ordered ${show(ordered)}; expected a boolean.`);
  return Object.freeze({ fields: completeFields(fields, `${where}: index "${name}"`), unique, ordered });
}

function completeFields(fields: unknown, where: string): readonly string[] {
  if (!Array.isArray(fields) || fields.length === 0 || fields.length > MAX_FIELDS) {
    refuse(`${where} has ${show(fields)} as fields; expected a list of 1 to ${MAX_FIELDS} names.`);
  }
  for (const field of fields) {
    checkName(field, `${where}: a field`);
    if (field.startsWith('$') || field.includes('.')) {
      refuse(`${where} has the field ${show(field)}; expected the name of a member of the record itself.`);
    }
  }
  if (new Set(fields).size < fields.length) refuse(`${where} names a field twice.`);
  return Object.freeze([...fields]);
}

function checkName(name: unknown, what: string): void {
  if (typeof name !== 'string' || name === '' || name.length > MAX_NAME_LENGTH || isInheritedName(name)) {
    refuse(
      `${what} is ${show(name)}; expected 1 to ${MAX_NAME_LENGTH} characters, and no name of Object.prototype.`,
    );
  }
}

function checkMembers(value: object, known: readonly string[], where: string): void {
  for (const member of Object.keys(value)) {
    if (!known.includes(member))
      refuse(`${where} has an unknown member "${member}".${suggest(member, known)}`);
  }
}

function canonicalIndex(index: CompleteIndex | undefined): unknown {
  return [index?.fields, index?.unique, index?.ordered];
}

function canonical(definition: CompleteDefinition): unknown {
  const names = Object.keys(definition.indexes).sort();
  return [definition.key, names.map((name) => [name, canonicalIndex(definition.indexes[name])])];
}

function refuse(message: string): never {
  throw new MicroDBError('INVALID_DEFINITION', message);
}
