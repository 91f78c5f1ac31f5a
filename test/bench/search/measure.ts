import type { Database } from '../../../src/adapters/postgres/database.ts';
import type { Caller } from './callers.ts';
import { CONNECTIONS } from './collection.ts';
import { randomFrom, shuffled } from './random.ts';
import type { Strategy } from './strategy.ts';
import { type Query, recallOf, type Truth } from './truth.ts';
import type { Vectors } from './vectors.ts';

export type Measured = {
  readonly recall: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p95: number;
  /** The mean of all queries. */
  readonly checks: number;
  /** Rows of `chunks` that the first query fetched. */
  readonly rows: number;
};

export type Asked = { readonly query: Query; readonly truth: Truth };

/**
 * One query after another, each put to every strategy, so that noise hits all alike; in an order drawn anew each time, for
 * each leaves its rows in the caches for the next.
 */
export async function measure(
  database: Database,
  vectors: Vectors,
  caller: Caller,
  asked: readonly Asked[],
  strategies: readonly Strategy[],
): Promise<Map<Strategy, Measured>> {
  const [first] = asked;
  if (first === undefined) throw new Error('no queries');
  const taken = new Map(strategies.map((each) => [each, { times: [0], recall: 0, checks: 0, rows: 0 }]));
  for (const [strategy, sums] of taken) {
    sums.times = [];
    sums.rows = await rowsFetched(database, () => strategy.ask(first.query, caller));
  }
  const random = randomFrom(17);
  for (const { query, truth } of asked) {
    for (const i of shuffled(strategies.length, random)) {
      const strategy = strategies[i];
      const sums = strategy && taken.get(strategy);
      if (strategy === undefined || sums === undefined) continue;
      const begin = performance.now();
      const { documents, checks } = await strategy.ask(query, caller);
      sums.times.push(performance.now() - begin);
      sums.recall += recallOf(vectors, query, caller, truth, documents);
      sums.checks += checks;
    }
  }
  return new Map(
    [...taken].map(([strategy, { times, rows, ...sums }]) => [
      strategy,
      {
        rows,
        // Rounded, for 0.99 may come out as a little less.
        recall: Math.round((sums.recall / asked.length) * 1e6) / 1e6,
        checks: sums.checks / asked.length,
        p50: quantile(times, 0.5),
        p95: quantile(times, 0.95),
      },
    ]),
  );
}

/** Whether a strategy reaches a recall. It stops as soon as it no longer can. */
export async function reaches(
  strategy: Strategy,
  vectors: Vectors,
  caller: Caller,
  asked: readonly Asked[],
  least: number,
): Promise<boolean> {
  let missed = 0;
  for (const { query, truth } of asked) {
    const { documents } = await strategy.ask(query, caller);
    missed += 1 - recallOf(vectors, query, caller, truth, documents);
    if (missed > (1 - least) * asked.length + 1e-9) return false;
  }
  return true;
}

/** Of `chunks`, as Postgres counts them: what a sequential scan passes over too, what HNSW visits within itself not. */
async function rowsFetched(database: Database, work: () => Promise<unknown>): Promise<number> {
  const before = await fetchedSoFar(database);
  await work();
  return (await fetchedSoFar(database)) - before;
}

async function fetchedSoFar(database: Database): Promise<number> {
  await flushCounters(database);
  const { rows } = await database.query<{ fetched: number }>(
    `SELECT seq_tup_read + idx_tup_fetch AS fetched FROM pg_stat_user_tables WHERE relname = 'chunks'`,
  );
  return rows[0]?.fetched ?? 0;
}

/** A backend reports what it has counted once a second, unless told to: each of them, so all are kept busy at once. */
export async function flushCounters(database: Database): Promise<void> {
  await Promise.all(
    Array.from({ length: CONNECTIONS }, () =>
      database.query('SELECT pg_stat_force_next_flush(), pg_sleep(0.02)'),
    ),
  );
}

export function quantile(times: readonly number[], share: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
