import type { Database } from '../database.ts';
import { FIRST_LOOK } from './choose-route.ts';
import { type PreparedQuestion, publishedDocument, searchSql } from './question-sql.ts';
import { isSearched, type Searched } from './searched.ts';

/** A chunk of a published version of a searched document, or one that was only passed by: that has no id. */
export type ListRow = {
  readonly document_id: string | null;
  readonly version: number;
  readonly dense: number;
  readonly lexical: number;
  readonly score: number;
};

export type TwoLists = {
  /** The nearest chunks of all. In about the order of their scores. */
  readonly dense: readonly ListRow[];
  /** Whether the vector index brought as many as it was asked for. */
  readonly full: boolean;
  /** Searched chunks with the rarest lexemes, by lexical score. */
  readonly lexical: readonly ListRow[];
};

/**
 * Chunks with the rarest lexemes, and then the nearest by the vector index: these as many at a time as `more` asks for when it
 * sees what there is, until it asks for none. The planner is left no choice: it knows neither how many chunks are searched nor
 * where they lie.
 */
export async function readTwoLists(
  database: Database,
  question: PreparedQuestion,
  searched: Searched,
  lexicalSize: number,
  more: (lists: TwoLists) => number,
): Promise<void> {
  await database.transaction(
    async (tx) => {
      const { rows: lexical } =
        question.lexical === undefined
          ? { rows: [] }
          : await tx.query<ListRow>(...lexicalSql(question, searched, question.lexical.rarest, lexicalSize));
      const dense: ListRow[] = [];
      let full = true;
      for (let count = more({ lexical, dense, full }); count > 0; count = more({ lexical, dense, full })) {
        if (dense.length === 0) await tx.query(...nearestSql(question, searched));
        const { rows } = await tx.query<ListRow>(`FETCH ${count} FROM nearest`);
        dense.push(...rows);
        full = rows.length === count;
      }
    },
    `SET LOCAL hnsw.iterative_scan = relaxed_order; SET LOCAL hnsw.ef_search = ${FIRST_LOOK};
     SET LOCAL hnsw.max_scan_tuples = 2147483647; SET LOCAL hnsw.scan_mem_multiplier = 8;
     SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL jit = off`,
  );
}

type Statement = [text: string, values: unknown[]];

/** Only what the index brings and is searched is looked up among the documents. */
function lexicalSql(question: PreparedQuestion, searched: Searched, rarest: string, size: number): Statement {
  const sql = searchSql(question);
  const text = `SELECT d.id AS document_id, c.version, c.dense, c.lexical, c.score FROM (
      SELECT c.document_no, c.version, ${sql.dense} AS dense, ${sql.lexical} AS lexical, ${sql.fused} AS score FROM chunks c
      WHERE ${isSearched(searched, question.tenant, sql.bind)} AND c.lexemes @@ ${sql.bind(rarest)}::tsquery
      ORDER BY 4 DESC LIMIT ${size} OFFSET 0) c
    ${publishedDocument('c', sql.bind(question.tenant))}
    ORDER BY c.lexical DESC`;
  return [text, sql.values];
}

/** A cursor, for the vector index goes on from where it was: no longer list begins anew. Only what is searched is scored. */
function nearestSql(question: PreparedQuestion, searched: Searched): Statement {
  const sql = searchSql(question);
  const type = `vector(${question.dimension})`;
  const text = `DECLARE nearest NO SCROLL CURSOR FOR
    SELECT d.id AS document_id, c.version, ${sql.dense} AS dense,
      CASE WHEN d.id IS NULL THEN 0 ELSE ${sql.lexical} END AS lexical, CASE WHEN d.id IS NULL THEN 0 ELSE ${sql.fused} END AS score
    FROM (
      SELECT CASE WHEN ${isSearched(searched, question.tenant, sql.bind)} THEN c.document_no END AS document_no,
        c.version, c.embedding, c.weights FROM chunks c
      ORDER BY c.embedding::${type} <#> ${sql.bind(question.embedding)}::${type} OFFSET 0) c
    ${publishedDocument('c', sql.bind(question.tenant))}`;
  return [text, sql.values];
}
