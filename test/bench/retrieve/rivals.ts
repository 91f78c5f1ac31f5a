import { randomBytes } from 'node:crypto';
import { OpenFgaClient } from '@openfga/sdk';
import type { Database } from '../../../src/adapters/postgres/database.ts';
import { SERVICE_ROLE } from '../../../src/adapters/postgres/grants.ts';
import { vectorLiteral } from '../../../src/adapters/postgres/vector.ts';
import type { Embeddings } from '../../../src/ports/embeddings.ts';
import { batches } from '../../../src/types/batches.ts';
import type { FgaServer } from './auth0.ts';
import { EXACT_SEARCH, SEARCH, TRIP } from './measure.ts';
import type { Asked, Found, Strategy } from './strategy.ts';

const MORE = 4;
const FIRST = 50;
const MAX_CHECKS = 50;
/** What the vector index is asked to look for; pgvector's limit, beyond which the search is exact. */
const LEAST_LOOKED_FOR = 100;
const MAX_LOOKED_FOR = 1_000;
/** Roles belong to the whole server: one of this run's own. */
const READER = `bench_reader_${randomBytes(4).toString('hex')}`;

/** What others do, each as one would write it by hand. All rank by the vectors alone. */
export function rivals(database: Database, embeddings: Embeddings, server: FgaServer) {
  const client = new OpenFgaClient({
    apiUrl: server.apiUrl,
    storeId: server.storeId,
    authorizationModelId: server.modelId,
    credentials: { method: 'api_token', config: { token: server.token } } as never,
  });

  /** The nearest passages by the vector index or, of these documents or this reader's, by an exact search. */
  async function nearest(
    query: string,
    limit: number,
    {
      documents,
      reader,
      exact = false,
    }: { documents?: readonly string[]; reader?: string; exact?: boolean } = {},
  ): Promise<readonly Found[]> {
    const [embedding = new Float32Array()] = await embeddings.embed([query]);
    const narrowed = documents !== undefined || reader !== undefined;
    const indexed = !exact && !narrowed && limit <= MAX_LOOKED_FOR;
    const column = indexed ? `c.embedding::vector(${embeddings.dimension})` : 'c.embedding';
    const among =
      documents === undefined
        ? ''
        : 'WHERE c.document_no = ANY(ARRAY(SELECT no FROM documents WHERE id = ANY($3::text[])))';
    const values = [vectorLiteral(embedding), limit, ...(documents === undefined ? [] : [documents])];
    const text = `SELECT c.id AS "chunkId", d.id AS "documentId", t.text, c.score FROM (
        SELECT c.id, c.document_no, -(c.embedding <#> $1::vector) AS score FROM chunks c ${among}
        ORDER BY ${column} <#> $1::vector LIMIT $2) c
      JOIN documents d ON d.no = c.document_no JOIN chunk_texts t ON t.chunk_id = c.id ORDER BY score DESC`;
    if (indexed) {
      const lookFor = `SET LOCAL hnsw.ef_search = ${Math.max(LEAST_LOOKED_FOR, limit)}`;
      return database.transaction(async (tx) => (await tx.query<Found>(text, values)).rows, lookFor);
    }
    if (reader === undefined) return (await database.query<Found>(text, values)).rows;
    return database.transaction(async (tx) => {
      await tx.query(`SET LOCAL ROLE ${READER}`);
      await tx.query(`SELECT set_config('bench.reader', $1, true)`, [reader]);
      return (await tx.query<Found>(text, values)).rows;
    });
  }

  async function allowedOf(user: string, found: readonly Found[]): Promise<ReadonlySet<string>> {
    const ids = [...new Set(found.map(({ documentId }) => documentId))];
    const answers = await Promise.all(
      Array.from(batches(ids, MAX_CHECKS), (some) =>
        client.batchCheck(
          {
            checks: some.map((id, i) => ({
              user,
              relation: 'can_read',
              object: `document:${id}`,
              correlationId: `c${i}`,
            })),
          },
          { consistency: 'HIGHER_CONSISTENCY' as never },
        ),
      ),
    );
    return new Set(
      answers.flatMap(({ result }) =>
        result
          .filter(({ allowed }) => allowed)
          .map(({ request }) => request.object.slice('document:'.length)),
      ),
    );
  }

  const unprotected: Strategy = {
    name: SEARCH,
    score: 'dense',
    ask: async ({ query, k }) => ({ found: await nearest(query, k), checks: 0 }),
  };
  const unprotectedExact: Strategy = {
    name: EXACT_SEARCH,
    score: 'dense',
    ask: async ({ query, k }) => ({ found: await nearest(query, k, { exact: true }), checks: 0 }),
  };
  const oneCheck: Strategy = {
    name: TRIP,
    score: 'dense',
    async ask({ user }) {
      await client.batchCheck(
        { checks: [{ user, relation: 'member', object: 'group:none', correlationId: 'c0' }] },
        { consistency: 'HIGHER_CONSISTENCY' as never },
      );
      return { found: [], checks: 1 };
    },
  };
  const topUp: Strategy = {
    name: 'top-up, full checks',
    score: 'dense',
    async ask({ user, query, k }: Asked) {
      let checks = 0;
      const known = new Map<string, boolean>();
      for (let limit = FIRST; ; limit *= MORE) {
        const found = await nearest(query, limit);
        const unknown = found.filter(({ documentId }) => !known.has(documentId));
        const allowed = await allowedOf(user, unknown);
        for (const { documentId } of unknown) known.set(documentId, allowed.has(documentId));
        checks += new Set(unknown.map(({ documentId }) => documentId)).size;
        const kept = found.filter(({ documentId }) => known.get(documentId) === true);
        if (kept.length >= k || found.length < limit) return { found: kept.slice(0, k), checks };
      }
    },
  };
  const listed: Strategy = {
    name: 'list-objects, = ANY',
    score: 'dense',
    async ask({ user, query, k }) {
      const { objects } = await client.listObjects(
        { user, relation: 'can_read', type: 'document' },
        { consistency: 'HIGHER_CONSISTENCY' as never },
      );
      const documents = objects.map((object) => object.slice('document:'.length));
      return { found: await nearest(query, k, { documents }), checks: 1 };
    },
  };
  const rowLevelSecurity: Strategy = {
    name: 'row-level security',
    score: 'dense',
    ask: async ({ user, query, k }) => ({ found: await nearest(query, k, { reader: user }), checks: 0 }),
  };
  return {
    nearest,
    unprotected: [unprotected, unprotectedExact],
    oneCheck,
    others: [topUp, listed, rowLevelSecurity],
  };
}

