import { RegistryError } from '../errors.js';
import { KeptByRevision } from '../kept-by-revision.js';
import { type Collection, type FindOptions, MicroDBError, type Query } from '../microdb/index.js';
import type { ServiceRecord } from './record.js';
import { SortedIds } from './sorted-ids.js';

/** The instances a caller may use, and, in mass silence, those that fell silent in it, as they were last known. */
export interface Lookup {
  readonly records: readonly ServiceRecord[];
  readonly stale: readonly ServiceRecord[];
}

const NONE: readonly ServiceRecord[] = Object.freeze([]);
/** What a lookup found among fewer instances is sooner found again than kept. */
const FEWEST_KEPT = 64;
/** Instances in all that is kept: 8 MB of references. */
const MOST_KEPT = 1_000_000;
/** Records that are gone through without a pause; fewer the wider a query is, since it is held against each. */
const STRIDE = 100;
/** How many values a query may hold for that; with so many as the second, where one record may cost 10 ms, it is one record. */
const NARROW = 10;
const WIDEST = STRIDE * NARROW;
/** A query that an index narrows to so few is answered from there, and put in order: more are sooner met on a walk by id. */
const MANY = 50_000;

/** What can be asked of the service records. All of it answers from memory, and copies no record. */
export abstract class ServiceReads {
  /** Whose turn it is among the instances of a name. */
  readonly #turns = new Map<string, number>();
  readonly #kept = new KeptByRevision<Lookup>(MOST_KEPT);
  readonly #lastChange = (name: string) => this.lastChange(name);
  readonly #ids = new SortedIds();
  /** How many instances of a name do not run, where any: most registrations and heartbeats then change nothing here. */
  readonly #down = new Map<string, number>();

  protected abstract get records(): Collection<ServiceRecord>;

  /** The revision at which a record of this name last changed. */
  abstract lastChange(name: string): number;

  /** Whether so many fell silent at once that none of them is given up, and lookups answer them as stale. */
  abstract get isMassSilent(): boolean;

  /** Whether an instance is answered although it is silent: it fell silent with many others. */
  abstract isStale(record: ServiceRecord): boolean;

  /** How long an instance's lease still runs; undefined where it has none, it has ended, or another server keeps it. */
  abstract leaseLeftMs(record: ServiceRecord): number | undefined;

  /** To be told of every record that comes, changes or goes. */
  protected follow(record: ServiceRecord | undefined, previous: ServiceRecord | undefined): void {
    if (record?.id !== previous?.id) {
      if (previous !== undefined) this.#ids.remove(previous.id);
      if (record !== undefined) this.#ids.add(record.id);
    }
    const change = Number(isDown(record)) - Number(isDown(previous));
    if (change !== 0) this.#countDown((record ?? previous)?.name ?? '', change);
  }

  /** A name has no instances any more. */
  protected endTurns(name: string): void {
    this.#turns.delete(name);
  }

  get(id: number): ServiceRecord | undefined {
    return this.records.getBy('id', id);
  }

  instance(name: string, instance: string): ServiceRecord | undefined {
    return this.records.get(name, instance);
  }

  /** All instances of a name, whatever their status. */
  instances(name: string): Iterable<ServiceRecord> {
    return this.records.by('name', name);
  }

  /** How many instances a name has, whatever their status. */
  countOf(name: string): number {
    return this.records.countBy('name', name);
  }

