/** Statuses from the first to the second, both of them too. */
export type StatusRange = readonly [from: number, to: number];

/** Statuses of final answers. Those that nobody has defined, up to 999, are on the wire too. */
const LEAST = 200;
const MOST = 999;

/** Takes `204`, `'200-299'`, or a list of these apart; answers in words what is wrong with one. */
export function parseStatuses(given: number | string | readonly (number | string)[]): StatusRange[] | string {
  const ranges: StatusRange[] = [];
  for (const one of [given].flat()) {
    const [, from, to = from] = /^(\d{3})(?:-(\d{3}))?$/.exec(String(one)) ?? [];
    const range = [Number(from), Number(to)] as const;
    const isRange = range[0] >= LEAST && range[0] <= range[1] && range[1] <= MOST;
    if (!isRange) {
      return `expected a status such as 204 or a range such as '200-299', from ${LEAST} to ${MOST}, not ${JSON.stringify(one)}`;
    }
    ranges.push(range);
  }
  return ranges;
}

/** Whether a status lies in one of the ranges. */
export function isAmong(ranges: readonly StatusRange[], status: number): boolean {
  return ranges.some(([from, to]) => status >= from && status <= to);
}
