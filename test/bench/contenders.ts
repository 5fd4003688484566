import Nedb from '@seald-io/nedb';
import type SqliteDatabase from 'better-sqlite3';
import Loki from 'lokijs';
import type { Awaitable } from '../../core/index.js';
import { type Collection, type IndexDefinition, MicroDB, MicroDBError } from '../../core/microdb/index.js';
import { A_NAME, type Instance, recordOf } from './records.js';

/** Which indexes a contender has beside its key: the one that all comparisons are about, and those of one row each. */
export type IndexedBy = 'name' | 'name and id' | 'name and tags' | 'name and registeredAt';

/**
 * A database that is compared. Each method is a loop of its own, so that no contender pays for another's promises, and
 * answers how many records were found, of which each has been touched or copied as its own API does it.
 */
export interface Contender {
  insert(records: readonly Instance[]): Awaitable<void>;
  find(names: readonly string[]): Awaitable<number>;
  get(keys: readonly Pick<Instance, 'name' | 'instance'>[]): Awaitable<number>;
  /** Records with registeredAt from each number to, and without, that number plus `length`. */
  range?(from: readonly number[], length: number): Awaitable<number>;
  tagged?(tags: readonly string[]): Awaitable<number>;
  /** What it takes where that is not Node's heap. */
  bytes?(): number;
}

export class MicroDBContender implements Contender {
  readonly collection: Collection<Instance>;

  constructor(indexedBy: IndexedBy = 'name') {
    const indexes: Record<string, IndexDefinition> = { name: { fields: ['name'] } };
    if (indexedBy === 'name and id') indexes.id = { fields: ['id'], unique: true };
    if (indexedBy === 'name and tags') indexes.tags = { fields: ['tags'] };
    if (indexedBy === 'name and registeredAt') {
      // A version without ordered indexes refuses the definition, which is how the benchmark knows.
      indexes.registeredAt = { fields: ['registeredAt'], ...{ ordered: true } };
    }
    this.collection = new MicroDB().collection('instances', { key: ['name', 'instance'], indexes });
  }

  /** Whether this MicroDB finds records by such an index, and does not look at each of them. */
  static canIndex(indexedBy: IndexedBy): boolean {
    try {
      const { collection } = new MicroDBContender(indexedBy);
      for (let at = 0; at < 10; at++) collection.insert({ ...recordOf(at, 10 * A_NAME) });
      const { tags, registeredAt } = recordOf(0, 10 * A_NAME);
      const query =
        indexedBy === 'name and tags'
          ? { tags: tags[1] as string }
          : { registeredAt: { $lte: registeredAt } };
      return collection.explain(query).examined === 1;
    } catch (error) {
      if (error instanceof MicroDBError && error.code === 'INVALID_DEFINITION') return false;
      throw error;
    }
  }

  insert(records: readonly Instance[]): void {
    for (const record of records) this.collection.insert(record);
  }

  find(names: readonly string[]): number {
    let found = 0;
    for (const name of names) found += this.collection.find({ name }).length;
    return found;
  }

  get(keys: readonly Pick<Instance, 'name' | 'instance'>[]): number {
    let found = 0;
    for (const { name, instance } of keys) if (this.collection.get(name, instance) !== undefined) found++;
    return found;
  }

  range(from: readonly number[], length: number): number {
    let found = 0;
    for (const low of from) {
      found += this.collection.find({ registeredAt: { $gte: low, $lt: low + length } }).length;
    }
    return found;
  }

  tagged(tags: readonly string[]): number {
    let found = 0;
    for (const tag of tags) found += this.collection.find({ tags: tag }).length;
    return found;
  }
}

/** The least that does the same by hand: frozen records by key, and in a list by name. */
export class BareMap implements Contender {
  readonly #records = new Map<string, Instance>();
  readonly #byName = new Map<string, Instance[]>();

  insert(records: readonly Instance[]): void {
    for (const record of records) {
      Object.freeze(record.tags);
      Object.freeze(record.meta);
      Object.freeze(record.checks);
      this.put(Object.freeze(record));
    }
  }

  put(record: Instance): void {
    this.#records.set(`${record.name}\0${record.instance}`, record);
    const group = this.#byName.get(record.name);
    if (group === undefined) this.#byName.set(record.name, [record]);
    else group.push(record);
  }

  find(names: readonly string[]): number {
    let found = 0;
    for (const name of names) found += (this.#byName.get(name)?.slice() ?? []).length;
    return found;
  }

  get(keys: readonly Pick<Instance, 'name' | 'instance'>[]): number {
    let found = 0;
    for (const { name, instance } of keys)
      if (this.#records.get(`${name}\0${instance}`) !== undefined) found++;
    return found;
  }
}

export class LokiContender implements Contender {
  readonly #collection: Loki.Collection<Instance>;

  constructor(indexedBy: IndexedBy = 'name') {
    // It knows no compound key; the second half of ours is unique in these records. Lists it cannot index.
    const indices = indexedBy === 'name and registeredAt' ? ['name', 'registeredAt'] : ['name'];
    this.#collection = new Loki('bench').addCollection('instances', {
      indices,
      unique: ['instance'],
    } as object);
  }

  insert(records: readonly Instance[]): void {
    for (const record of records) this.#collection.insert(record);
  }

  find(names: readonly string[]): number {
    let found = 0;
    for (const name of names) found += this.#collection.find({ name }).length;
    return found;
  }

