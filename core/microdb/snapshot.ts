import { z } from 'zod';
import { type CompleteDefinition, completeDefinition } from './definition.js';
import { MicroDBError } from './errors.js';
import { freezeObject } from './json.js';
import { MAX_COLLECTIONS } from './limits.js';
import { Table } from './table.js';

/** A whole database as JSON: what `toJSON` gives and `fromJSON` takes. */
export interface Snapshot {
  /** Of this form of snapshot; another form will have another number. */
  readonly format: 1;
  readonly revision: number;
  readonly collections: readonly CollectionSnapshot[];
}

/** One collection in a {@link Snapshot}: its definition, and its records in the order of insertion. */
export interface CollectionSnapshot extends CompleteDefinition {
  readonly name: string;
  readonly records: readonly object[];
}

const indexSchema = z.strictObject({
  fields: z.array(z.string()),
  unique: z.boolean(),
  // Snapshots made before there were ordered indexes don't say.
  ordered: z.boolean().default(false),
});

const snapshotSchema = z.strictObject({
  format: z.literal(1),
  revision: z.int().min(0),
  collections: z
    .array(
      z.strictObject({
        name: z.string(),
        key: z.array(z.string()),
        indexes: z.record(z.string(), indexSchema),
        records: z.array(z.unknown()),
      }),
    )
    .max(MAX_COLLECTIONS),
});

/** The tables as JSON. The records are the stored ones, not copies. */
export function writeSnapshot(revision: number, tables: readonly Table<object>[]): Snapshot {
  const collections = tables.map(({ name, definition, records }) => ({
    name,
    ...definition,
    records: [...records.values()],
  }));
  return { format: 1, revision, collections };
}

/** The tables a snapshot holds. Throws INVALID_SNAPSHOT, saying which part is wrong. */
export function readSnapshot(json: unknown): { revision: number; tables: Table<object>[] } {
  const { success, data, error } = snapshotSchema.safeParse(json);
  if (!success) {
    throw new MicroDBError('INVALID_SNAPSHOT', `This is no snapshot of MicroDB: ${z.prettifyError(error)}`);
  }
  const names = new Set<string>();
  const tables = data.collections.map(({ name, key, indexes, records }) => {
    const table = within(`collection "${name}"`, () => {
      if (names.has(name)) throw new MicroDBError('INVALID_DEFINITION', 'It is there twice.');
      names.add(name);
      return new Table<object>(name, completeDefinition(name, { key, indexes }));
    });
    for (const [at, record] of records.entries()) {
      within(`record ${at} of collection "${name}"`, () => restore(table, record));
    }
    return table;
  });
  return { revision: data.revision, tables };
}

function restore(table: Table<object>, value: unknown): void {
  const record = freezeObject(value, table.rules);
  const key = table.keyOf(record);
  if (table.records.has(key)) table.refuseDuplicateKey(record);
  table.checkIndexes(record, undefined);
  table.apply(key, undefined, record);
}

function within<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MicroDBError('INVALID_SNAPSHOT', `The snapshot's ${where} can't be read: ${reason}`, { cause });
  }
}
