import type { Database } from '../database.ts';
import { type PreparedQuestion, searchSql } from './question-sql.ts';
import { isSearched, type Searched } from './searched.ts';

/** A chunk of a searched document, be its version published or not. */
export type ListRow = {
  readonly document_no: number;
  readonly version: number;
  readonly dense: number;
  readonly lexical: number;
  readonly score: number;
};

/** A chunk of any other document: it is only passed by. */
type Passed = { readonly document_no: null; readonly dense: number };

export type TwoLists = {
  /** The nearest chunks of all, as many as were fetched. In about the order of their scores. */
  readonly dense: readonly (ListRow | Passed)[];
  /** Of how many these are the nearest: what the vector index was asked to look for. */
  readonly visited: number;
  /** Whether the vector index brought as many as it was asked for. */
  readonly full: boolean;
  /** Searched chunks with the rarest lexemes, by lexical score. */
  readonly lexical: readonly ListRow[];
};

type Sizes = {
  readonly lexical: number;
  /** What `deeper` will ask the vector index to look for first. */
  readonly dense: number;
};

/** How far to go: `fetched` of the nearest `visited`. To fetch a row takes a third of the time to find it. */
export type Depth = { readonly visited: number; readonly fetched: number };

/** What pgvector can look for at a time. */
const MAX_BATCH = 1_000;

/**
 * Chunks with the rarest lexemes, and then the nearest by the vector index: these as deep as `deeper` asks for when it
 * sees what there is, until it asks for no more. The planner is left no choice: it knows neither how many chunks are searched nor
 * where they lie.
 */
export async function readTwoLists(
  database: Database,
  question: PreparedQuestion,
  searched: Searched,
  sizes: Sizes,
  deeper: (lists: TwoLists) => Depth,
): Promise<void> {
  await database.reading(
    `SET LOCAL hnsw.iterative_scan = relaxed_order; ${lookFor(batchOf(sizes.dense))};
     SET LOCAL hnsw.max_scan_tuples = 2147483647; SET LOCAL hnsw.scan_mem_multiplier = 8;
     SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL jit = off`,
    async (tx) => {
      const { rows: lexical } =
        question.lexical === undefined
          ? { rows: [] }
          : await tx.query<ListRow>(
              ...lexicalSql(question, searched, question.lexical.rarest, sizes.lexical),
            );
      const dense: TwoLists['dense'][number][] = [];
      let [visited, full] = [0, true];
      let batch = batchOf(sizes.dense);
      for (;;) {
        const depth = deeper({ lexical, dense, visited, full });
        const count = depth.fetched - dense.length;
        if (count <= 0) return;
        // Sent together: none of them waits for the one before.
        const first = dense.length === 0 ? [tx.query(...nearestSql(question, searched))] : [];
        const fresh = batchOf(depth.visited - visited);
        const changed = fresh > 0 && fresh !== batch ? [tx.query(lookFor(fresh))] : [];
        if (fresh > 0) batch = fresh;
        const fetched = tx.query<TwoLists['dense'][number]>(`FETCH ${count} FROM nearest`);
        const [{ rows }] = await Promise.all([fetched, ...first, ...changed]);
        dense.push(...rows);
        visited = depth.visited;
        full = rows.length === count;
      }
    },
  );
}

function batchOf(count: number): number {
  return Math.min(count, MAX_BATCH);
}

/** At a time: in fewer goes, a list costs less. */
function lookFor(chunks: number): string {
  return `SET LOCAL hnsw.ef_search = ${chunks}`;
}

type Statement = [text: string, values: unknown[]];

function lexicalSql(question: PreparedQuestion, searched: Searched, rarest: string, size: number): Statement {
  const sql = searchSql(question);
  const text = `SELECT * FROM (
      SELECT c.document_no, c.version, ${sql.dense} AS dense, ${sql.lexical} AS lexical, ${sql.fused} AS score FROM chunks c
      WHERE ${isSearched(searched, question.tenant, sql.bind)} AND c.lexemes @@ ${sql.bind(rarest)}::tsquery) c
    ORDER BY lexical DESC LIMIT ${size}`;
  return [text, sql.values];
}

/** A cursor, for the vector index goes on from where it was: no longer list begins anew. Only what is searched is scored. */
function nearestSql(question: PreparedQuestion, searched: Searched): Statement {
  const sql = searchSql(question);
  const type = `vector(${question.dimension})`;
  const found = 'c.document_no IS NOT NULL';
  const text = `DECLARE nearest NO SCROLL CURSOR FOR
    SELECT c.document_no, ${sql.dense} AS dense, CASE WHEN ${found} THEN c.version END AS version,
      CASE WHEN ${found} THEN ${sql.lexical} END AS lexical, CASE WHEN ${found} THEN ${sql.fused} END AS score
    FROM (
      SELECT CASE WHEN ${isSearched(searched, question.tenant, sql.bind)} THEN c.document_no END AS document_no,
        c.version, c.embedding, c.weights FROM chunks c
      ORDER BY c.embedding::${type} <#> ${sql.bind(question.embedding)}::${type} OFFSET 0) c`;
  return [text, sql.values];
}
