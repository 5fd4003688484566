import sift from 'sift';
import type { FindOptions, IndexDefinition } from '../../../core/microdb/index.js';

/** A record of the property tests: `a` and `b` are its key. */
export interface Thing {
  readonly a: string | number;
  readonly b: string;
  readonly [field: string]: unknown;
}

export type Write =
  | { readonly op: 'insert'; readonly value: Thing }
  | { readonly op: 'put'; readonly value: Thing }
  | { readonly op: 'update'; readonly a: string | number; readonly b: string; readonly patch: object }
  | { readonly op: 'remove'; readonly a: string | number; readonly b: string };

export type Step =
  | {
      readonly op: 'commit';
      readonly writes: readonly Write[];
      readonly isBatch: boolean;
      readonly fails: boolean;
    }
  | { readonly op: 'createIndex'; readonly name: string; readonly index: IndexDefinition }
  | { readonly op: 'dropIndex'; readonly name: string };

/** What everything is held against: a list of records, searched from one end to the other. Refusals are thrown codes. */
export class Model {
  records: Thing[] = [];
  readonly indexes: Map<string, IndexDefinition>;

  constructor(indexes: { readonly [name: string]: IndexDefinition }) {
    this.indexes = new Map(Object.entries(indexes));
  }

  run(step: Step): void {
    if (step.op === 'commit') {
      const before = [...this.records];
      try {
        for (const write of step.writes) this.write(write);
        if (step.fails) throw 'meant to fail';
      } catch (code) {
        this.records = before;
        throw code;
      }
    } else if (step.op === 'createIndex') {
      this.#createIndex(step.name, step.index);
    } else if (!this.indexes.delete(step.name)) {
      throw 'INVALID_QUERY';
    }
  }

  write(step: Write): void {
    const key = step.op === 'insert' || step.op === 'put' ? step.value : step;
    const at = this.records.findIndex((record) => record.a === key.a && record.b === key.b);
    if (step.op === 'remove') {
      if (at >= 0) this.records.splice(at, 1);
      return;
    }
    if (step.op === 'insert' && at >= 0) throw 'DUPLICATE_KEY';
    if (step.op === 'update' && at < 0) throw 'NOT_FOUND';
    const next = step.op === 'update' ? ({ ...this.records[at], ...step.patch } as Thing) : step.value;
    for (const index of this.indexes.values()) {
      if (this.records.some((record, other) => other !== at && collide(index, record, next)))
        throw 'DUPLICATE_KEY';
    }
    if (at < 0) this.records.push(next);
    else this.records[at] = next;
  }

  /** What a query matches, in no order. */
  matches(query: object): Thing[] {
    return this.records.filter(
      sift.createQueryTester(structuredClone(query) as never, { operations: { ...sift } as never }),
    );
  }

  /** What is found with a sort, in its order. */
  find(query: object, { sort = {}, skip = 0, limit = 1000 }: FindOptions): Thing[] {
    const order = [...Object.entries(sort), ['a', 1], ['b', 1]] as [string, number][];
    const sorted = this.matches(query).sort((one, other) => {
      for (const [field, direction] of order) {
        const difference = compare(one[field], other[field]) * direction;
        if (difference !== 0) return difference;
      }
      return 0;
    });
    return sorted.slice(skip, skip + limit);
  }

  #createIndex(name: string, index: IndexDefinition): void {
    const present = this.indexes.get(name);
    if (present !== undefined) {
      if (JSON.stringify(complete(present)) !== JSON.stringify(complete(index))) throw 'INVALID_DEFINITION';
      return;
    }
    for (const [at, one] of this.records.entries()) {
      if (this.records.slice(0, at).some((other) => collide(index, one, other))) throw 'DUPLICATE_KEY';
    }
    this.indexes.set(name, index);
  }
}

/** The scalars an index finds a record by. */
export function elements(value: unknown): unknown[] {
  const all = Array.isArray(value) ? value.flat(Number.POSITIVE_INFINITY) : [value];
  return all.filter((one) => ['string', 'number', 'boolean'].includes(typeof one));
}

/** Records as JSON that is the same whatever their order, and that of their members. */
export function sortedJson(records: Iterable<object>): string[] {
  return [...records].map((record) => JSON.stringify(record, Object.keys(record).sort())).sort();
}

function collide({ fields, unique }: IndexDefinition, one: Thing, other: Thing): boolean {
  if (unique !== true) return false;
  return fields.every((field) =>
    elements(one[field]).some((value) => elements(other[field]).includes(value)),
  );
}

function complete({ fields, unique = false, ordered = false }: IndexDefinition): unknown {
  return { fields, unique, ordered };
}

function compare(one: unknown, other: unknown): number {
  const ranks = ['undefined', 'number', 'string', 'boolean', 'object'];
  const rank = (value: unknown) => ranks.indexOf(value === null ? 'undefined' : typeof value);
  if (rank(one) !== rank(other)) return rank(one) - rank(other);
  if (rank(one) === 0 || rank(one) === 4 || one === other) return 0;
  return (one as string) < (other as string) ? -1 : 1;
}