/** A flat table of who may read what, and a policy that asks it. It is nobody's truth: changes have to be written to it. */
export async function addRowLevelSecurity(
  database: Database,
  reads: ReadonlyMap<string, ReadonlySet<string>>,
): Promise<void> {
  await database.query(
    'CREATE TABLE bench_access (reader text, document_no bigint, PRIMARY KEY (reader, document_no))',
  );
  for (const [user, documents] of reads) {
    await database.query('INSERT INTO bench_access SELECT $1, no FROM documents WHERE id = ANY($2::text[])', [
      user,
      [...documents],
    ]);
  }
  await database.query('VACUUM ANALYZE bench_access');
  await database.query(`CREATE ROLE ${READER}`);
  await database.query(`GRANT SELECT ON chunks, documents, chunk_texts, bench_access TO ${READER}`);
  await database.query('ALTER TABLE chunks ENABLE ROW LEVEL SECURITY');
  await database.query(`CREATE POLICY service ON chunks TO ${SERVICE_ROLE} USING (true)`);
  await database.query(`CREATE POLICY readable ON chunks TO ${READER} USING (EXISTS (
    SELECT FROM bench_access a WHERE a.reader = current_setting('bench.reader') AND a.document_no = chunks.document_no))`);
}

export async function dropRowLevelSecurity(database: Database): Promise<void> {
  await database.query(`DROP OWNED BY ${READER}`);
  await database.query(`DROP ROLE ${READER}`);
}
