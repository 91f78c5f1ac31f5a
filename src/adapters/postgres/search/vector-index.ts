import type { Database, Queryable } from '../database.ts';

const VECTOR_INDEX = 'chunks_embedding';

/** Chunks from which on a scan is too slow. Below, search is exact without any index. */
const VECTOR_INDEX_FROM = 10_000;
/** On an embedded store, which others wait for while it is built: for minutes, as it has one process. */
const EMBEDDED_VECTOR_INDEX_FROM = 50_000;

/** pgvector's defaults (16, 64) overlook too many, however long the list is: `npm run bench:search` prints the recall. */
const BUILD = 'm = 24, ef_construction = 128';

/** SQL: whether it is there and whole. One that is being built, or whose building was cut short, is not used. */
export const vectorIndexIsReady = `EXISTS (
  SELECT FROM pg_index WHERE indexrelid = to_regclass('${VECTOR_INDEX}') AND indisvalid)`;

/**
 * Builds the approximate index once there are enough chunks. Takes minutes, in which others wait: on an embedded store
 * all of them, else writers, unless it is built `concurrently`.
 */
export async function ensureVectorIndex(
  database: Database,
  dimension: number,
  { from, concurrently = false }: { readonly from?: number; readonly concurrently?: boolean } = {},
): Promise<boolean> {
  const usual = concurrently ? VECTOR_INDEX_FROM : EMBEDDED_VECTOR_INDEX_FROM;
  if (!(await lacksVectorIndex(database, from ?? usual))) return false;
  await dropVectorIndex(database);
  await database.query(
    `CREATE INDEX ${concurrently ? 'CONCURRENTLY' : ''} IF NOT EXISTS ${VECTOR_INDEX} ON chunks
     USING hnsw ((embedding::vector(${dimension})) vector_ip_ops) WITH (${BUILD})`,
  );
  return true;
}

/** Whether there are enough chunks for an index, on a server unless told otherwise, and none is ready. */
export async function lacksVectorIndex(database: Database, from = VECTOR_INDEX_FROM): Promise<boolean> {
  if (await hasVectorIndex(database)) return false;
  const { rows } = await database.query<{ chunks: number }>(`SELECT count(*) AS chunks FROM chunks`);
  return (rows[0]?.chunks ?? 0) >= from;
}

export async function hasVectorIndex(database: Database): Promise<boolean> {
  const { rows } = await database.query<{ ready: boolean }>(`SELECT ${vectorIndexIsReady} AS ready`);
  return rows[0]?.ready ?? false;
}

/** Its expression names the dimension, so vectors of another one need a new index. */
export async function dropVectorIndex(tx: Queryable): Promise<void> {
  await tx.query(`DROP INDEX IF EXISTS ${VECTOR_INDEX}`);
}
