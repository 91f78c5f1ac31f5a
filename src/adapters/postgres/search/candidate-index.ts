import type { Embeddings } from '../../../ports/embeddings.ts';
import type { PermissionIndex } from '../../../ports/permission-index.ts';
import type { CandidateIndex } from '../../../ports/search.ts';
import { ClearanceError } from '../../../types/errors.ts';
import { type Filter, filterFields } from '../../../types/filter.ts';
import type { Database } from '../database.ts';
import { vectorBytes } from '../vector.ts';
import { forStemmer, lexicalQuery, type QueryLexeme } from './bm25.ts';
import { type Tuning, usualTuning } from './choose-route.ts';
import { documentSearch } from './document-search.ts';
import type { PreparedQuestion } from './question-sql.ts';
import { routedSearch } from './routed-search.ts';
import { searchedBy } from './searched.ts';
import { vectorIndexIsReady } from './vector-index.ts';

export function postgresCandidateIndex(
  database: Database,
  embeddings: Embeddings,
  permissions: PermissionIndex,
  tuning: Tuning = usualTuning(embeddings.dimension),
): CandidateIndex {
  return {
    async open(asked, signal) {
      const { tenant, query, filter } = asked;
      if (filter !== undefined) await refuseUnknownFields(database, tenant, filter);
      const [searched, [embedding], statistics] = await Promise.all([
        searchedBy(database, permissions, asked),
        embeddings.embed([query], signal),
        queryStatistics(database, tenant, query),
      ]);
      if (embedding === undefined)
        throw new ClearanceError('embeddings_unavailable', 'The query was not embedded.');
      const { chunks, lexemes, total, indexed } = statistics;
      const question: PreparedQuestion = {
        tenant,
        embedding: vectorBytes(embedding),
        dimension: embeddings.dimension,
        lexical: lexicalQuery(lexemes, chunks),
        denseWeight: embeddings.denseWeight,
        ...(filter === undefined ? {} : { filter }),
      };
      const extent = { rows: searched.chunks ?? chunks, total, indexed };
      return routedSearch(database, question, searched, extent, tuning, asked.exactness);
    },

    openDocument: (asked) => documentSearch(database, permissions, asked),
  };
}

type Statistics = {
  readonly chunks: number;
  readonly lexemes: QueryLexeme[];
  /** Chunks of all tenants. */
  readonly total: number;
  readonly indexed: boolean;
};

async function queryStatistics(database: Database, tenant: string, query: string): Promise<Statistics> {
  const { rows } = await database.prepared<Statistics>(
    `SELECT coalesce((SELECT chunks FROM collections WHERE tenant = $1), 0) AS chunks, coalesce((
       SELECT jsonb_agg(jsonb_build_object('lexeme', q.lexeme, 'dimension', q.dimension, 'chunks', coalesce(f.chunks, 0)))
       FROM (SELECT lexeme, lexeme_dimension(lexeme) AS dimension FROM unnest(to_tsvector('english', $2))) q
       LEFT JOIN lexeme_frequencies f ON f.tenant = $1 AND f.dimension = q.dimension
     ), '[]') AS lexemes, (SELECT coalesce(sum(chunks), 0)::bigint FROM collections) AS total,
     ${vectorIndexIsReady} AS indexed`,
    [tenant, forStemmer(query)],
  );
  return rows[0] ?? { chunks: 0, lexemes: [], total: 0, indexed: false };
}

async function refuseUnknownFields(database: Database, tenant: string, filter: Filter): Promise<void> {
  const { rows } = await database.query<{ name: string }>(
    `SELECT name FROM unnest($2::text[]) AS asked (name)
     WHERE NOT EXISTS (SELECT FROM metadata_fields f WHERE f.tenant = $1 AND f.name = asked.name)`,
    [tenant, [...filterFields(filter)]],
  );
  if (rows.length === 0) return;
  throw new ClearanceError(
    'invalid_filter',
    `The filter names metadata that no document has: ${rows.map((row) => row.name).join(', ')}.`,
  );
}
