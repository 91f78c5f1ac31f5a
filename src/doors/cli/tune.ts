import { readFile } from 'node:fs/promises';
import type { Config } from '../../config.ts';
import { tuneSearch } from '../../operations.ts';

export async function tune(config: Config, { questions }: { questions?: string }): Promise<void> {
  const asked = questions === undefined ? [] : linesOf(await readFile(questions, 'utf8'));
  const { listed, scanned, scored, visited, least, forEachRank } = await tuneSearch(config, asked);
  console.log('Microseconds for each passage that is');
  console.log(`  looked up by its document: ${listed.toFixed(2)}`);
  console.log(`  passed over by a scan:     ${scanned.toFixed(2)}, and scored by it: ${scored.toFixed(2)}`);
  console.log(`  brought by the vector index: ${visited.toFixed(2)}`);
  console.log(
    `A list of it counts as complete up to a rank if it has ${least.toFixed(0)} passages, and ${forEachRank.toFixed(1)} more for each rank.`,
  );
  console.log('Kept in the database. Services take it up when they start.');
}

function linesOf(text: string): readonly string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
