import type { RetrieveResponse } from '../src/types/retrieval.ts';

const COLUMN = 30;

/** One question, a column for each asker: the titles of their passages, best first. */
export function printAnswers(
  question: string,
  askers: readonly { readonly heading: string; readonly results: RetrieveResponse['results'] }[],
): void {
  const rows = Math.max(1, ...askers.map(({ results }) => results.length));
  console.log(`\n${question}`);
  console.log(line(askers.map(({ heading }) => heading)));
  console.log(line(askers.map(() => '─'.repeat(COLUMN - 2))));
  for (let row = 0; row < rows; row += 1) {
    console.log(line(askers.map(({ results }) => cell(results, row))));
  }
}

function cell(results: RetrieveResponse['results'], row: number): string {
  const result = results[row];
  if (result === undefined) return results.length === 0 && row === 0 ? '(nothing)' : '';
  return `${result.score.toFixed(2)} ${result.title}`;
}

function line(cells: readonly string[]): string {
  return `  ${cells.map((text) => shorten(text).padEnd(COLUMN)).join('')}`.trimEnd();
}

function shorten(text: string): string {
  return text.length > COLUMN - 2 ? `${text.slice(0, COLUMN - 3)}…` : text;
}
