import type { Config } from '../../config.ts';
import { tuneSearch } from '../../operations.ts';

export async function tune(config: Config): Promise<void> {
  const { listed, scanned, scored, visited, least, forEachRank } = await tuneSearch(config);
  console.log('Microseconds for each passage that is');
  console.log(`  looked up by its document: ${listed.toFixed(2)}`);
  console.log(`  passed over by a scan:     ${scanned.toFixed(2)}, and scored by it: ${scored.toFixed(2)}`);
  console.log(`  brought by the vector index: ${visited.toFixed(2)}`);
  console.log(
    `A list of it counts as complete up to a rank if it has ${least.toFixed(0)} passages, and ${forEachRank.toFixed(1)} more for each rank.`,
  );
  console.log('Kept in the database. Services take it up when they start.');
}
