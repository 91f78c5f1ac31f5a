import type { Database } from '../../src/adapters/postgres/database.ts';
import { forStemmer, lexicalQuery, type QueryLexeme } from '../../src/adapters/postgres/search/bm25.ts';
import type { PreparedQuestion } from '../../src/adapters/postgres/search/question-sql.ts';
import { vectorBytes } from '../../src/adapters/postgres/vector.ts';
import type { Embeddings } from '../../src/ports/embeddings.ts';

/** A query as search prepares it. */
export async function prepare(
  database: Database,
  embeddings: Embeddings,
  tenant: string,
  query: string,
): Promise<PreparedQuestion> {
  const [embedding = new Float32Array()] = await embeddings.embed([query]);
  const { rows } = await database.query<QueryLexeme & { n: number }>(
    `SELECT q.lexeme, lexeme_dimension(q.lexeme) AS dimension, coalesce(f.chunks, 0) AS chunks,
       (SELECT chunks FROM collections WHERE tenant = $2) AS n
     FROM unnest(to_tsvector('english', $1)) q
     LEFT JOIN lexeme_frequencies f ON f.tenant = $2 AND f.dimension = lexeme_dimension(q.lexeme)`,
    [forStemmer(query), tenant],
  );
  return {
    tenant,
    embedding: vectorBytes(embedding),
    dimension: embeddings.dimension,
    lexical: lexicalQuery(rows, rows[0]?.n ?? 0),
    denseWeight: embeddings.denseWeight,
  };
}
