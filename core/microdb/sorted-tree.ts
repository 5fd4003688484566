import type { OrderedValue } from './filing.js';
import { compareKeys, compareValues } from './order.js';

/** A place between entries: before or after all those that begin with these values. */
export interface Edge {
  readonly values: readonly OrderedValue[];
  readonly isAfter: boolean;
}

/** Of a million entries in random order: 32 takes twice the memory and a fifth more time, 128 and 256 a tenth and a third. */
const MAX_ENTRIES = 64;
/** A node with fewer is joined to a neighbour where both fit well into one. */
const MIN_ENTRIES = MAX_ENTRIES / 4;
const JOINED_ENTRIES = (MAX_ENTRIES * 3) / 4;

/**
 * A node of the tree. In a leaf stand the entries, in a branch the first entry beneath each child. They are kept in
 * columns, one for each field and one for the records, so that an entry costs no object and a search reads few of them.
 */
interface Node<R> {
  readonly columns: OrderedValue[][];
  readonly records: R[];
  readonly children: Node<R>[] | undefined;
  /** How many entries are beneath each child. */
  readonly sizes: number[];
}

/**
 * Records in the order of some values and, where those are equal, of their primary keys: a B+ tree that also counts, so
 * that what lies between two values is counted without being read. One record may stand there under several values.
 */
export class SortedTree<R extends object> {
  readonly #width: number;
  readonly #key: readonly string[];
  #root: Node<R>;
  #size = 0;

  /** Of entries with so many values each; `key` are the fields of the primary key. */
  constructor(width: number, key: readonly string[]) {
    this.#width = width;
    this.#key = key;
    this.#root = this.#makeNode(false);
  }

  get size(): number {
    return this.#size;
  }

  /** Adds an entry, which must not be there yet. */
  insert(values: readonly OrderedValue[], record: R): void {
    this.#size++;
    const split = this.#insert(this.#root, values, record, true);
    if (split === undefined) return;
    const root = this.#makeNode(true);
    this.#adopt(root, 0, this.#root);
    this.#adopt(root, 1, split);
    this.#root = root;
  }

  /** Puts a record in the place of the one with the same values and key. */
  replace(values: readonly OrderedValue[], previous: R, next: R): void {
    for (let node = this.#root; ; ) {
      const at = this.#upTo(node, values, previous) - 1;
      const { children } = node;
      if (node.records[at] === previous) node.records[at] = next;
      if (children === undefined) return;
      node = children[Math.max(0, at)] as Node<R>;
    }
  }

  remove(values: readonly OrderedValue[], record: R): void {
    if (!this.#remove(this.#root, values, record)) return;
    this.#size--;
    while (this.#root.children?.length === 1) this.#root = this.#root.children[0] as Node<R>;
    if (this.#size === 0) this.#root = this.#makeNode(false);
  }

  /** How many entries come before a place. */
  rank({ values, isAfter }: Edge): number {
    let rank = 0;
    for (let node = this.#root; ; ) {
      const before = this.#upTo(node, values, undefined, isAfter);
      const { children, sizes } = node;
      if (children === undefined) return rank + before;
      if (before === 0) return rank;
      for (let at = 0; at < before - 1; at++) rank += sizes[at] as number;
      node = children[before - 1] as Node<R>;
    }
  }

  /** The first of the values at a position from 0. */
  firstValueAt(position: number): OrderedValue | undefined {
    if (position >= this.#size) return undefined;
    const { leaf, offset } = this.#locate(position);
    return leaf.columns[0]?.[offset];
  }

  /** The records from one position up to another, in order. Nothing may be changed meanwhile. */
  *ascending(from: number, to: number): Iterable<R> {
    for (let position = from; position < to; ) {
      const { leaf, offset } = this.#locate(position);
      const end = Math.min(leaf.records.length, offset + to - position);
      for (let at = offset; at < end; at++) yield leaf.records[at] as R;
      position += end - offset;
    }
  }

  /** The same from the greatest values to the least; those with equal values are still in the order of their keys. */
  *descending(from: number, to: number): Iterable<R> {
    for (let end = to; end > from; ) {
      const { leaf, offset } = this.#locate(end - 1);
      let at = offset;
      // An entry whose neighbour has other values is a run of its own.
      for (; at > 0 && end > from && !this.#isSame(leaf, at, at - 1); at--) {
        yield leaf.records[at] as R;
        end--;
      }
      if (end <= from) return;
      const values = leaf.columns.map((column) => column[at] as OrderedValue);
      const start = Math.max(from, this.rank({ values, isAfter: false }));
      yield* this.ascending(start, end);
      end = start;
    }
  }

  #insert(node: Node<R>, values: readonly OrderedValue[], record: R, isLast: boolean): Node<R> | undefined {
    const at = this.#upTo(node, values, record);
    const { children, sizes } = node;
    if (children === undefined) {
      for (let column = 0; column < this.#width; column++) {
        (node.columns[column] as OrderedValue[]).splice(at, 0, values[column] as OrderedValue);
      }
      node.records.splice(at, 0, record);
      if (node.records.length <= MAX_ENTRIES) return undefined;
      // What only grows at its end, as times and numbers do, leaves full nodes behind.
      return this.#split(node, isLast && at === MAX_ENTRIES ? MAX_ENTRIES : MAX_ENTRIES / 2);
    }
    const child = Math.max(0, at - 1);
    const split = this.#insert(
      children[child] as Node<R>,
      values,
      record,
      isLast && child === children.length - 1,
    );
    sizes[child] = (sizes[child] as number) + 1;
    this.#refresh(node, child);
    if (split === undefined) return undefined;
    this.#adopt(node, child + 1, split);
    sizes[child] = (sizes[child] as number) - (sizes[child + 1] as number);
    return children.length <= MAX_ENTRIES ? undefined : this.#split(node, MAX_ENTRIES / 2);
  }

  #remove(node: Node<R>, values: readonly OrderedValue[], record: R): boolean {
    const at = this.#upTo(node, values, record) - 1;
    const { children, sizes } = node;
    if (children === undefined) {
      if (node.records[at] !== record) return false;
      this.#drop(node, at);
      return true;
    }
    const child = children[at];
    if (child === undefined || !this.#remove(child, values, record)) return false;
    sizes[at] = (sizes[at] as number) - 1;
    if (child.records.length === 0) {
      this.#drop(node, at);
      return true;
    }
    // What stood there would still part the children rightly, but keep a record that is gone in memory.
    this.#refresh(node, at);
    if (child.records.length < MIN_ENTRIES) this.#join(node, at > 0 ? at - 1 : at);
    return true;
  }

  /** Makes one node of a child and the one after it, where they fit. */
  #join(node: Node<R>, at: number): void {
    const left = node.children?.[at];
    const right = node.children?.[at + 1];
    if (left === undefined || right === undefined) return;
    if (left.records.length + right.records.length > JOINED_ENTRIES) return;
    for (const [column, values] of right.columns.entries()) left.columns[column]?.push(...values);
    left.records.push(...right.records);
    left.children?.push(...(right.children ?? []));
    left.sizes.push(...right.sizes);
    node.sizes[at] = (node.sizes[at] as number) + (node.sizes[at + 1] as number);
    this.#drop(node, at + 1);
  }

  /** Takes what stands from `at` on out of a node, into one of its own. */
  #split(node: Node<R>, at: number): Node<R> {
    return {
      columns: node.columns.map((column) => column.splice(at)),
      records: node.records.splice(at),
      children: node.children?.splice(at),
      sizes: node.sizes.splice(at),
    };
  }

