import type { CandidateSearch, RankedDocument } from '../../../ports/search.ts';
import type { Database } from '../database.ts';
import type { ExactRoute } from './choose-route.ts';
import { byScore, type Found, publishedOf } from './published.ts';
import { type PreparedQuestion, searchSql } from './question-sql.ts';
import { isSearched, type Searched } from './searched.ts';

/** Documents that the last ranking brings; a walk that goes further has run out of every budget. */
const MAX_RANKED = 20_000;
/** Chunks that the second ranking brings. The first is for few documents: each chunk is looked up among them. */
const MORE = 500;
/** Of the best chunks, some are of one document, and some of a version that is not published. */
const MOST_PER_DOCUMENT = 4;
const SPARE = 5;
/** Chunks of a list so short that Postgres looks them up one by one without being told to. */
const SHORT = 5_000;

/** Every searched document, by the fused score of its best chunk: exact and its own proof. Gives none that is `given`. */
export function exactSearch(
  database: Database,
  question: PreparedQuestion,
  searched: Searched,
  by: ExactRoute,
  given = new Set<string>(),
): Pick<CandidateSearch, 'next'> {
  let brought = searched.narrowed ? 0 : MORE;
  let left: readonly RankedDocument[] = [];
  let all = false;

  return {
    async next(count) {
      while (left.length < count && !all && brought < MAX_RANKED) {
        brought = brought === 0 ? firstLimit(searched, count) : brought < MORE ? MORE : MAX_RANKED;
        const ranking = await rankDocuments(database, question, searched, by, brought);
        all = ranking.all;
        left = ranking.documents.filter(({ documentId }) => !given.has(documentId));
      }
      const documents = left.slice(0, count);
      left = left.slice(count);
      for (const { documentId } of documents) given.add(documentId);
      return { documents, exhausted: all && left.length === 0 };
    },
  };
}

/** Where most documents will be allowed, few are needed. */
function firstLimit({ documents, chunks }: Searched, count: number): number {
  const perDocument = (chunks ?? 0) / (documents?.size ?? 1);
  return Math.min(MORE, Math.ceil(count * Math.min(perDocument, MOST_PER_DOCUMENT)) + SPARE);
}

type Ranking = { readonly documents: readonly RankedDocument[]; readonly all: boolean };

/** What is hidden or replaced is ranked and then left out, so that only a ranking that came up short is all there is. */
async function rankDocuments(
  database: Database,
  question: PreparedQuestion,
  searched: Searched,
  by: ExactRoute,
  limit: number,
): Promise<Ranking> {
  const [text, values] = rankingSql(question, searched, by, limit);
  const { rows } = await (by === 'listed' && (searched.chunks ?? SHORT) < SHORT
    ? database.prepared<Found>(text, values)
    : database.reading(
        // To compile a statement for a table read once takes longer than it saves.
        `SET LOCAL jit = off; ${by === 'listed' ? 'SET LOCAL enable_seqscan = off' : ''}`,
        (tx) => tx.query<Found>(text, values),
      ));
  const all = rows.length < limit;
  // Of the rest, some may score as low as the last.
  const least = all || limit === MAX_RANKED ? Number.NEGATIVE_INFINITY : (rows.at(-1)?.score ?? 0);
  const published = await publishedOf(
    database,
    question.tenant,
    searched,
    rows.filter(({ score }) => score > least),
  );
  const best = new Map<string, RankedDocument>();
  for (const document of [...published.values()].toSorted(byScore)) {
    if (!best.has(document.documentId)) best.set(document.documentId, document);
  }
  return { documents: [...best.values()], all };
}

/** Chunks, and in the last ranking documents: to group all of them takes as long as to score them. */
function rankingSql(
  question: PreparedQuestion,
  searched: Searched,
  by: ExactRoute,
  limit: number,
): [text: string, values: unknown[]] {
  const sql = searchSql(question);
  const where =
    by === 'listed' && searched.documents !== undefined
      ? `c.document_no = ANY(${sql.bind(arrayLiteral(searched.documents.numbers()))}::bigint[])`
      : isSearched(searched, question.tenant, sql.bind);
  const chunks = `SELECT c.document_no, c.version, ${sql.fused} AS score FROM chunks c WHERE ${where}`;
  const ranked =
    limit < MAX_RANKED
      ? chunks
      : `SELECT document_no, version, max(score) AS score FROM (${chunks}) chunks GROUP BY 1, 2`;
  return [`${ranked} ORDER BY score DESC LIMIT ${sql.bind(limit)}::int`, sql.values];
}

function arrayLiteral(numbers: readonly number[]): string {
  return `{${numbers.join(',')}}`;
}
