import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareKeys, compareValues } from '../../../core/microdb/order.js';
import { SortedTree } from '../../../core/microdb/sorted-tree.js';

interface Row {
  readonly id: number;
  readonly values: readonly (string | number | null)[];
}

function compareRows(one: Row, other: Row): number {
  for (const [at, value] of one.values.entries()) {
    const difference = compareValues(value, other.values[at]);
    if (difference !== 0) return difference;
  }
  return compareKeys(one, other, ['id']);
}

/** By value downwards, but those with equal values by key upwards. */
function compareDownwards(one: Row, other: Row): number {
  return compareRows({ ...other, id: 0 }, { ...one, id: 0 }) || one.id - other.id;
}

const value = fc.oneof(fc.integer({ min: -40, max: 40 }), fc.constantFrom('', 'p', 'q', null));
const growing = fc.integer({ min: 0, max: 1_000_000 });

/** Long runs of adding and removing, so that nodes are split and joined at several levels. */
const phases = fc.array(
  fc.record({
    count: fc.integer({ min: 1, max: 3000 }),
    isRemoving: fc.boolean(),
    isGrowing: fc.boolean(),
    values: fc.array(fc.tuple(value, growing), { minLength: 7, maxLength: 13 }),
  }),
  { minLength: 1, maxLength: 5 },
);

describe('a sorted tree', () => {
  it('holds, counts and reads what a sorted array would, however it grew and shrank', () => {
    fc.assert(
      fc.property(phases, fc.array(fc.tuple(value, fc.boolean()), { maxLength: 10 }), (all, edges) => {
        const tree = new SortedTree<Row>(2, ['id']);
        let rows: Row[] = [];
        let id = 0;
        for (const { count, isRemoving, isGrowing, values } of all) {
          if (isRemoving) {
            // Every other one, then the rest from one end, leaves no node as it was.
            const leaving = rows.filter((row, at) => at < count && (isGrowing || row.id % 2 === 0));
            for (const row of leaving) tree.remove(row.values, row);
            const gone = new Set(leaving);
            rows = rows.filter((row) => !gone.has(row));
          } else {
            for (let at = 0; at < count; at++) {
              const [first, second] = values[at % values.length] as [string | number | null, number];
              id++;
              const row = { id, values: isGrowing ? [id, 0] : [first, (second + at) % 7] };
              tree.insert(row.values, row);
              rows.push(row);
            }
          }
          const at = rows.length >> 1;
          const previous = rows[at];
          if (previous !== undefined) {
            const next = { ...previous };
            tree.replace(previous.values, previous, next);
            rows[at] = next;
          }
          rows.sort(compareRows);
          expect(tree.size).toBe(rows.length);
          expect([...tree.ascending(0, tree.size)].every((row, place) => row === rows[place])).toBe(true);
        }
        const downwards = rows.toSorted(compareDownwards);
        const read = [...tree.descending(0, tree.size)];
        expect(read.every((row, place) => row === downwards[place])).toBe(true);
        expect(read.length).toBe(rows.length);
        for (const [first, isAfter] of edges) {
          const rank = rows.filter((row) => {
            const difference = compareValues(row.values[0], first);
            return difference < 0 || (difference === 0 && isAfter);
          }).length;
          expect(tree.rank({ values: [first], isAfter })).toBe(rank);
          expect(tree.firstValueAt(rank)).toBe(rows[rank]?.values[0]);
          const some = [...tree.ascending(rank, Math.min(rows.length, rank + 100))];
          expect(some).toEqual(rows.slice(rank, rank + 100));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('holds nothing after all is removed, in any order', () => {
    const tree = new SortedTree<Row>(1, ['id']);
    const rows = Array.from({ length: 10_000 }, (_, id) => ({ id, values: [(id * 7919) % 5000] }));
    for (const row of rows) tree.insert(row.values, row);
    for (let at = 0; at < rows.length; at++) {
      const row = rows[(at * 3) % rows.length] as Row;
      tree.remove(row.values, row);
      // What isn't there can't be removed twice.
      tree.remove(row.values, row);
    }
    expect(tree.size).toBe(0);
    expect([...tree.ascending(0, 0)]).toEqual([]);
    expect(tree.firstValueAt(0)).toBeUndefined();
  });
});