  get(keys: readonly Pick<Instance, 'name' | 'instance'>[]): number {
    let found = 0;
    for (const { instance } of keys) if (this.#collection.by('instance', instance) !== undefined) found++;
    return found;
  }

  range(from: readonly number[], length: number): number {
    let found = 0;
    // $between includes both ends.
    for (const low of from) {
      found += this.#collection.find({ registeredAt: { $between: [low, low + length - 1] } }).length;
    }
    return found;
  }
}

// Its types say ESM, its code is CommonJS: the class itself is what is imported.
const Datastore = Nedb as unknown as typeof Nedb.default;

/** A promise a call is its API, so it is part of the cost. */
export class NedbContender implements Contender {
  readonly #store = new Datastore<Instance>();

  static async open(indexedBy: IndexedBy = 'name'): Promise<NedbContender> {
    const contender = new NedbContender();
    // Its compound keys make inserts several times slower; the second half of ours is unique in these records.
    await contender.#store.ensureIndexAsync({ fieldName: 'instance', unique: true });
    await contender.#store.ensureIndexAsync({ fieldName: 'name' });
    if (indexedBy === 'name and tags') await contender.#store.ensureIndexAsync({ fieldName: 'tags' });
    if (indexedBy === 'name and registeredAt') {
      await contender.#store.ensureIndexAsync({ fieldName: 'registeredAt' });
    }
    return contender;
  }

  async insert(records: readonly Instance[]): Promise<void> {
    for (const record of records) await this.#store.insertAsync(record);
  }

  async find(names: readonly string[]): Promise<number> {
    let found = 0;
    for (const name of names) found += (await this.#store.findAsync({ name })).length;
    return found;
  }

  async get(keys: readonly Pick<Instance, 'name' | 'instance'>[]): Promise<number> {
    let found = 0;
    for (const { instance } of keys) if ((await this.#store.findOneAsync({ instance })) !== null) found++;
    return found;
  }

  async range(from: readonly number[], length: number): Promise<number> {
    let found = 0;
    for (const low of from) {
      found += (await this.#store.findAsync({ registeredAt: { $gte: low, $lt: low + length } })).length;
    }
    return found;
  }

  async tagged(tags: readonly string[]): Promise<number> {
    let found = 0;
    for (const tag of tags) found += (await this.#store.findAsync({ tags: tag })).length;
    return found;
  }
}

/** The class of better-sqlite3; undefined where it is not there or not built. */
export async function loadSqlite(): Promise<typeof SqliteDatabase | undefined> {
  try {
    const { default: Database } = await import('better-sqlite3');
    new Database(':memory:').close();
    return Database;
  } catch {
    return undefined;
  }
}

/** A record is kept as the text of its JSON beside the columns it is found by, and read back as an object. */
export class SqliteContender implements Contender {
  readonly #database: SqliteDatabase.Database;
  readonly #indexedBy: IndexedBy;

  constructor(Database: typeof SqliteDatabase, indexedBy: IndexedBy = 'name') {
    this.#indexedBy = indexedBy;
    this.#database = new Database(':memory:');
    this.#database.exec(`
      create table instances (name text, instance text, registered_at integer, record text, primary key (name, instance));
      create index by_name on instances (name);`);
    if (indexedBy === 'name and tags') {
      this.#database.exec(`
        create table tags (tag text, instance integer);
        create index by_tag on tags (tag, instance);`);
    }
    if (indexedBy === 'name and registeredAt') {
      this.#database.exec('create index by_registered_at on instances (registered_at)');
    }
  }

  insert(records: readonly Instance[]): void {
    const insert = this.#database.prepare('insert into instances values (?, ?, ?, ?)');
    const tag =
      this.#indexedBy === 'name and tags' && this.#database.prepare('insert into tags values (?, ?)');
    for (const record of records) {
      const { name, instance, registeredAt, tags } = record;
      const { lastInsertRowid } = insert.run(name, instance, registeredAt, JSON.stringify(record));
      if (tag) for (const one of tags) tag.run(one, lastInsertRowid);
    }
  }

  find(names: readonly string[]): number {
    return this.#count(
      'select record from instances where name = ?',
      names.map((name) => [name]),
    );
  }

  get(keys: readonly Pick<Instance, 'name' | 'instance'>[]): number {
    return this.#count(
      'select record from instances where name = ? and instance = ?',
      keys.map(({ name, instance }) => [name, instance]),
    );
  }

  range(from: readonly number[], length: number): number {
    return this.#count(
      'select record from instances where registered_at >= ? and registered_at < ?',
      from.map((low) => [low, low + length]),
    );
  }

  tagged(tags: readonly string[]): number {
    return this.#count(
      'select record from tags join instances on instances.rowid = tags.instance where tag = ?',
      tags.map((tag) => [tag]),
    );
  }

  bytes(): number {
    const pragma = (name: string) => Number(this.#database.pragma(name, { simple: true }));
    return pragma('page_count') * pragma('page_size');
  }

  #count(sql: string, parameters: readonly (readonly (string | number)[])[]): number {
    const statement = this.#database.prepare<(string | number)[], string>(sql).pluck();
    let found = 0;
    for (const one of parameters) {
      for (const text of statement.all(...one)) found += JSON.parse(text) === null ? 0 : 1;
    }
    return found;
  }
}
