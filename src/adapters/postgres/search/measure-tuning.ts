import { DocumentSet } from '../../../types/document-set.ts';
import type { Database } from '../database.ts';
import { vectorBytes } from '../vector.ts';
import { type ExactRoute, type Tuning, usualTuning } from './choose-route.ts';
import { exactSearch } from './exact-search.ts';
import { leastByPassages, leastByQuestions, measureLists } from './measure-lists.ts';
import type { PreparedQuestion } from './question-sql.ts';
import type { Searched } from './searched.ts';
import { readTwoLists } from './two-lists.ts';
import { hasVectorIndex } from './vector-index.ts';

const QUESTIONS = 5;
/** By so many it is judged how much the vector index overlooks. Of fewer, chance decides. */
export const JUDGED = 100;
/** Chunks that the vector index brings. */
const BROUGHT = 300;
/** Documents that are looked up: so many that what each statement costs by itself doesn't count. */
const LISTED = 2_000;
/** Documents that a scan looks for: few, but spread so that every chunk on its way is looked up among them. */
const SPREAD = 100;

/**
 * What the routes cost on this store and machine: their own statements, with passages of the store as questions. How much the
 * vector index overlooks is judged by the vectors of real questions, where there are any.
 */
export async function measureTuning(
  database: Database,
  dimension: number,
  asked: readonly Float32Array[] = [],
): Promise<Tuning> {
  const usual = usualTuning(dimension);
  const questions = await sampleQuestions(database, QUESTIONS);
  const [first] = questions;
  if (first === undefined) return usual;
  const listed = await sampleDocuments(database, first.tenant, LISTED);
  const few = await sampleDocuments(database, first.tenant, SPREAD);
  const { rows } = await database.query<{ all: number; tenants: number }>(
    `SELECT sum(chunks)::bigint AS all, coalesce(sum(chunks) FILTER (WHERE tenant = $1), 0)::bigint AS tenants FROM collections`,
    [first.tenant],
  );
  const { all = 0, tenants = 0 } = rows[0] ?? {};

  const exactly = (searched: Searched, by: ExactRoute) =>
    median(questions, (question) => exactSearch(database, question, searched, by).next(1));
  const passed = await exactly(few, 'scan');
  const scored = await exactly(everyDocument, 'scan');
  const looked = await exactly(listed, 'listed');
  const { least, forEachRank } = usual;
  const lists = (await hasVectorIndex(database))
    ? {
        visited: perChunk(await median(questions, (question) => bringNearest(database, question)), BROUGHT),
        ...(await (asked.length === 0
          ? measureLists(database, await sampleQuestions(database, JUDGED), everyDocument, leastByPassages)
          : measureLists(
              database,
              asked.map((vector) => ({ ...first, embedding: vectorBytes(vector) })),
              everyDocument,
              leastByQuestions,
            ))),
      }
    : { visited: usual.visited, least, forEachRank };
  return {
    listed: perChunk(looked, listed.chunks ?? 0),
    scanned: perChunk(passed, all),
    scored: perChunk(scored - passed, tenants),
    ...lists,
  };
}

/** Of one tenant. The words of a passage are its own question's. */
async function sampleQuestions(database: Database, count: number): Promise<PreparedQuestion[]> {
  const { rows } = await database.query<{
    tenant: string;
    embedding: Buffer;
    dimension: number;
    weights: string;
  }>(
    `SELECT tenant, vector_send(embedding) AS embedding, vector_dims(embedding) AS dimension, weights::text AS weights FROM chunks
     WHERE tenant = (SELECT tenant FROM collections ORDER BY chunks DESC LIMIT 1) ORDER BY random() LIMIT ${count}`,
  );
  return rows.map(({ tenant, embedding, dimension, weights }) => ({
    tenant,
    embedding,
    dimension,
    lexical: { sparse: weights, bound: 1, rarest: '', boundWithoutRarest: 0 },
    denseWeight: 0.5,
  }));
}

async function sampleDocuments(database: Database, tenant: string, count: number): Promise<Searched> {
  const { rows } = await database.query<{ no: number; chunks: number }>(
    `SELECT no, chunks FROM documents WHERE tenant = $1 AND chunks > 0 ORDER BY random() LIMIT $2`,
    [tenant, count],
  );
  const documents = DocumentSet.of(rows.map(({ no }) => no));
  return { ...everyDocument, documents, chunks: rows.reduce((sum, { chunks }) => sum + chunks, 0) };
}

const everyDocument: Searched = {
  watermark: '',
  narrowed: true,
  why: '',
  documents: undefined,
  chunks: undefined,
  published: () => undefined,
};

function bringNearest(database: Database, question: PreparedQuestion): Promise<void> {
  const nearest = { ...question, lexical: undefined };
  return readTwoLists(database, nearest, everyDocument, { lexical: 0, dense: BROUGHT }, ({ dense, full }) => {
    const goal = full ? BROUGHT : dense.length;
    return { visited: goal, fetched: goal };
  });
}

/** Milliseconds, the second time: what is asked for is mostly what was asked for lately. */
async function median(
  questions: readonly PreparedQuestion[],
  ask: (question: PreparedQuestion) => Promise<unknown>,
): Promise<number> {
  const times: number[] = [];
  for (const question of questions) {
    await ask(question);
    const begin = performance.now();
    await ask(question);
    times.push(performance.now() - begin);
  }
  return times.toSorted((a, b) => a - b)[Math.floor(questions.length / 2)] ?? 0;
}

/** Microseconds; noise may bring a difference below 0. */
function perChunk(milliseconds: number, chunks: number): number {
  return Math.max(0.01, (milliseconds * 1_000) / Math.max(1, chunks));
}
