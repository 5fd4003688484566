import { MicroDBError, show } from './errors.js';
import { isPlainObject } from './json.js';
import { MAX_FIELDS, MAX_INDEXES, MAX_NAME_LENGTH } from './limits.js';
import { suggest } from './nearest.js';

/** A secondary index: the values of `fields` find the records that have them. */
export interface IndexDefinition {
  readonly fields: readonly string[];
  /** No two records may have the same values. Records that lack one of the fields are not held against it. */
  readonly unique?: boolean;
}

/** What a collection is made of: the fields of its primary key, and its indexes by name. */
export interface CollectionDefinition {
  readonly key: readonly string[];
  readonly indexes?: { readonly [name: string]: IndexDefinition };
}

/** A definition with every default filled in, frozen; what toJSON writes. */
export interface CompleteDefinition {
  readonly key: readonly string[];
  readonly indexes: { readonly [name: string]: Required<IndexDefinition> };
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
    refuse(`${where} has ${show(given)} as indexes; expected { name: { fields, unique? } }.`);
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

/** Whether two complete definitions say the same. */
export function sameDefinition(a: CompleteDefinition, b: CompleteDefinition): boolean {
  return JSON.stringify(canonical(a)) === JSON.stringify(canonical(b));
}

/** Whether a name could be mistaken for something every object inherits; no field that is indexed or queried may be. */
export function isInheritedName(name: string): boolean {
  return name in Object.prototype;
}

function completeIndex(name: string, index: unknown, where: string): Required<IndexDefinition> {
  checkName(name, `${where}: the name of an index`);
  if (name === 'primary') refuse(`${where} has an index called "primary"; that name is the primary key's.`);
  if (!isPlainObject(index))
    refuse(`${where}: index "${name}" is ${show(index)}; expected { fields, unique? }.`);
  checkMembers(index, ['fields', 'unique'], `${where}: index "${name}"`);
  const { fields, unique = false } = index;
  if (typeof unique !== 'boolean')
    refuse(`${where}: index "${name}" has unique ${show(unique)}; expected a boolean.`);
  return Object.freeze({ fields: completeFields(fields, `${where}: index "${name}"`), unique });
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

function canonical(definition: CompleteDefinition): unknown {
  const names = Object.keys(definition.indexes).sort();
  return [
    definition.key,
    names.map((name) => [name, definition.indexes[name]?.fields, definition.indexes[name]?.unique]),
  ];
}

function refuse(message: string): never {
  throw new MicroDBError('INVALID_DEFINITION', message);
}
