import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CommandInput, commandJsonSchema, commandSchema } from '../../core/microdb/index.js';

const published: object = JSON.parse(
  readFileSync(new URL('../../docs/microdb.schema.json', import.meta.url), 'utf8'),
);
const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(published);
const isValid = (command: unknown): boolean => validate(command) as boolean;

test('docs/microdb.schema.json is what the code says; where it is not, `npm run schema` writes it anew', () => {
  expect(published).toEqual(JSON.parse(JSON.stringify(commandJsonSchema())));
});

const collection = 'books';
const good: readonly CommandInput[] = [
  { op: 'collections' },
  { op: 'createCollection', collection, key: ['id'] },
  { op: 'createCollection', collection, key: ['a', 'b'], indexes: { c: { fields: ['c'], unique: true } } },
  { op: 'dropCollection', collection, revision: 9 },
  { op: 'createIndex', collection, index: 'year', definition: { fields: ['year'], ordered: true } },
  { op: 'dropIndex', collection, index: 'year' },
  { op: 'insert', collection, value: { id: 1, deep: [{ list: [null, 1.5, 'a', true] }] } },
  { op: 'put', collection, value: {}, revision: 1 },
  { op: 'update', collection, key: 1, patch: { title: 'a' }, unset: ['year'] },
  { op: 'updateMany', collection, query: { year: { $gt: 1900 } }, patch: {}, limit: 5 },
  { op: 'remove', collection, key: ['a', 2] },
  { op: 'removeMany', collection, query: {} },
  { op: 'get', collection, key: 'a' },
  { op: 'getBy', collection, index: 'isbn', values: ['a'] },
  { op: 'by', collection, index: 'year', values: [1843, true], limit: 0, skip: 10 },
  { op: 'countBy', collection, index: 'year', values: [1843] },
  { op: 'valuesOf', collection, index: 'year' },
  { op: 'find', collection },
  { op: 'find', collection, query: { $or: [{ a: 1 }, { b: { $in: [1] } }] }, sort: { a: -1 }, limit: 10_000 },
  { op: 'count', collection, query: {} },
  { op: 'explain', collection, query: { year: 1 }, sort: { year: 1 }, limit: 1, skip: 1 },
  {
    op: 'batch',
    commands: [
      { op: 'get', collection, key: 1 },
      { op: 'removeMany', collection, query: {} },
    ],
  },
  { op: 'changes', since: 0, collection, limit: 1 },
];

const bad: readonly unknown[] = [
  null,
  [],
  {},
  { op: 'instert', collection, value: {} },
  { op: 'insert', collection },
  { op: 'insert', collection, value: [] },
  { op: 'get', collection, key: [] },
  { op: 'get', collection, key: true },
  { op: 'get', collection, key: 1, limit: 1 },
  { op: 'removeMany', collection },
  { op: 'createIndex', collection, index: 'year' },
  { op: 'createIndex', collection, index: 'year', definition: { fields: ['year'], sorted: true } },
  { op: 'find', collection, limit: 10_001 },
  { op: 'find', collection, limit: 0.5 },
  { op: 'find', collection, sort: { a: 2 } },
  { op: 'changes', since: -1 },
  { op: 'put', collection, value: {}, revision: 0 },
  { op: 'batch', commands: [{ op: 'batch', commands: [] }] },
  { op: 'batch', commands: [{ op: 'put', collection, value: {}, revision: 4 }] },
  { op: 'createCollection', collection, key: ['id'], indexes: { a: {} } },
];

describe('a validator that knows nothing of the code', () => {
  test.each(good.map((command) => ({ command, name: JSON.stringify(command) })))(
    'accepts $name',
    ({ command }) => {
      expect(isValid(command), JSON.stringify(validate.errors)).toBe(true);
    },
  );

  test.each(bad.map((command) => ({ command, name: JSON.stringify(command) })))(
    'refuses $name',
    ({ command }) => {
      expect(isValid(command)).toBe(false);
    },
  );

  test('is shown every operation', () => {
    const operations = commandSchema.options.map((option) => option.shape.op.value);
    expect([...new Set(good.map(({ op }) => op))].sort()).toEqual([...operations].sort());
  });

  test('thinks of any command what the database thinks', () => {
    const odd = fc.constantFrom<unknown>(
      ...[null, -1, 0, 1.5, 10_001, '', 'get', [], ['a'], {}, { a: 1 }, true],
    );
    const members = [...new Set(good.flatMap((command) => Object.keys(command)))];
    const property = fc.property(
      fc.constantFrom(...good),
      fc.constantFrom('more', ...members),
      fc.option(odd, { nil: undefined }),
      (command, member, value) => {
        // One member replaced, added, or taken out.
        const { [member]: _, ...others } = command as Record<string, unknown>;
        const changed = value === undefined ? others : { ...others, [member]: value };
        expect({ changed, isValid: isValid(changed) }).toEqual({
          changed,
          isValid: commandSchema.safeParse(changed).success,
        });
      },
    );
    fc.assert(property, { numRuns: 2000 });
  });
});
