import type { KeyPart } from './key.js';
import type { Table } from './table.js';

/** One mutation. Those of one batch share its revision, and there is at most one for a key. Frozen. */
export interface Change {
  readonly revision: number;
  readonly collection: string;
  /** The parts of the primary key, in the order of the definition. */
  readonly key: readonly KeyPart[];
  readonly op: 'put' | 'remove';
  /** The record now; null where it was removed. */
  readonly value: object | null;
  /** The record before; null where there was none. */
  readonly previous: object | null;
}

/** Says that the changes asked for are no longer all kept: read the records anew, and go on from `revision`. */
export interface Compacted {
  readonly compacted: true;
  readonly revision: number;
}

/** What is told of one commit: its changes; or that some are lost to whoever is told. Frozen. */
export type FeedEvent = readonly Change[] | Compacted;

/** A change as it is kept: from one state of a record to the next; undefined stands for "not there". */
export interface Write {
  readonly revision: number;
  readonly table: Table<object>;
  readonly previous: object | undefined;
  readonly next: object | undefined;
}

/** A write as others see it. */
export function changeOf({ revision, table, previous, next }: Write): Change {
  return Object.freeze({
    revision,
    collection: table.name,
    key: table.partsOf((next ?? previous) as object),
    op: next === undefined ? 'remove' : 'put',
    value: next ?? null,
    previous: previous ?? null,
  });
}
