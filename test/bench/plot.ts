export function plotBars(
  title: string,
  panels: readonly { title: string; bars: readonly { label: string; value: number }[] }[],
  highlight: string,
): string {
  return title + JSON.stringify(panels) + highlight;
}
