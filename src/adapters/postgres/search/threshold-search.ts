import type { CandidateSearch, RankedDocument } from '../../../ports/search.ts';
import type { Database } from '../database.ts';
import {
  affordableLength,
  chooseExactRoute,
  type ExactRoute,
  type Extent,
  FIRST_LOOK,
  lengthFor,
  type Tuning,
} from './choose-route.ts';
import { exactSearch } from './exact-search.ts';
import type { PreparedQuestion } from './question-sql.ts';
import type { Searched } from './searched.ts';
import { denseToSettle, expectedRank, type Lists, threshold } from './threshold.ts';
import { type ListRow, readTwoLists, type TwoLists } from './two-lists.ts';

/** Chunks of the lexical list: to bring all that match costs little more than to bring the best of them. */
const LEXICAL_LIST = 500;

export type ThresholdSearch = Pick<CandidateSearch, 'next' | 'exact'> & {
  /** The exact route that it came to in the end, and why; undefined as long as lists were enough. */
  gaveUp(): { readonly route: ExactRoute; readonly why: string } | undefined;
};

/**
 * Two lists, by dense and by lexical score, and Fagin's threshold between them: what neither list has shown can score at most
 * w * (last dense) + (1 - w) * (last lexical) / bound, so every document above that is settled. The dense list is of all there
 * is, and its first look tells whether what may be found is near: counted beforehand is only how much of it there is. A list
 * with fewer rows than asked proves nothing, for HNSW stops early without saying so: then, and once a longer list would cost
 * more, an exact search over the same documents settles the rest.
 */
export function thresholdSearch(
  database: Database,
  question: PreparedQuestion,
  searched: Searched,
  extent: Extent,
  tuning: Tuning,
  highestUnseen = threshold,
): ThresholdSearch {
  const best = new Map<string, RankedDocument>();
  const given = new Set<string>();
  const route = chooseExactRoute(extent, tuning);
  const exact = exactSearch(database, question, searched, route, given);
  const affordable = affordableLength(extent, tuning);
  let ceiling = Number.POSITIVE_INFINITY;
  let gaveUp: string | undefined;
  let fromLists = false;

  /** Reads lists until `count` documents are settled, or it is not worth it. */
  function deepen(count: number): Promise<void> {
    return readTwoLists(database, question, searched, LEXICAL_LIST, ({ dense, lexical, full }) => {
      for (const row of dense.length === 0 ? lexical : dense) keepBest(best, row);
      const lists: Lists = { dense: densest(dense), full, lexical, lexicalSize: LEXICAL_LIST };
      ceiling = highestUnseen(question, lists);
      const enough = settled().length >= count;
      const length = lengthFor(enough ? 0 : rankToSettle(count, lists, dense));
      if (enough && (dense.length >= length || !full)) return 0;
      if (!full) gaveUp = 'it brought too few that may be found';
      else if (length > affordable) gaveUp = 'a longer list would have cost more';
      return gaveUp === undefined ? nextFetch(dense.length, length) : 0;
    });
  }

  /** Of all chunks, the rank of the last that has to be known to be above what is in neither list. */
  function rankToSettle(count: number, lists: Lists, dense: TwoLists['dense']): number {
    const wanted = ungiven()[count - 1]?.score;
    if (wanted === undefined) {
      const found = new Set(
        dense.flatMap(({ document_id: id }) => (id === null || given.has(id) ? [] : [id])),
      );
      return dense.length === 0 ? 0 : (count * dense.length) / found.size;
    }
    const least = denseToSettle(question, lists, wanted);
    if (dense.length > 0) return expectedRank(lists.dense, least);
    const above = lists.lexical.filter((row) => row.dense >= least).length;
    return above === 0 ? 0 : (above / lists.lexical.length) * extent.total;
  }

  function ungiven(): RankedDocument[] {
    return [...best.values()].filter(({ documentId }) => !given.has(documentId)).toSorted(byScore);
  }

  function settled(): RankedDocument[] {
    return ungiven().filter(({ score }) => score > ceiling);
  }

  return {
    exact: () => !fromLists,
    gaveUp: () => (gaveUp === undefined ? undefined : { route, why: gaveUp }),
    async next(count) {
      if (gaveUp === undefined && settled().length < count) await deepen(count);
      if (gaveUp !== undefined) return exact.next(count);
      const documents = settled().slice(0, count);
      for (const { documentId } of documents) given.add(documentId);
      fromLists ||= documents.length > 0;
      return { documents, exhausted: false };
    },
  };
}

function nextFetch(brought: number, length: number): number {
  return brought === 0 ? FIRST_LOOK : Math.min(2 * brought, Math.max(length - brought, FIRST_LOOK));
}

function densest(rows: readonly ListRow[]): number[] {
  return rows.map(({ dense }) => dense).toSorted((a, b) => b - a);
}

function keepBest(best: Map<string, RankedDocument>, row: ListRow): void {
  if (row.document_id === null) return;
  const known = best.get(row.document_id);
  if (known === undefined || known.score < row.score) {
    best.set(row.document_id, { documentId: row.document_id, version: row.version, score: row.score });
  }
}

function byScore(a: RankedDocument, b: RankedDocument): number {
  return b.score - a.score || (a.documentId < b.documentId ? -1 : 1);
}
