import type { CandidateSearch, RankedDocument } from '../../../ports/search.ts';
import type { Database } from '../database.ts';
import { bestWithin, rankDocuments } from './exact-search.ts';
import { lexicalFactor, type PreparedQuestion, searchSql } from './question-sql.ts';

/** Chunks asked of each list, round by round; after the last, one exact scan settles the rest. */
const ROUNDS = [256, 2_048];

type ListRow = { document_id: string; version: number; dense: number; lexical: number; score: number };

/**
 * Two lists, by dense and by lexical score, and Fagin's threshold between them: what neither list has
 * shown can score at most w * (last dense) + (1 - w) * (last lexical) / bound, so every document above that is
 * settled. A list with fewer rows than asked proves nothing: HNSW stops early without saying so.
 */
export function thresholdSearch(
  database: Database,
  question: PreparedQuestion,
  rounds: readonly number[] = ROUNDS,
  highestUnseen = threshold,
): CandidateSearch {
  const best = new Map<string, RankedDocument>();
  const given = new Set<string>();
  let round = 0;
  let ceiling = Number.POSITIVE_INFINITY;

  async function deepen(): Promise<void> {
    const size = rounds[round++];
    if (size === undefined) {
      for (const document of await rankDocuments(database, question)) best.set(document.documentId, document);
      ceiling = Number.NEGATIVE_INFINITY;
      return;
    }
    const [dense, lexical] = await twoLists(database, question, size);
    for (const row of [...dense, ...lexical]) keepBest(best, row);
    ceiling = highestUnseen(question, dense, lexical, size);
  }

  function settled(): RankedDocument[] {
    return [...best.values()]
      .filter((document) => document.score >= ceiling && !given.has(document.documentId))
      .toSorted(byScore);
  }

  return {
    exact: () => false,
    async next(count) {
      let ready = settled();
      while (ready.length < count && ceiling !== Number.NEGATIVE_INFINITY) {
        await deepen();
        ready = settled();
      }
      const documents = ready.slice(0, count);
      for (const { documentId } of documents) given.add(documentId);
      return { documents, exhausted: ceiling === Number.NEGATIVE_INFINITY && ready.length <= count };
    },
    within: (documents, k) => bestWithin(database, question, documents, k),
  };
}

/** The highest fused score that a chunk in neither list can have; nothing is known of a list that came up short. */
export function threshold(
  question: PreparedQuestion,
  dense: readonly Pick<ListRow, 'dense'>[],
  lexical: readonly Pick<ListRow, 'lexical'>[],
  size: number,
): number {
  const lastDense = dense.at(-1)?.dense;
  if (lastDense === undefined || dense.length < size) return Number.POSITIVE_INFINITY;
  const unlisted = question.lexical?.boundWithoutRarest ?? 0;
  const lastLexical = lexical.length < size ? 0 : (lexical.at(-1)?.lexical ?? 0);
  return question.denseWeight * lastDense + lexicalFactor(question) * Math.max(lastLexical, unlisted);
}

async function twoLists(
  database: Database,
  question: PreparedQuestion,
  size: number,
): Promise<[dense: ListRow[], lexical: ListRow[]]> {
  return database.transaction(async (tx) => {
    await tx.query(`SET LOCAL hnsw.iterative_scan = strict_order`);
    await tx.query(`SET LOCAL hnsw.ef_search = ${Math.min(size, 1_000)}`);
    const dense = searchSql(question);
    const columns = (sql: typeof dense) =>
      `SELECT d.id AS document_id, c.version, ${sql.dense} AS dense, ${sql.lexical}::float8 AS lexical, ${sql.fused} AS score`;
    const typed = `c.embedding::vector(${question.dimension}) <#> ${dense.bind(question.embedding)}::vector(${question.dimension})`;
    const byDense = await tx.query<ListRow>(
      `${columns(dense)} ${dense.searchable} ORDER BY ${typed} LIMIT ${dense.bind(size)}`,
      dense.values,
    );
    if (question.lexical === undefined) return [byDense.rows, []];
    const lexical = searchSql(question);
    const byLexical = await tx.query<ListRow>(
      `${columns(lexical)} ${lexical.searchable} AND c.lexemes @@ ${lexical.bind(question.lexical.rarest)}::tsquery
       ORDER BY lexical DESC LIMIT ${lexical.bind(size)}`,
      lexical.values,
    );
    return [byDense.rows, byLexical.rows];
  });
}

function keepBest(best: Map<string, RankedDocument>, row: ListRow): void {
  const known = best.get(row.document_id);
  if (known === undefined || known.score < row.score) {
    best.set(row.document_id, { documentId: row.document_id, version: row.version, score: row.score });
  }
}

function byScore(a: RankedDocument, b: RankedDocument): number {
  return b.score - a.score || (a.documentId < b.documentId ? -1 : 1);
}
