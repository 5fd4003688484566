import type { Draft, Shelf } from './catalogue.js';
import { deepFreeze, type JsonObject } from './json.js';
import type { Batch, Collection, MicroDB } from './microdb/index.js';
import type { StoredEntry } from './store.js';

interface Document {
  readonly key: string;
  readonly value: JsonObject;
  readonly revision: number;
}

/** Holds one collection of plain documents in MicroDB: a plugin's, or one whose plugin is no longer loaded. */
export class DocumentShelf implements Shelf {
  readonly collections: readonly string[];
  readonly documents: Collection<Document>;

  constructor(db: MicroDB, collection: string) {
    this.collections = [collection];
    this.documents = db.collection<Document>(`plugin:${collection}`, { key: ['key'] });
  }

  load({ key, value, revision }: Omit<StoredEntry, 'value'> & { readonly value: JsonObject | null }): void {
    if (value === null) this.documents.unload(key);
    else this.documents.load(Object.freeze({ key, value: deepFreeze(value), revision }));
  }

  apply(changes: readonly Draft[], revision: number, batch: Batch | undefined): void {
    const writer = batch?.collection<Document>(this.documents.name) ?? this.documents;
    const options = batch === undefined ? { frozen: true, revision } : { frozen: true };
    for (const { key, value } of changes) {
      if (value === null) writer.remove(key);
      else writer.put(Object.freeze({ key, value, revision }), options);
    }
  }

  valueOf(_: string, key: string): JsonObject | undefined {
    return this.documents.get(key)?.value;
  }

  revisionOf(_: string, key: string): number | undefined {
    return this.documents.get(key)?.revision;
  }

  *entries(): Iterable<StoredEntry> {
    const [collection = ''] = this.collections;
    for (const document of this.documents) yield { collection, ...document };
  }
}
