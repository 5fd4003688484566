/** One line of the benchmarks' report: a ratio to something measured in the same run. */
export interface BenchRow {
  readonly name: string;
  readonly ratio: number;
  /** What the ratio is to. */
  readonly against: string;
  /** What the ratio should reach (or stay under); 0 where it is only reported. */
  readonly target: number;
  readonly better: 'higher' | 'lower';
  readonly note?: string;
}

/** The middle one of the values, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >>> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** A row as people read it. */
export function showRow(row: BenchRow): string {
  const isMet = row.better === 'higher' ? row.ratio >= row.target : row.ratio <= row.target;
  const sign = row.better === 'higher' ? '>=' : '<=';
  const verdict = row.target === 0 ? '' : ` (target ${sign} ${row.target}: ${isMet ? 'met' : 'MISSED'})`;
  return `${row.name}: ${row.ratio.toFixed(2)} of ${row.against}${verdict}${row.note ? `; ${row.note}` : ''}`;
}
