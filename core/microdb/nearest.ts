/** ` Did you mean "x"?` when a known name is near the one given, else the list of all of them, else nothing. */
export function suggest(given: string, known: readonly string[]): string {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(given.length / 3)) + 1;
  // A long name is nobody's slip of the pen, and would make this slow.
  for (const name of given.length > 64 ? [] : known) {
    const distance = editDistance(given.toLowerCase(), name.toLowerCase());
    if (distance < least) {
      least = distance;
      best = name;
    }
  }
  if (best !== undefined) return ` Did you mean "${best}"?`;
  return known.length === 0 || known.length > 40 ? '' : ` Known: ${known.join(', ')}.`;
}

/** Insertions, deletions and replacements that make one word of another (Levenshtein). */
function editDistance(a: string, b: string): number {
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const next = [row];
    for (let column = 1; column <= b.length; column++) {
      const replace = (last[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      next.push(Math.min(replace, (last[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    last = next;
  }
  return last[b.length] ?? 0;
}
