import type { Database, Queryable } from '../database.ts';

export const VECTOR_INDEX = 'chunks_embedding';

/** Chunks from which on a scan is too slow. Below, search is exact without any index. */
const VECTOR_INDEX_FROM = 50_000;

/** Builds the approximate index once there are enough chunks. Takes minutes, and on an embedded store others wait. */
export async function ensureVectorIndex(
  database: Database,
  dimension: number,
  from = VECTOR_INDEX_FROM,
): Promise<boolean> {
  if (await hasVectorIndex(database)) return false;
  const { rows } = await database.query<{ chunks: number }>(`SELECT count(*) AS chunks FROM chunks`);
  if ((rows[0]?.chunks ?? 0) < from) return false;
  await database.query(
    `CREATE INDEX IF NOT EXISTS ${VECTOR_INDEX} ON chunks USING hnsw ((embedding::vector(${dimension})) vector_ip_ops)`,
  );
  return true;
}

export async function hasVectorIndex(database: Database): Promise<boolean> {
  const { rows } = await database.query<{ present: boolean }>(
    `SELECT to_regclass($1) IS NOT NULL AS present`,
    [VECTOR_INDEX],
  );
  return rows[0]?.present ?? false;
}

/** Its expression names the dimension, so vectors of another one need a new index. */
export async function dropVectorIndex(tx: Queryable): Promise<void> {
  await tx.query(`DROP INDEX IF EXISTS ${VECTOR_INDEX}`);
}
