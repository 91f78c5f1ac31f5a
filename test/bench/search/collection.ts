import type { RealParts } from '../../../scripts/parts/addresses.ts';
import type { Database } from '../../../src/adapters/postgres/database.ts';
import { ensureVectorIndex } from '../../../src/adapters/postgres/search/vector-index.ts';
import { openServer } from '../../../src/adapters/postgres/server.ts';
import { setUpServer } from '../../../src/adapters/postgres/set-up.ts';
import { vectorLiteral } from '../../../src/adapters/postgres/vector.ts';
import type { Embeddings } from '../../../src/ports/embeddings.ts';
import { batches } from '../../../src/types/batches.ts';
import { DEFAULT_TENANT } from '../../../src/types/principal.ts';
import { freshDatabase } from '../../support/real-parts.ts';
import type { Tuple } from './callers.ts';
import { numberOf, type Vectors, vectorAt } from './vectors.ts';

/** As many as one search of ours uses at a time. */
export const CONNECTIONS = 3;
const CHUNKS_A_STATEMENT = 2_000;
const TUPLES_A_STATEMENT = 20_000;

export type Collection = {
  /** As superuser: row-level security holds for nobody but who takes the service's role. */
  readonly database: Database;
  readonly embeddings: Embeddings;
  /** Seconds. */
  readonly indexed: number;
  close(): Promise<void>;
};

/** A database of its own with documents of one chunk each, the product's index on them, and relationships. */
export async function openCollection(
  postgres: RealParts['postgres'],
  vectors: Vectors,
  tuples: readonly Tuple[],
): Promise<Collection> {
  const embeddings = embeddingsOf(vectors);
  const fresh = await freshDatabase(postgres);
  await setUpServer(fresh.ownerUrl, embeddings);
  const database = openServer(fresh.url, { poolSize: CONNECTIONS, unhurried: true });
  const close = async () => {
    await database.close();
    await fresh.close();
  };
  try {
    await insertDocuments(database, vectors);
    await insertTuples(database, tuples);
    const indexed = await buildIndex(fresh.ownerUrl, vectors.dimension);
    await database.query('VACUUM ANALYZE');
    return { database, embeddings, indexed, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A query is the number of a vector. */
function embeddingsOf(vectors: Vectors): Embeddings {
  return {
    model: `${vectors.name}-${vectors.dimension}`,
    dimension: vectors.dimension,
    denseWeight: 1,
    embed: async (texts) => texts.map((text) => vectorAt(vectors, numberOf(text))),
  };
}

async function insertDocuments(database: Database, vectors: Vectors): Promise<void> {
  const { count } = vectors;
  await database.query(
    `INSERT INTO documents (no, tenant, id, source, version, published_version, chunks, changed)
     OVERRIDING SYSTEM VALUE SELECT n, $1, 'd' || n, 'bench', 1, 1, 1, 1 FROM generate_series(1, $2::int) n`,
    [DEFAULT_TENANT, count],
  );
  await database.query(
    `INSERT INTO versions (document_no, version, title, metadata, text_hash)
     SELECT n, 1, 'Document ' || n, '{}', '' FROM generate_series(1, $1::int) n`,
    [count],
  );
  for (let from = 0; from < count; from += CHUNKS_A_STATEMENT) {
    const length = Math.min(CHUNKS_A_STATEMENT, count - from);
    await database.query(
      `INSERT INTO chunks (document_no, version, ordinal, embedding, weights, lexemes, text_hash, tenant)
       SELECT $2::int + n, 1, 0, embedding::vector, '{}/536870912', '', '', $1
       FROM unnest($3::text[]) WITH ORDINALITY AS u (embedding, n)`,
      [DEFAULT_TENANT, from, Array.from({ length }, (_, i) => vectorLiteral(vectorAt(vectors, from + i)))],
    );
  }
  await database.query(`INSERT INTO chunk_texts (chunk_id, text) SELECT id, 'Passage ' || id FROM chunks`);
  await database.query(`INSERT INTO collections (tenant, chunks) VALUES ($1, $2)`, [DEFAULT_TENANT, count]);
}

/** As one change: the index is made from the table, and not from the log. */
async function insertTuples(database: Database, tuples: readonly Tuple[]): Promise<void> {
  await database.query(`INSERT INTO relationship_versions (tenant, version) VALUES ($1, 1)`, [
    DEFAULT_TENANT,
  ]);
  for (const batch of batches(tuples, TUPLES_A_STATEMENT)) {
    await database.query(
      `INSERT INTO relationships (tenant, object, relation, "user")
       SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[])`,
      [DEFAULT_TENANT, ...[0, 1, 2].map((column) => batch.map((tuple) => tuple[column]))],
    );
  }
}

/** In memory: an index that outgrows `maintenance_work_mem` takes many times as long. */
async function buildIndex(ownerUrl: string, dimension: number): Promise<number> {
  const url = new URL(ownerUrl);
  url.searchParams.set('options', '-c maintenance_work_mem=2GB -c max_parallel_maintenance_workers=1');
  const database = openServer(url.href, { poolSize: 1, unhurried: true });
  try {
    const begin = performance.now();
    await ensureVectorIndex(database, dimension, { from: 1 });
    return (performance.now() - begin) / 1_000;
  } finally {
    await database.close();
  }
}
