import type { Database } from '../database.ts';
import type { Tuning } from './choose-route.ts';
import type { PreparedQuestion } from './question-sql.ts';
import type { Searched } from './searched.ts';
import { readTwoLists } from './two-lists.ts';

/** The two ranks by which a list's length is known for all. */
const NEAR = 10;
const FAR = 50;
/** Of the chunks up to a rank, how many a list has to have. */
const GOAL = 0.99;
/**
 * The neighbours of passages, by which this is measured, are easier to find than those of questions: with the 40 to 110 that were
 * enough for passages of `k8s-acl`, the recall of questions fell to 0.975 (`npm run bench:retrieve`).
 */
const LEAST = 200;
/** Of ranks beyond those that are measured, nothing better is known. */
const LEAST_SLOPE = 2;
/** A list that no search can afford: of a vector index that overlooks too many. */
const NEVER = 1e9;
const LENGTHS = [60, 90, 130, 190, 270, 390, 560, 800, 1_000];

/** How long a list of the vector index has to be for nothing up to a rank to be overlooked, by searches for passages of the store. */
export async function measureLists(
  database: Database,
  questions: readonly PreparedQuestion[],
  searched: Searched,
): Promise<Pick<Tuning, 'least' | 'forEachRank'>> {
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
  const near = lengthOf(recalls.map((recall) => [recall.length, recall.near]));
  const far = lengthOf(recalls.map((recall) => [recall.length, recall.far]));
  if (near === undefined || far === undefined) return { least: NEVER, forEachRank: LEAST_SLOPE };
  const forEachRank = Math.max(LEAST_SLOPE, (far - near) / (FAR - NEAR));
  return { least: Math.max(LEAST, near - forEachRank * NEAR), forEachRank };
}

/** Where the recall comes to the goal, between one length and the next; undefined where it doesn't. */
function lengthOf(recalls: readonly (readonly [length: number, recall: number])[]): number | undefined {
  const at = recalls.findIndex(([, recall]) => recall >= GOAL);
  const [enough, before] = [recalls[at], recalls[at - 1]];
  if (enough === undefined || before === undefined) return enough?.[0];
  const part = (GOAL - before[1]) / (enough[1] - before[1]);
  return before[0] + part * (enough[0] - before[0]);
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
