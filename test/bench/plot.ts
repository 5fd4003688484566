/** One bar of {@link plotBars}. */
export interface Bar {
  readonly label: string;
  readonly value: number;
}

/** One line of {@link plotLines}. */
export interface Line {
  readonly label: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** Lines over axes that are both logarithmic. */
export interface LinePanel {
  readonly title: string;
  readonly xLabel: string;
  /** With its unit. */
  readonly yLabel: string;
  readonly lines: readonly Line[];
}

/** Maps a value to its place, and says which values the axis marks. */
interface Axis {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
}

const MARGIN = 24;
const GAP = 40;
const HEAD = 48;
/** Colours with enough contrast on white and on black, told apart by those who see no red or green, too. */
const STYLE = `
  .back { fill: #ffffff } text { fill: #24292f; font: 12px system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif }
  .title { font-size: 15px; font-weight: 600 } .panel { font-size: 13px; font-weight: 600 } .quiet { fill: #57606a }
  .grid { stroke: #d0d7de } .axis { stroke: #8c959f } .line { fill: none; stroke-width: 2 }
  .first { fill: #0969da; stroke: #0969da } .second { fill: #bc4c00; stroke: #bc4c00 } .other { fill: #8c959f }
  .line.first, .line.second { fill: none } .bar { stroke: none }
  @media (prefers-color-scheme: dark) {
    .back { fill: #0d1117 } text { fill: #e6edf3 } .quiet { fill: #9198a1 } .grid { stroke: #30363d } .axis { stroke: #6e7681 }
    .first { fill: #58a6ff; stroke: #58a6ff } .second { fill: #f0883e; stroke: #f0883e } .other { fill: #6e7681 }
  }`;

/** An SVG of line charts side by side, each line the same colour in all of them. At most two lines. */
export function plotLines(title: string, panels: readonly LinePanel[]): string {
  const [width, height] = [340, 240];
  const left = 64;
  const parts: string[] = [];
  const names = panels[0]?.lines.map(({ label }) => label) ?? [];
  let legendAt = MARGIN;
  for (const [index, name] of names.entries()) {
    parts.push(
      `<path class="line ${classOf(index)}" d="M${legendAt} ${HEAD + 10}h24"/>`,
      text(legendAt + 30, HEAD + 14, name),
    );
    legendAt += 30 + textWidth(name) + 24;
  }
  const top = HEAD + 60;
  for (const [index, panel] of panels.entries()) {
    const x0 = MARGIN + left + index * (left + width + GAP);
    const points = panel.lines.flatMap((line) => line.points);
    const x = logAxis(
      points.map((point) => point.x),
      x0,
      x0 + width,
    );
    const y = logAxis(
      points.map((point) => point.y),
      top + height,
      top,
    );
    parts.push(text(x0, top - 14, panel.title, 'panel'));
    for (const tick of y.ticks) {
      parts.push(`<path class="grid" d="M${x0} ${px(y.at(tick))}h${width}"/>`);
      parts.push(text(x0 - 8, y.at(tick) + 4, showNumber(tick), 'quiet', 'end'));
    }
    // The numbers under the axis are the powers of ten; what lies between has only its line.
    for (const tick of x.ticks) {
      parts.push(`<path class="grid" d="M${px(x.at(tick))} ${top}v${height}"/>`);
      if (isDecade(tick))
        parts.push(text(x.at(tick), top + height + 18, showNumber(tick), 'quiet', 'middle'));
    }
    parts.push(`<path class="axis" fill="none" d="M${x0} ${top}v${height}h${width}"/>`);
    parts.push(text(x0 + width / 2, top + height + 38, panel.xLabel, 'quiet', 'middle'));
    const middle = px(top + height / 2);
    parts.push(
      `<text class="quiet" text-anchor="middle" transform="translate(${x0 - 52} ${middle}) rotate(-90)">${escaped(panel.yLabel)}</text>`,
    );
    for (const [at, line] of panel.lines.entries()) {
      const places = line.points.map((point) => `${px(x.at(point.x))} ${px(y.at(point.y))}`);
      parts.push(`<path class="line ${classOf(at)}" d="M${places.join('L')}"/>`);
      for (const place of places) {
        const [cx, cy] = place.split(' ');
        parts.push(`<circle class="${classOf(at)}" cx="${cx}" cy="${cy}" r="3.5"/>`);
      }
      parts.push(...labelsOf(panel.lines, at, x, y));
    }
  }
  const full = MARGIN * 2 + panels.length * (left + width) + (panels.length - 1) * GAP;
  return svg(title, full, top + height + 38 + MARGIN, parts);
}

/** An SVG of bar charts, two in a row, each with its own scale; the bars of one label are set off. */
export function plotBars(
  title: string,
  panels: readonly { readonly title: string; readonly bars: readonly Bar[] }[],
  highlight: string,
): string {
  const [left, width, right, row] = [108, 230, 52, 24];
  const column = left + width + right;
  const most = Math.max(...panels.map(({ bars }) => bars.length));
  const height = most * row;
  const parts: string[] = [];
  for (const [index, { title: name, bars }] of panels.entries()) {
    const x0 = MARGIN + left + (index % 2) * (column + GAP);
    const top = HEAD + 34 + Math.floor(index / 2) * (height + 78);
    const values = bars.map(({ value }) => value);
    // Bars begin at zero where they can be compared so.
    const isLog = Math.max(...values) > 20 * Math.min(...values);
    const axis = isLog ? logAxis(values, x0, x0 + width, true) : linearAxis(values, x0, x0 + width);
    parts.push(text(x0 - left, top - 12, name, 'panel'));
    for (const tick of axis.ticks) {
      parts.push(`<path class="grid" d="M${px(axis.at(tick))} ${top}v${bars.length * row}"/>`);
      parts.push(text(axis.at(tick), top + bars.length * row + 16, showNumber(tick), 'quiet', 'middle'));
    }
    if (isLog) parts.push(text(x0 - left, top + bars.length * row + 16, 'log scale', 'quiet'));
    for (const [at, { label, value }] of bars.entries()) {
      const y = top + at * row;
      const end = axis.at(value);
      const look = label === highlight ? 'first' : 'other';
      parts.push(
        `<rect class="bar ${look}" x="${x0}" y="${y + 4}" width="${px(end - x0)}" height="${row - 8}"/>`,
      );
      parts.push(text(x0 - 8, y + 16, label, '', 'end'), text(end + 6, y + 16, showNumber(value)));
    }
    parts.push(`<path class="axis" d="M${x0} ${top}v${bars.length * row}"/>`);
  }
  const rows = Math.ceil(panels.length / 2);
  return svg(
    title,
    MARGIN * 2 + column * 2 + GAP,
    HEAD + 34 + rows * (height + 78) - 78 + 16 + MARGIN,
    parts,
  );
}

/** The figure at each point of a line, on the side of it where the other line is not, and off a line that rises. */
function labelsOf(lines: readonly Line[], index: number, x: Axis, y: Axis): string[] {
  const other = lines[1 - index];
  return (lines[index]?.points ?? []).map((point, at) => {
    const isAbove = point.y > (other?.points[at]?.y ?? 0);
    const [dx, dy, anchor] = isAbove ? [-6, -7, 'end'] : [6, 16, 'start'];
    return text(x.at(point.x) + dx, y.at(point.y) + dy, showNumber(point.y), '', anchor);
  });
}

/** Room for figures on either side of the values; a bar's axis begins at a power of ten, so that the least one shows too. */
function logAxis(values: readonly number[], from: number, to: number, isForBars = false): Axis {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const [low, high] = isForBars ? [10 ** Math.floor(Math.log10(least / 2)), most] : [least / 2.2, most * 2.2];
  const marks = isForBars || Math.log10(high / low) > 2.4 ? [1] : [1, 2, 5];
  const powers = Array.from({ length: 40 }, (_, at) => 10 ** (at - 20));
  const ticks = powers.flatMap((power) => marks.map((mark) => mark * power));
  const scale = (to - from) / Math.log(high / low);
  return {
    at: (value) => from + Math.log(value / low) * scale,
    ticks: ticks.filter((tick) => tick >= low && tick <= high),
  };
}

function linearAxis(values: readonly number[], from: number, to: number): Axis {
  const most = Math.max(...values);
  const rough = most / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((mark) => mark * power >= rough) ?? 10);
  const ticks = Array.from({ length: Math.floor(most / step) + 1 }, (_, at) => at * step);
  return { at: (value) => from + (value / most) * (to - from), ticks };
}

