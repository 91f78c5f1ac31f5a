import type { PermissionIndex } from '../../../ports/permission-index.ts';
import type { CandidateIndex, CandidateSearch } from '../../../ports/search.ts';
import type { Database } from '../database.ts';

/**
 * Finds one published document, and all its passages from first to last, if the permission index takes it for readable. So the
 * engine is asked the same about one that is not there as about one that may not be read, and takes as long.
 */
export async function documentSearch(
  database: Database,
  permissions: PermissionIndex,
  { tenant, readers, id }: Parameters<CandidateIndex['openDocument']>[0],
): Promise<CandidateSearch> {
  const [scope, published] = await Promise.all([
    permissions.scope(tenant, readers),
    publishedOf(database, tenant, id),
  ]);
  const found = published.filter(({ no }) => scope.kind === 'everywhere' || scope.documents.has(no));
  return {
    exact: () => true,
    narrowed: true,
    watermark: scope.watermark,
    route: () => ({ name: 'one document', why: 'One document was asked for by its id.' }),

    next: async () => ({
      documents: found.splice(0).map(({ version }) => ({ documentId: id, version, score: 1 })),
      exhausted: true,
    }),

    async within(documents) {
      const { rows } = await database.prepared<{ chunk_id: number; version: number }>(
        `SELECT c.id AS chunk_id, c.version FROM chunks c
         JOIN documents d ON d.no = c.document_no AND d.published_version = c.version
         WHERE d.tenant = $1 AND d.id = $2 AND c.version = ANY($3::int[]) ORDER BY c.ordinal`,
        [tenant, id, documents.map(({ version }) => version)],
      );
      return rows.map(({ chunk_id, version }) => ({
        documentId: id,
        version,
        chunkId: String(chunk_id),
        score: 1,
      }));
    },
  };
}

type Published = { readonly no: number; readonly version: number };

/** One or none. */
async function publishedOf(database: Database, tenant: string, id: string): Promise<readonly Published[]> {
  // Postgres refuses a NUL, even in a question.
  if (id.includes('\0')) return [];
  const { rows } = await database.prepared<Published>(
    `SELECT no, published_version AS version FROM documents
     WHERE tenant = $1 AND id = $2 AND published_version IS NOT NULL`,
    [tenant, id],
  );
  return rows;
}
