import type { Database } from '../../../src/adapters/postgres/database.ts';
import { SERVICE_ROLE } from '../../../src/adapters/postgres/grants.ts';
import type { Caller } from './callers.ts';
import type { Answer, Strategy } from './strategy.ts';
import { K, type Query } from './truth.ts';

/** As the FGA retriever of Auth0's SDK for agents does by default. */
const FILTERED = 100;
const TOP_UP = 4;
const MAX_EF_SEARCH = 1_000;
const WITHOUT_LIMIT = 2_147_483_647;

/** Where an approximate scan gives up. */
export type Effort = { readonly efSearch: number; readonly maxScanned: number };
const usualEffort: Effort = { efSearch: 40, maxScanned: 20_000 };

/**
 * What others do, each as one would write it by hand: straight on the table of chunks, without a look at tenant or version.
 * An index is forced where the name says which.
 */
export function competitors(database: Database, dimension: number, count: number) {
  const near = `c.embedding::vector(${dimension}) <#> $1::vector(${dimension})`;
  const exact = `c.embedding <#> $1::vector`;

  async function numbers(settings: string, sql: string, values: unknown[]): Promise<number[]> {
    return database.transaction(async (tx) => {
      if (settings !== '') await tx.query(settings);
      const { rows } = await tx.query<{ no: number }>(sql, values);
      return rows.map(({ no }) => no);
    });
  }
  /** What the search gives is what may be read, so every document given is asked about and no other. */
  const readable = (documents: number[]): Answer => ({ documents, checks: documents.length });
  const everything = ({ readable: { size } }: Caller) => size === count;
  const bitmap = ({ readable: { bits, first, last } }: Caller) => [Buffer.from(bits), first, last];
  const inBitmap = `WHERE CASE WHEN c.document_no BETWEEN $3 AND $4
    THEN get_bit($2::bytea, c.document_no - $3) = 1 ELSE false END`;

  async function nearest(query: Query, limit: number): Promise<number[]> {
    const ef = Math.min(limit, MAX_EF_SEARCH);
    return numbers(
      `SET LOCAL hnsw.iterative_scan = strict_order; SET LOCAL hnsw.ef_search = ${ef};
       SET LOCAL hnsw.max_scan_tuples = ${WITHOUT_LIMIT}; SET LOCAL hnsw.scan_mem_multiplier = 1000`,
      `SELECT c.document_no AS no FROM chunks c ORDER BY ${near} LIMIT ${limit}`,
      [query.literal],
    );
  }

  /** All the readable documents' numbers go with each query; the time to have them listed does not count. */
  const withList = (name: string, settings: string, order: string): Strategy => ({
    name,
    ask: async (query, caller) =>
      readable(
        await numbers(
          settings,
          `SELECT c.document_no AS no FROM chunks c WHERE c.document_no = ANY($2::bigint[])
           ORDER BY ${order} LIMIT ${K}`,
          [query.literal, caller.readable.numbers()],
        ),
      ),
  });

  return {
    searchThenFilter: {
      name: 'search, then filter 100',
      async ask(query, caller) {
        const found = await nearest(query, FILTERED);
        const allowed = found.filter((number) => caller.readable.has(number));
        return { documents: allowed.slice(0, K), checks: found.length };
      },
    },
    topUp: {
      name: 'top-up loop',
      async ask(query, caller) {
        for (let limit = FILTERED; ; limit *= TOP_UP) {
          const found = await nearest(query, limit);
          const allowed = found.filter((number) => caller.readable.has(number));
          if (allowed.length >= K || found.length < limit)
            return { documents: allowed.slice(0, K), checks: found.length };
        }
      },
    },
    listed: withList('list, = ANY', '', exact),
    rowLevelSecurity: {
      name: 'row-level security',
      ask: async (query, { user }) =>
        readable(
          await numbers(
            `SET LOCAL ROLE ${SERVICE_ROLE}; SET LOCAL bench.reader = '${user}';
             SET LOCAL hnsw.iterative_scan = strict_order`,
            `SELECT c.document_no AS no FROM chunks c ORDER BY ${near} LIMIT ${K}`,
            [query.literal],
          ),
        ),
    },
    iterative: withList(
      'iterative scan, = ANY',
      `${settingsOf(usualEffort)}; SET LOCAL enable_sort = off`,
      near,
    ),
    /** The rows one by one, by the index on documents: the best plan for few. */
    exactByIndex: {
      name: 'exact, by index',
      ask: async (query, caller) =>
        readable(
          await numbers(
            'SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off',
            `SELECT c.document_no AS no FROM unnest($2::bigint[]) AS r (no) JOIN chunks c ON c.document_no = r.no
             ORDER BY ${exact} LIMIT ${K}`,
            [query.literal, caller.readable.numbers()],
          ),
        ),
    },
    /** The whole table with a bitmap: the best plan for many. */
    exactByScan: {
      name: 'exact, by scan',
      ask: async (query, caller) =>
        readable(
          await numbers(
            '',
            `SELECT c.document_no AS no FROM chunks c ${everything(caller) ? '' : inBitmap}
             ORDER BY ${exact} LIMIT ${K}`,
            [query.literal, ...(everything(caller) ? [] : bitmap(caller))],
          ),
        ),
    },
    /** With a bitmap, which costs less than a list, and without one where everything may be read. */
    approximate: (effort: Effort): Strategy => ({
      name: 'approximate, recall 0.99',
      ask: async (query, caller) =>
        readable(
          await numbers(
            `${settingsOf(effort)}; SET LOCAL enable_sort = off`,
            `SELECT c.document_no AS no FROM chunks c ${everything(caller) ? '' : inBitmap}
             ORDER BY ${near} LIMIT ${K}`,
            [query.literal, ...(everything(caller) ? [] : bitmap(caller))],
          ),
        ),
    }),
  } satisfies Record<string, Strategy | ((effort: Effort) => Strategy)>;
}

function settingsOf({ efSearch, maxScanned }: Effort): string {
  // Its memory is the other limit of a scan.
  return `SET LOCAL hnsw.iterative_scan = strict_order; SET LOCAL hnsw.ef_search = ${efSearch};
    SET LOCAL hnsw.max_scan_tuples = ${maxScanned}; SET LOCAL hnsw.scan_mem_multiplier = ${maxScanned > usualEffort.maxScanned ? 1_000 : 1}`;
}

/** From the least on. */
export const efforts: readonly Effort[] = [
  ...[40, 80, 160, 320, 640, 1_000].map((efSearch) => ({ efSearch, maxScanned: usualEffort.maxScanned })),
  ...[40, 160, 640, 1_000].map((efSearch) => ({ efSearch, maxScanned: WITHOUT_LIMIT })),
];

/** A table of who may read what, and a policy on the chunks that asks it. */
export async function addRowLevelSecurity(database: Database, callers: readonly Caller[]): Promise<void> {
  await database.query(
    'CREATE TABLE bench_access (reader text, document_no bigint, PRIMARY KEY (reader, document_no))',
  );
  for (const { user, readable } of callers) {
    await database.query('INSERT INTO bench_access SELECT $1, * FROM unnest($2::bigint[])', [
      user,
      readable.numbers(),
    ]);
  }
  await database.query('VACUUM ANALYZE bench_access');
  await database.query(`GRANT SELECT ON bench_access TO ${SERVICE_ROLE}`);
  await database.query('ALTER TABLE chunks ENABLE ROW LEVEL SECURITY');
  await database.query(`CREATE POLICY readable ON chunks USING (EXISTS (
    SELECT FROM bench_access a WHERE a.reader = current_setting('bench.reader') AND a.document_no = chunks.document_no))`);
}
