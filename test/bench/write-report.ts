import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BenchReport, showTable } from './bench-row.js';

/**
 * Puts what a benchmark found into the docs: its plots into docs/benchmarks/, its table into docs/benchmarks.md between
 * the lines `<!-- bench NAME -->` and `<!-- /bench NAME -->`. What stands outside of these is left alone. Answers what
 * could not be written, where the page has no such lines.
 */
export async function writeReport(
  docs: string,
  name: string,
  report: BenchReport,
  measured: string,
): Promise<string | undefined> {
  for (const [file, svg] of Object.entries(report.plots ?? {})) {
    await mkdir(join(docs, 'benchmarks'), { recursive: true });
    await writeFile(join(docs, 'benchmarks', file), svg);
  }
  const path = join(docs, 'benchmarks.md');
  const page = await readFile(path, 'utf8');
  const [begin, end] = [`<!-- bench ${name} -->`, `<!-- /bench ${name} -->`];
  const from = page.indexOf(begin);
  const to = page.indexOf(end, from);
  const content = `${measured}\n\n${showTable(report.rows)}\n`;
  if (from < 0 || to < 0)
    return `${path} has no lines ${begin} and ${end} to put this between:\n\n${content}`;
  await writeFile(path, `${page.slice(0, from)}${begin}\n\n${content}\n${page.slice(to)}`);
  return undefined;
}
