import type { Candidate, RankedDocument } from '../../../ports/search.ts';
import type { Database } from '../database.ts';
import { filterSql } from './filter-sql.ts';
import { type PreparedQuestion, searchSql } from './question-sql.ts';

type Row = { document_id: string; version: number; chunk_id: number; score: number };

/** The best `k` passages of these documents, of versions that still satisfy the filter. */
export async function bestWithin(
  database: Database,
  question: PreparedQuestion,
  documents: readonly RankedDocument[],
  k: number,
): Promise<readonly Candidate[]> {
  const sql = searchSql(question);
  const filter = question.filter === undefined ? '' : `AND ${filterSql(question.filter, sql.bind)}`;
  const ids = sql.bind(documents.map(({ documentId }) => documentId));
  const versions = sql.bind(documents.map(({ version }) => version));
  // The first OFFSET hides how many are asked for: else Postgres plans anew each time.
  const text = `SELECT found.* FROM (SELECT ${ids}::text[] AS ids, ${versions}::int[] AS versions OFFSET 0) given,
       unnest(given.ids, given.versions) asked (id, version)
     CROSS JOIN LATERAL (
       SELECT d.id AS document_id, c.version, c.id AS chunk_id, c.ordinal, ${sql.fused} AS score
       FROM documents d
       JOIN versions v ON v.document_no = d.no AND v.version = d.published_version
       JOIN chunks c ON c.document_no = d.no AND c.version = d.published_version
       WHERE d.tenant = ${sql.bind(question.tenant)} AND d.id = asked.id AND d.published_version = asked.version ${filter}
       OFFSET 0) found
     ORDER BY score DESC, document_id, ordinal LIMIT ${sql.bind(k)}`;
  const { rows } = await (question.filter === undefined
    ? database.prepared<Row>(text, sql.values)
    : database.query<Row>(text, sql.values));
  return rows.map((row) => ({
    documentId: row.document_id,
    version: row.version,
    chunkId: String(row.chunk_id),
    score: row.score,
  }));
}
