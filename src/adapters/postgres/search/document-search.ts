import type { CandidateSearch } from '../../../ports/search.ts';
import type { Database } from '../database.ts';

/** Finds one published document, and all its passages from first to last. */
export function documentSearch(database: Database, tenant: string, documentId: string): CandidateSearch {
  let asked = false;
  return {
    exact: () => true,
    narrowed: true,
    route: () => ({ name: 'one document', why: 'One document was asked for by its id.' }),

    async next() {
      // Postgres refuses a NUL, even in a question.
      if (asked || documentId.includes('\0')) return { documents: [], exhausted: true };
      asked = true;
      const { rows } = await database.prepared<{ version: number }>(
        `SELECT published_version AS version FROM documents
         WHERE tenant = $1 AND id = $2 AND published_version IS NOT NULL`,
        [tenant, documentId],
      );
      return { documents: rows.map(({ version }) => ({ documentId, version, score: 1 })), exhausted: true };
    },

    async within(documents) {
      const { rows } = await database.prepared<{ chunk_id: number; version: number }>(
        `SELECT c.id AS chunk_id, c.version FROM chunks c
         JOIN documents d ON d.no = c.document_no AND d.published_version = c.version
         WHERE d.tenant = $1 AND d.id = $2 AND c.version = ANY($3::int[]) ORDER BY c.ordinal`,
        [tenant, documentId, documents.map(({ version }) => version)],
      );
      return rows.map(({ chunk_id, version }) => ({
        documentId,
        version,
        chunkId: String(chunk_id),
        score: 1,
      }));
    },
  };
}
