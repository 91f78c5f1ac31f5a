import type { Database } from '../../../src/adapters/postgres/database.ts';
import { searchSql } from '../../../src/adapters/postgres/search/question-sql.ts';
import type { Embeddings } from '../../../src/ports/embeddings.ts';
import { DEFAULT_TENANT } from '../../../src/types/principal.ts';
import { prepare } from '../../search/prepared.ts';
import type { Asked, Found, Strategy } from './strategy.ts';

type Scored = { readonly document: string; readonly dense: number; readonly fused: number };

/** Of one query: every passage there is, scored. */
export async function scoresOf(
  database: Database,
  embeddings: Embeddings,
  query: string,
): Promise<readonly Scored[]> {
  const sql = searchSql(await prepare(database, embeddings, DEFAULT_TENANT, query));
  const { rows } = await database.query<Scored>(
    `SELECT d.id AS document, ${sql.dense} AS dense, ${sql.fused} AS fused
     FROM chunks c JOIN documents d ON d.no = c.document_no AND d.published_version = c.version`,
    sql.values,
  );
  return rows;
}

/**
 * The share of the best `k` that someone may read, by score and not by name: of passages that score alike, any will do.
 * Throws for what may not be read.
 */
export function recallOf(
  scores: readonly Scored[],
  mayRead: ReadonlySet<string>,
  { k, user }: Asked,
  by: Strategy['score'],
  found: readonly Found[],
): number {
  const best = scores
    .filter(({ document }) => mayRead.has(document))
    .map((each) => each[by])
    .toSorted((a, b) => b - a)
    .slice(0, k);
  const least = best.at(-1) ?? 0;
  for (const { documentId } of found) {
    if (!mayRead.has(documentId)) throw new Error(`${user} was given ${documentId}`);
  }
  const hits = found.filter(({ score }) => score >= least - 1e-9).length;
  return best.length === 0 ? 1 : Math.min(1, hits / best.length);
}
