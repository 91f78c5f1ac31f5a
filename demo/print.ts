import { styleText } from 'node:util';
import type { RetrieveResponse } from '../src/types/retrieval.ts';

/** Absent where nothing was found. */
type Results = readonly (RetrieveResponse['results'][number] | undefined)[];
export type Column = { readonly heading: string; readonly results: Results };

const GAP = 2;
/** Lines that one title may take. */
const CELL_LINES = 2;
const SCORE = 5;

/** One question, a column for each asker: scores and titles of their passages, best first. */
export function printAnswers(question: string, columns: readonly Column[]): void {
  const width = Math.floor(screenWidth() / columns.length) - GAP;
  const cells = columns.map(({ results }) => titles(results, width));
  const rows = Math.max(...cells.map((lines) => lines.length));
  console.log(`\n${styleText('bold', question)}`);
  console.log(
    styleText(
      'cyan',
      side(
        columns.map(({ heading }) => heading),
        width,
      ),
    ),
  );
  console.log(
    styleText(
      'dim',
      side(
        columns.map(() => '─'.repeat(width)),
        width,
      ),
    ),
  );
  for (let row = 0; row < rows; row += 1) {
    const lines = cells.map((column) => column[row] ?? []);
    for (let i = 0; lines.some((cell) => i < cell.length); i += 1) {
      console.log(
        side(
          lines.map((cell) => cell[i] ?? ''),
          width,
        ),
      );
    }
  }
}

function titles(results: Results, width: number): readonly (readonly string[])[] {
  if (results.length === 0) return [['nothing']];
  return results.map((result) => {
    if (result === undefined) return ['nothing'];
    const lines = wrap(result.title, width - SCORE);
    return lines.map((line, i) => (i === 0 ? result.score.toFixed(2) : '').padEnd(SCORE) + line);
  });
}

/** At words; what doesn't fit into the lines of a cell is cut. */
function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  const kept = lines.slice(0, CELL_LINES);
  if (lines.length > CELL_LINES) kept[CELL_LINES - 1] += ' …';
  return kept.map((line) => (line.length > width ? `${line.slice(0, width - 1)}…` : line));
}

function side(cells: readonly string[], width: number): string {
  return cells
    .map((cell) => cell.padEnd(width))
    .join(' '.repeat(GAP))
    .trimEnd();
}

function screenWidth(): number {
  return Math.min(Math.max(process.stdout.columns ?? 120, 80), 160);
}