  /** The names of all services, each with its number of instances and of those that run. Nothing is gone through for it. */
  *names(): Iterable<{ name: string; instances: number; running: number }> {
    for (const value of this.records.valuesOf('name')) {
      const name = String(value);
      const instances = this.countOf(name);
      yield { name, instances, running: instances - (this.#down.get(name) ?? 0) };
    }
  }

  /** Records by a JSON query, with the operators of sift. INVALID_QUERY, which lists them. */
  find(query: Query = {}, options: FindOptions = {}): readonly ServiceRecord[] {
    return asInvalidQuery(() => this.records.find(query, options));
  }

  /**
   * The records that a query asks for, in the order of their ids, from the first one above `after`. Ids rise and are never
   * used again, so that who goes on after the last one he got misses none and gets none twice, whatever changes
   * meanwhile. It may be left at any step, for as long as one likes, and goes on with what there is then; `undefined` is
   * a step that found nothing. INVALID_QUERY, at the first step.
   */
  *search(query: Query = {}, after = 0): Generator<ServiceRecord | undefined, void, void> {
    const { examined, index } = asInvalidQuery(() => this.records.explain(query));
    const stride = this.strideOf(query);
    if (examined <= stride) {
      const found = this.find(query).filter(({ id }) => id > after);
      yield* this.#inOrder(found, () => this.matcher(query), stride);
    } else if (index !== null && examined <= MANY) {
      yield* this.#collect(query, after);
    } else {
      yield* this.#walk(query, after);
    }
  }

  /** How many records a query may be held against without a pause: a hundred, and fewer the more it holds. */
  strideOf(query: Query): number {
    return Math.max(1, Math.floor(WIDEST / Math.max(NARROW, widthOf(query))));
  }

  /** Whether a query asks for a record: for who goes through records himself. INVALID_QUERY. */
  matcher(query: Query): (record: ServiceRecord) => boolean {
    return asInvalidQuery(() => this.records.matcher(query));
  }

  /** How {@link find} orders by some members: for who has the records already. INVALID_QUERY. */
  comparison(sort: NonNullable<FindOptions['sort']>): (a: ServiceRecord, b: ServiceRecord) => number {
    return asInvalidQuery(() => this.records.comparison(sort));
  }

  count(query?: Query): number {
    return query === undefined ? this.records.size : asInvalidQuery(() => this.records.count(query));
  }

  /** Every record, one after another; changes made meanwhile may or may not be met. */
  traverse(): Iterable<ServiceRecord> {
    return this.records;
  }

  /** The instances of a name that may be called: the running ones; where none runs, the degraded ones. */
  lookup(name: string, query?: Query): Lookup {
    if (query !== undefined) return this.#callable(this.find({ $and: [{ name }, query] }));
    // In mass silence instances become stale, and cease to be, without a change.
    if (this.countOf(name) < FEWEST_KEPT || this.isMassSilent) return this.#callable(this.instances(name));
    const kept = this.#kept.get(name, this.#lastChange);
    if (kept !== undefined) return kept;
    const found = this.#callable(this.instances(name));
    this.#kept.keep(name, this.lastChange(name), found, found.records.length + found.stale.length);
    return found;
  }

  /** One instance of a name that may be called, another at each call. */
  next(name: string): ServiceRecord | undefined {
    const count = this.countOf(name);
    if (count < FEWEST_KEPT && !this.#down.has(name)) {
      // All run, or did a moment ago, so only that one is looked at: in a large registry each look is a wait for memory.
      let left = count < 2 ? 0 : this.#turnOf(name) % count;
      for (const record of this.instances(name))
        if (left-- === 0 && record.status === 'running') return record;
    }
    const { records, stale } = this.lookup(name);
    return this.#turn(name, records.length > 0 ? records : stale);
  }

  /** One instance of a name, of any status, another at each call. */
  nextOfAny(name: string): ServiceRecord | undefined {
    return this.#turn(name, [...this.instances(name)]);
  }

  #callable(instances: Iterable<ServiceRecord>): Lookup {
    const running: ServiceRecord[] = [];
    const degraded: ServiceRecord[] = [];
    const stale: ServiceRecord[] = [];
    for (const record of instances) {
      if (record.status === 'running') running.push(record);
      else if (record.status === 'degraded') degraded.push(record);
      else if (this.isStale(record)) stale.push(record);
    }
    return { records: running.length > 0 ? running : degraded, stale: stale.length > 0 ? stale : NONE };
  }

  #countDown(name: string, change: number): void {
    const count = (this.#down.get(name) ?? 0) + change;
    if (count > 0) this.#down.set(name, count);
    else this.#down.delete(name);
  }

  /** From what an index leaves for a query. */
  *#collect(query: Query, after: number) {
    const isAskedFor = this.matcher(query);
    const stride = this.strideOf(query);
    const found: ServiceRecord[] = [];
    let seen = 0;
    for (const record of this.records.candidates(query)) {
      if (record.id > after && isAskedFor(record)) found.push(record);
      if (++seen % stride === 0) yield undefined;
    }
    yield* this.#inOrder(found, () => isAskedFor, stride);
  }

  /** Those of the records found that are still there and asked for when their turn comes. */
  *#inOrder(found: ServiceRecord[], matcher: () => (record: ServiceRecord) => boolean, stride: number) {
    let isAskedFor: ReturnType<typeof matcher> | undefined;
    let seen = 0;
    for (const record of found.sort((a, b) => a.id - b.id)) {
      const current = this.get(record.id);
      if (current === record) {
        yield current;
        continue;
      }
      // Changed since it was found. A whole service may have, at once: what is held against it is made once.
      if (current !== undefined) {
        isAskedFor ??= matcher();
        if (isAskedFor(current)) yield current;
      }
      if (++seen % stride === 0) yield undefined;
    }
  }

  /** By a look at every record, in the order of ids. */
  *#walk(query: Query, after: number) {
    const isAskedFor = this.matcher(query);
    const stride = this.strideOf(query);
    for (let last = after; ; ) {
      const ids = this.#ids.after(last, stride);
      for (const id of ids) {
        const record = this.get(id);
        if (record !== undefined && isAskedFor(record)) yield record;
      }
      if (ids.length < stride) return;
      last = ids.at(-1) as number;
      yield undefined;
    }
  }

  #turn(name: string, records: readonly ServiceRecord[]): ServiceRecord | undefined {
    return records.length < 2 ? records[0] : records[this.#turnOf(name) % records.length];
  }

  #turnOf(name: string): number {
    const turn = this.#turns.get(name) ?? 0;
    this.#turns.set(name, turn + 1);
    return turn;
  }
}

/** How many values a query holds, as far as that matters here. Not checked yet, it may be anything. */
function widthOf(query: Query): number {
  const left: unknown[] = [query];
  let width = 0;
  while (left.length > 0 && width < WIDEST) {
    const value = left.pop();
    if (typeof value !== 'object' || value === null) continue;
    const members = Object.values(value);
    // A pattern may take as long as thousands of values.
    width += Object.hasOwn(value, '$regex') ? WIDEST : members.length;
    if (width < WIDEST) left.push(...members);
  }
  return width;
}

function isDown(record: ServiceRecord | undefined): boolean {
  return record !== undefined && record.status !== 'running';
}

function asInvalidQuery<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof MicroDBError)) throw error;
    throw new RegistryError('INVALID_QUERY', error.message, { cause: error });
  }
}
