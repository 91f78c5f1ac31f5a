import type { Embeddings } from '../../ports/embeddings.ts';
import { StartupError } from '../../types/errors.ts';
import type { Database } from './database.ts';
import { dropVectorIndex } from './search/vector-index.ts';
import { vectorLiteral } from './vector.ts';

type Space = { model: string; dimension: number };

/** Records the vector space at the first start. Throws a `StartupError` where the store holds vectors of another. */
export async function useEmbeddingSpace(database: Database, embeddings: Embeddings): Promise<void> {
  await database.query(
    `INSERT INTO embedding_space (model, dimension) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
    [embeddings.model, embeddings.dimension],
  );
  await requireEmbeddingSpace(database, embeddings);
}

/** As `useEmbeddingSpace`, for a role that may record nothing. */
export async function requireEmbeddingSpace(
  database: Database,
  { model, dimension }: Embeddings,
): Promise<void> {
  const { rows } = await database.query<Space>(`SELECT model, dimension FROM embedding_space`);
  const [held] = rows;
  if (held?.model === model && held.dimension === dimension) return;
  throw new StartupError(
    `The store holds embeddings of ${held?.model} (${held?.dimension} dimensions), and ${model} (${dimension}) is configured. ` +
      'Run "clearance reembed" to change them all, or configure the former model again.',
  );
}

const BATCH = 256;

/** Embeds every chunk again with another model, in one transaction: until it ends, nothing has changed. */
export async function reembed(
  database: Database,
  embeddings: Embeddings,
  onProgress: (done: number, total: number) => void,
): Promise<number> {
  return database.transaction(async (tx) => {
    await dropVectorIndex(tx);
    const counted = await tx.query<{ total: number }>(`SELECT count(*) AS total FROM chunks`);
    const total = counted.rows[0]?.total ?? 0;
    for (let done = 0, after = 0; ; ) {
      const { rows } = await tx.query<{ id: number; text: string }>(
        `SELECT c.id, v.title || E'\\n' || t.text AS text FROM chunks c
         JOIN chunk_texts t ON t.chunk_id = c.id
         JOIN versions v ON v.document_no = c.document_no AND v.version = c.version
         WHERE c.id > $1 ORDER BY c.id LIMIT ${BATCH}`,
        [after],
      );
      if (rows.length === 0) break;
      const vectors = await embeddings.embed(rows.map(({ text }) => text));
      await tx.query(
        `UPDATE chunks c SET embedding = u.embedding::vector
         FROM unnest($1::bigint[], $2::text[]) AS u (id, embedding) WHERE c.id = u.id`,
        [rows.map(({ id }) => id), vectors.map(vectorLiteral)],
      );
      after = rows.at(-1)?.id ?? after;
      done += rows.length;
      onProgress(done, total);
    }
    await tx.query(`UPDATE embedding_space SET model = $1, dimension = $2`, [
      embeddings.model,
      embeddings.dimension,
    ]);
    return total;
  });
}
