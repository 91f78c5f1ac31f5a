import pg from 'pg';
import type { HandOvers } from '../../ports/hand-overs.ts';
import type { Database } from './database.ts';
import { OPEN_SESSION } from './sessions.ts';

/** Of one session: versions of documents, each counted once and once for everyone of its audience. */
const MAX_REMEMBERED = 20_000;

/** The session's row was deleted while this statement ran. */
const FOREIGN_KEY_VIOLATION = '23503';

export function postgresHandOvers(database: Database): HandOvers {
  return {
    async confirm({ tenant, keys, since, session }) {
      const { id = null, audience = [], documents = [] } = session ?? {};
      const more = documents.length * (1 + audience.length);
      try {
        const { rows } = await database.prepared<{ revoked: boolean; open: boolean; filled: boolean }>(
          `WITH found AS MATERIALIZED (
             SELECT EXISTS (SELECT FROM revocations WHERE key = ANY($1::bytea[]) AND before >= $2) AS revoked,
               $3::text IS NULL OR EXISTS (SELECT FROM sessions s WHERE s.id = $3 AND s.tenant = $4 AND s.expires_at > now()
                 AND ${OPEN_SESSION}) AS open,
               $8::int > 0 AND $8 + coalesce((SELECT sum(1 + cardinality(audience)) FROM session_documents
                 WHERE tenant = $4 AND session_id = $3), 0) > ${MAX_REMEMBERED} AS filled
           ), remembered AS (
             INSERT INTO session_documents AS known (session_id, tenant, document_id, version, audience)
             SELECT $3, $4, given.id, given.version, $7::text[]
             FROM found, unnest($5::text[], $6::int[]) AS given (id, version)
             WHERE NOT revoked AND open AND NOT filled
               -- Even a row that stays as it is would be locked, and that be written to disk.
               AND NOT EXISTS (SELECT FROM session_documents same WHERE same.tenant = $4 AND same.session_id = $3
                 AND same.document_id = given.id AND same.version = given.version AND same.audience @> $7::text[])
             -- Two answers of one session would else lock the same rows in different orders, and one of them fail.
             ORDER BY given.id, given.version
             ON CONFLICT (tenant, session_id, document_id, version) DO UPDATE
               SET audience = ARRAY(SELECT DISTINCT unnest(known.audience || excluded.audience))
               WHERE NOT known.audience @> excluded.audience
           )
           SELECT revoked, open, filled FROM found`,
          [
            keys,
            since ?? '-infinity',
            id,
            tenant,
            documents.map(({ documentId }) => documentId),
            documents.map(({ version }) => version),
            audience,
            more,
          ],
        );
        const [found] = rows;
        if (found === undefined || found.revoked) return 'revoked';
        if (!found.open) return 'session_over';
        return found.filled ? 'session_full' : 'confirmed';
      } catch (error) {
        if (error instanceof pg.DatabaseError && error.code === FOREIGN_KEY_VIOLATION) return 'session_over';
        throw error;
      }
    },
  };
}