function isDecade(value: number): boolean {
  return Number.isInteger(Math.round(Math.log10(value) * 1e9) / 1e9);
}

function showNumber(value: number): string {
  const [size, unit] = value >= 1e6 ? [1e6, 'M'] : value >= 1e4 ? [1e3, 'k'] : [1, ''];
  const digits = Number((value / size).toPrecision(value / size >= 100 ? 3 : 2));
  return `${unit === '' && value >= 1_000 ? Math.round(value) : digits}${unit}`;
}

function classOf(index: number): string {
  return index === 0 ? 'first' : 'second';
}

function text(x: number, y: number, content: string, look = '', anchor = 'start'): string {
  const attributes = `${look && ` class="${look}"`}${anchor === 'start' ? '' : ` text-anchor="${anchor}"`}`;
  return `<text x="${px(x)}" y="${px(y)}"${attributes}>${escaped(content)}</text>`;
}

/** About what a text of 12 px takes. */
function textWidth(content: string): number {
  return content.length * 7;
}

function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

function svg(title: string, width: number, height: number, parts: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${escaped(title)}</title>
<style>${STYLE}
</style>
<rect class="back" width="${width}" height="${height}"/>
${text(MARGIN, MARGIN + 8, title, 'title')}
${parts.join('\n')}
</svg>
`;
}
