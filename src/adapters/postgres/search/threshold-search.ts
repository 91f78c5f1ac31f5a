import type { CandidateSearch } from '../../../ports/search.ts';
import type { Database } from '../database.ts';
import {
  affordableLength,
  chooseExactRoute,
  completeRank,
  type ExactRoute,
  type Extent,
  expectedLength,
  FIRST_LOOK,
  lengthFor,
  SHORT_LIST,
  type Tuning,
  WORTH_A_LOOK,
} from './choose-route.ts';
import { exactSearch } from './exact-search.ts';
import { byScore, publishedOf } from './published.ts';
import type { PreparedQuestion } from './question-sql.ts';
import type { Searched } from './searched.ts';
import { denseToSettle, expectedRank, type Lists, threshold } from './threshold.ts';
import { type Depth, type ListRow, readTwoLists, type TwoLists } from './two-lists.ts';

/** Chunks of the lexical list: to bring all that match costs little more than to bring the best of them. */
const LEXICAL_LIST = 500;
/** Chunks that a list grows by at least. */
const LEAST_MORE = 50;

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
  /** By key: the best chunk of each version that is still to be given. */
  const best = new Map<string, ListRow>();
  /** Keys of versions that were given, or are not published. */
  const done = new Set<string>();
  /** Ids of documents. */
  const given = new Set<string>();
  const route = chooseExactRoute(extent, tuning);
  const exact = exactSearch(database, question, searched, route, given);
  const affordable = affordableLength(extent, tuning);
  const worthALook = affordable / WORTH_A_LOOK;
  let ceiling = Number.POSITIVE_INFINITY;
  let gaveUp: string | undefined;
  let fromLists = false;

  /** Reads lists until `count` versions are settled, or it is not worth it. */
  function deepen(count: number): Promise<void> {
    const expected = expectedLength(extent, count, tuning);
    const first: Depth =
      expected > SHORT_LIST
        ? { visited: FIRST_LOOK, fetched: FIRST_LOOK }
        : { visited: expected, fetched: completeRank(expected, tuning) };
    return readTwoLists(
      database,
      question,
      searched,
      { lexical: LEXICAL_LIST, dense: first.visited },
      ({ dense, visited, lexical, full }) => {
        for (const row of dense.length === 0 ? lexical : dense) keepBest(row);
        const complete = completeRank(visited, tuning);
        const lists: Lists = { dense: densest(dense), complete, full, lexical, lexicalSize: LEXICAL_LIST };
        ceiling = highestUnseen(question, lists);
        const enough = settled().length >= count;
        if (!enough && full && dense.length < visited) return { visited, fetched: visited };
        const length = lengthFor(enough ? 0 : rankToSettle(count, lists, dense) + 1, tuning);
        const asFar = { visited, fetched: dense.length };
        if (enough && (visited >= length || !full)) return asFar;
        if (!full) gaveUp = 'it brought too few that may be found';
        else if (length > affordable && visited >= worthALook) gaveUp = 'a longer list would have cost more';
        if (gaveUp !== undefined) return asFar;
        if (visited === 0) return first;
        const further = visited + Math.min(visited, Math.max(length - visited, LEAST_MORE));
        return { visited: further, fetched: further };
      },
    );
  }

  /** Of all chunks, the rank of the last that has to be known to be above what is in neither list. */
  function rankToSettle(count: number, lists: Lists, dense: TwoLists['dense']): number {
    const wanted = bestFirst()[count - 1]?.score;
    if (wanted === undefined) return dense.length === 0 ? 0 : (count * dense.length) / best.size;
    const least = denseToSettle(question, lists, wanted);
    if (dense.length > 0) return expectedRank(lists.dense, least);
    const above = lists.lexical.filter((row) => row.dense >= least).length;
    return above === 0 ? 0 : (above / lists.lexical.length) * extent.total;
  }

  function keepBest(row: TwoLists['dense'][number]): void {
    if (row.document_no === null) return;
    const key = keyOf(row);
    const known = best.get(key);
    if (!done.has(key) && (known === undefined || known.score < row.score)) best.set(key, row);
  }

  function bestFirst(): ListRow[] {
    return [...best.values()].toSorted((a, b) => b.score - a.score);
  }

  function settled(): ListRow[] {
    return bestFirst().filter(({ score }) => score > ceiling);
  }

  /** Forgets a version: it was given, or can't be. */
  function leave(row: ListRow): void {
    done.add(keyOf(row));
    best.delete(keyOf(row));
  }

  return {
    exact: () => !fromLists,
    gaveUp: () => (gaveUp === undefined ? undefined : { route, why: gaveUp }),
    async next(count) {
      for (;;) {
        if (gaveUp === undefined && settled().length < count) await deepen(count);
        if (gaveUp !== undefined) return exact.next(count);
        const ahead = settled();
        const last = ahead[count - 1]?.score ?? Number.NEGATIVE_INFINITY;
        // Of those that score alike, the ids decide.
        const rows = ahead.filter(({ score }) => score >= last);
        const documents = await publishedOf(database, question.tenant, searched, rows);
        for (const row of rows) if (!documents.has(row)) leave(row);
        if (documents.size < count) continue;
        const next = [...documents].toSorted(([, a], [, b]) => byScore(a, b)).slice(0, count);
        for (const [row, { documentId }] of next) {
          leave(row);
          given.add(documentId);
        }
        fromLists = true;
        return { documents: next.map(([, document]) => document), exhausted: false };
      }
    },
  };
}

function keyOf({ document_no, version }: ListRow): string {
  return `${document_no} ${version}`;
}

function densest(rows: TwoLists['dense']): number[] {
  return rows.map(({ dense }) => dense).toSorted((a, b) => b - a);
}
