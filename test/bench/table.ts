/** A Markdown table. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const width = headings.map((heading, i) =>
    Math.max(heading.length, ...rows.map((row) => row[i]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(width[i] ?? 0)).join(' | ')} |`;
  return [line(headings), line(width.map((w) => '-'.repeat(w))), ...rows.map(line), ''].join('\n');
}

/** Median and 95th percentile, in milliseconds. */
export function durations(times: readonly number[]): { p50: string; p95: string } {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { p50: `${at(0.5).toFixed(1)} ms`, p95: `${at(0.95).toFixed(1)} ms` };
}
