import type { RetrieveResponse } from '../../src/types/retrieval.ts';
import type { Ranked } from './truth.ts';

/** What an answer has to be measured by. */
export type Expected = {
  /** Every passage that may be read and satisfies the filter, best first. */
  readonly readable: readonly Ranked[];
  readonly k: number;
};

type Answer = Pick<RetrieveResponse, 'results' | 'complete' | 'certified'>;

/** What nobody may have been given: a sentence each. */
export function leaks({ results }: Answer, { readable }: Expected): readonly string[] {
  const may = new Map(readable.map(({ chunkId, documentId, score }) => [chunkId, { documentId, score }]));
  return results.flatMap(({ document_id, chunk_id, score }) => {
    const passage = may.get(chunk_id);
    if (passage?.documentId !== document_id) return [`LEAK: passage ${chunk_id} of document ${document_id}`];
    return passage.score === score ? [] : [`passage ${chunk_id} has score ${score}, not ${passage.score}`];
  });
}

/** What a complete answer lacks. Of passages with equal scores, any will do. */
export function losses(
  { results, complete, certified }: Answer,
  { readable, k }: Expected,
): readonly string[] {
  if (certified && !complete) return ['certified, and not complete'];
  if (!complete) return [];
  const best = readable.slice(0, k).map(({ score }) => score);
  const found = results.map(({ score }) => score);
  const repeated = new Set(results.map(({ chunk_id }) => chunk_id)).size < results.length;
  if (repeated) return ['a passage comes twice'];
  if (found.length === best.length && found.every((score, i) => score === best[i])) return [];
  return [`LOSS: "complete" has scores [${found.join(', ')}], and the best are [${best.join(', ')}]`];
}