  /** Makes a node the child of a branch. */
  #adopt(branch: Node<R>, at: number, child: Node<R>): void {
    for (const [column, values] of child.columns.entries()) {
      branch.columns[column]?.splice(at, 0, values[0] as OrderedValue);
    }
    branch.records.splice(at, 0, child.records[0] as R);
    branch.children?.splice(at, 0, child);
    branch.sizes.splice(at, 0, sizeOf(child));
  }

  #drop(node: Node<R>, at: number): void {
    for (const column of node.columns) column.splice(at, 1);
    node.records.splice(at, 1);
    node.children?.splice(at, 1);
    if (node.children !== undefined) node.sizes.splice(at, 1);
  }

  /** Reads the first entry of a child anew. */
  #refresh(branch: Node<R>, at: number): void {
    const child = branch.children?.[at] as Node<R>;
    for (let column = 0; column < this.#width; column++) {
      (branch.columns[column] as OrderedValue[])[at] = child.columns[column]?.[0] as OrderedValue;
    }
    branch.records[at] = child.records[0] as R;
  }

  /**
   * How many entries of a node are up to these values: those less, and of the equal ones those whose key is not after the
   * record's; without a record all of them where `isAfter`, else none.
   */
  #upTo(node: Node<R>, values: readonly OrderedValue[], record: R | undefined, isAfter = false): number {
    const { columns, records } = node;
    let low = 0;
    let high = records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      let difference = 0;
      for (let at = 0; at < values.length && difference === 0; at++) {
        difference = compareValues(columns[at]?.[middle], values[at]);
      }
      if (difference === 0) {
        if (record === undefined) difference = isAfter ? -1 : 1;
        else difference = compareKeys(records[middle] as R, record, this.#key);
      }
      if (difference <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #locate(position: number): { leaf: Node<R>; offset: number } {
    let offset = position;
    let node = this.#root;
    while (node.children !== undefined) {
      let child = 0;
      while (offset >= (node.sizes[child] as number)) offset -= node.sizes[child++] as number;
      node = node.children[child] as Node<R>;
    }
    return { leaf: node, offset };
  }

  #isSame(leaf: Node<R>, a: number, b: number): boolean {
    return leaf.columns.every((column) => compareValues(column[a], column[b]) === 0);
  }

  #makeNode(isBranch: boolean): Node<R> {
    const columns = Array.from({ length: this.#width }, () => []);
    return { columns, records: [], children: isBranch ? [] : undefined, sizes: [] };
  }
}

function sizeOf<R>({ children, sizes, records }: Node<R>): number {
  return children === undefined ? records.length : sizes.reduce((sum, size) => sum + size, 0);
}
