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
  /** Why it could not be measured on this machine; the ratio is then not a number. */
  readonly skipped?: string;
}

/** What one benchmark found: its rows, and its plots by file name. */
export interface BenchReport {
  readonly rows: readonly BenchRow[];
  readonly plots?: { readonly [file: string]: string };
}

/** The row of something that this machine lacks what is needed for, such as `etcd`. */
export function skippedRow(name: string, against: string, skipped: string): BenchRow {
  return { name, ratio: Number.NaN, against, target: 0, better: 'higher', skipped };
}

/** The middle one of the values, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >>> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The median over the rounds of what one took to what the other did in the same round. */
export function ratioOf(values: readonly number[], to: readonly number[]): number {
  return median(values.map((value, round) => value / (to[round] ?? Number.NaN)));
}

/** A row as people read it. */
export function showRow(row: BenchRow): string {
  if (row.skipped !== undefined) return `${row.name}, to ${row.against}: skipped: ${row.skipped}`;
  const verdict = row.target === 0 ? '' : ` (target ${showTarget(row)}: ${isMet(row) ? 'met' : 'MISSED'})`;
  return `${row.name}: ${row.ratio.toFixed(2)} of ${row.against}${verdict}${row.note ? `; ${row.note}` : ''}`;
}

/** Rows as a table in Markdown, its columns aligned. */
export function showTable(rows: readonly BenchRow[]): string {
  const lines = rows.map((row) => [
    row.name,
    row.against,
    row.skipped === undefined ? row.ratio.toFixed(2) : `skipped: ${row.skipped}`,
    row.skipped !== undefined || row.target === 0
      ? 'reported'
      : `${showTarget(row)}${isMet(row) ? '' : ': missed'}`,
    row.note ?? '',
  ]);
  const head = ['what', 'to', 'ratio', 'target', 'figures'];
  const widths = head.map((title, at) =>
    Math.max(title.length, ...lines.map((line) => line[at]?.length ?? 0)),
  );
  const show = (cells: readonly string[]) =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  return [show(head), show(widths.map((width) => '-'.repeat(width))), ...lines.map(show)].join('\n');
}

function isMet(row: BenchRow): boolean {
  return row.better === 'higher' ? row.ratio >= row.target : row.ratio <= row.target;
}

function showTarget({ better, target }: BenchRow): string {
  return `${better === 'higher' ? '>=' : '<='} ${target}`;
}
