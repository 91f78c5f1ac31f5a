import type { Candidate, CandidateSearch, RankedDocument } from '../../../ports/search.ts';
import type { Queryable } from '../database.ts';
import { type PreparedQuestion, searchSql } from './question-sql.ts';

/** Documents that one scan brings; a walk that goes further has run out of every budget. */
const MAX_RANKED = 20_000;

type RankedRow = { document_id: string; version: number; score: number };

/** One scan over every chunk of the tenant: exact and its own proof, and the fastest way to search up to some 50,000. */
export function exactSearch(database: Queryable, question: PreparedQuestion): CandidateSearch {
  let ranking: readonly RankedDocument[] | undefined;
  let given = 0;

  return {
    exact: () => true,
    async next(count) {
      ranking ??= await rankDocuments(database, question);
      const documents = ranking.slice(given, given + count);
      given += documents.length;
      return { documents, exhausted: given === ranking.length && ranking.length < MAX_RANKED };
    },
    within: (documents, k) => bestWithin(database, question, documents, k),
  };
}

/** Every document, by the fused score of its best chunk. */
export async function rankDocuments(
  database: Queryable,
  question: PreparedQuestion,
): Promise<readonly RankedDocument[]> {
  const sql = searchSql(question);
  const { rows } = await database.query<RankedRow>(
    `SELECT d.id AS document_id, d.published_version AS version, best.score
     FROM (SELECT d.no, max(${sql.fused}) AS score ${sql.searchable} GROUP BY d.no) best
     JOIN documents d ON d.no = best.no
     ORDER BY best.score DESC, d.id LIMIT ${MAX_RANKED}`,
    sql.values,
  );
  return rows.map((row) => ({ documentId: row.document_id, version: row.version, score: row.score }));
}

export async function bestWithin(
  database: Queryable,
  question: PreparedQuestion,
  documents: readonly RankedDocument[],
  k: number,
): Promise<readonly Candidate[]> {
  const sql = searchSql(question);
  const ids = sql.bind(documents.map((document) => document.documentId));
  const versions = sql.bind(documents.map((document) => document.version));
  const { rows } = await database.query<RankedRow & { chunk_id: number }>(
    `SELECT c.id AS chunk_id, d.id AS document_id, c.version, ${sql.fused} AS score ${sql.searchable}
       AND (d.id, c.version) IN (SELECT * FROM unnest(${ids}::text[], ${versions}::int[]))
     ORDER BY score DESC, d.id, c.ordinal LIMIT ${sql.bind(k)}`,
    sql.values,
  );
  return rows.map((row) => ({
    documentId: row.document_id,
    version: row.version,
    chunkId: String(row.chunk_id),
    score: row.score,
  }));
}
