import { lexicalFactor, type PreparedQuestion } from './question-sql.ts';

/** Two lists as far as they have been read, best first. */
export type Lists = {
  /** Dense scores of the nearest chunks, also of such as may not be found. */
  readonly dense: readonly number[];
  /** The rank up to which none is overlooked. */
  readonly complete: number;
  /** Whether the vector index brought as many as it was asked for. */
  readonly full: boolean;
  /** Those of the chunks with the rarest lexemes that may be found. */
  readonly lexical: readonly { readonly dense: number; readonly lexical: number }[];
  /** How many of these were asked for. */
  readonly lexicalSize: number;
};

/** The highest fused score that a chunk in neither list can have; nothing is known of a dense list that came up short. */
export function threshold(question: PreparedQuestion, lists: Lists): number {
  const last = lists.dense[Math.min(lists.complete, lists.dense.length) - 1];
  return last === undefined || !lists.full
    ? Number.POSITIVE_INFINITY
    : question.denseWeight * last + unlistedLexical(question, lists);
}

/** The dense score at which a list has to end for a fused score to be above all that is in neither list. */
export function denseToSettle(question: PreparedQuestion, lists: Lists, score: number): number {
  return (score - unlistedLexical(question, lists)) / question.denseWeight;
}

/** What the lexical signal adds at most to a chunk that is not in the lexical list. */
function unlistedLexical(question: PreparedQuestion, { lexical, lexicalSize }: Lists): number {
  const last = lexical.length < lexicalSize ? 0 : (lexical.at(-1)?.lexical ?? 0);
  return lexicalFactor(question) * Math.max(last, question.lexical?.boundWithoutRarest ?? 0);
}

/** Scores that are near each other fall ever slower. */
const MARGIN = 1.5;

/**
 * How many chunks have a dense score as high as `least`, by what a list shows of them. Beyond its end scores fall about
 * evenly with the logarithm of their rank, as from its middle on. Infinite where they no longer fall.
 */
export function expectedRank(dense: readonly number[], least: number): number {
  const last = dense.at(-1) ?? Number.POSITIVE_INFINITY;
  if (last <= least) return dense.filter((score) => score >= least).length;
  const byDoubling = (dense[Math.floor(dense.length / 2)] ?? last) - last;
  return MARGIN * dense.length * 2 ** ((last - least) / byDoubling);
}
