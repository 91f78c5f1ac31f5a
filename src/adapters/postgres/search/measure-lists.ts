import type { Database } from '../database.ts';
import type { Tuning } from './choose-route.ts';
import type { PreparedQuestion } from './question-sql.ts';
import type { Searched } from './searched.ts';
import { readTwoLists } from './two-lists.ts';

/** The two ranks by which a list's length is known for all. */
const NEAR = 10;
const FAR = 100;
/** Of the chunks up to a rank, how many a list has to have. */
const GOAL = 0.99;
/** A list that no search can afford: of a vector index that overlooks too many. */
const NEVER = 1e9;
const LENGTHS = [20, 30, 40, 60, 90, 130, 190, 270, 390, 560, 800, 1_000];

type ListLength = Pick<Tuning, 'least' | 'forEachRank'>;

/**
 * What is demanded at least where passages stand in for questions: their neighbours are easier to find. With the 40 to 110 that
 * were enough for passages of `k8s-acl`, the recall of questions fell to 0.975 (`npm run bench:retrieve`); with 200 in one cell of 16, of one
 * of the indexes that chance has built.
 */
export const leastByPassages: ListLength = { least: 300, forEachRank: 2 };
/** By questions: a list has to have as many chunks as the rank it is complete up to. */
export const leastByQuestions: ListLength = { least: 10, forEachRank: 1 };

/** How long a list of the vector index has to be for nothing up to a rank to be overlooked. */
export async function measureLists(
  database: Database,
  questions: readonly PreparedQuestion[],
  searched: Searched,
  atLeast: ListLength,
): Promise<ListLength> {
  const exact = new Map<PreparedQuestion, readonly number[]>();
  for (const question of questions) exact.set(question, await nearestScores(database, question));
  const recalls: { length: number; near: number; far: number }[] = [];
  for (const length of LENGTHS) {
    const recall = { length, near: 0, far: 0 };
    for (const [question, best] of exact) {
      const found = await headOf(database, question, searched, length);
      recall.near += recallAt(NEAR, best, found) / questions.length;
      recall.far += recallAt(FAR, best, found) / questions.length;
    }
    recalls.push(recall);
    if (recall.far >= GOAL) break;
  }
  const near = recalls.find((recall) => recall.near >= GOAL)?.length;
  const far = recalls.find((recall) => recall.far >= GOAL)?.length;
  if (near === undefined || far === undefined) return { ...atLeast, least: NEVER };
  const forEachRank = Math.max(atLeast.forEachRank, (far - near) / (FAR - NEAR));
  return { least: Math.max(atLeast.least, near - forEachRank * NEAR), forEachRank };
}

/** By score: of chunks that score alike, any will do. */
function recallAt(rank: number, best: readonly number[], found: readonly number[]): number {
  const count = Math.min(rank, best.length);
  const least = best[count - 1] ?? 0;
  return count === 0 ? 1 : Math.min(1, found.filter((score) => score >= least).length / count);
}

/** Dense scores of the nearest chunks of all, by a scan. */
async function nearestScores(
  database: Database,
  { embedding }: PreparedQuestion,
): Promise<readonly number[]> {
  const { rows } = await database.query<{ score: number }>(
    `SELECT score FROM (SELECT -(embedding <#> $1::vector) AS score FROM chunks OFFSET 0) c ORDER BY score DESC LIMIT ${FAR}`,
    [embedding],
  );
  return rows.map(({ score }) => score);
}

/** Dense scores of the first chunks of a list. */
async function headOf(
  database: Database,
  question: PreparedQuestion,
  searched: Searched,
  length: number,
): Promise<readonly number[]> {
  let head: readonly number[] = [];
  await readTwoLists(
    database,
    { ...question, lexical: undefined },
    searched,
    { lexical: 0, dense: length },
    ({ dense, full }) => {
      head = dense.map((row) => row.dense);
      return { visited: length, fetched: dense.length === 0 && full ? Math.min(FAR, length) : dense.length };
    },
  );
  return head;
}
