import type { Sessions } from '../../ports/sessions.ts';
import type { Principal } from '../../types/principal.ts';
import type { Database } from './database.ts';

/**
 * Of a session `s`: that nothing by which it was started has been revoked since. `created_at` is when the token that started it
 * was issued, as revocations count that: what ends such a token ends the session too.
 */
export const OPEN_SESSION = `NOT EXISTS (SELECT FROM revocations r WHERE r.key = ANY(s.keys) AND r.before >= s.created_at)`;

/** A session is of exactly this person through exactly these agents. */
const OF_PRINCIPAL = `s.id = $1 AND s.tenant = $2 AND s.issuer = $3 AND s.subject = $4
  AND s.actor IS NOT DISTINCT FROM $5 AND s.through = $6`;

function named(id: string, { tenant, issuer, subject, chain }: Principal): readonly unknown[] {
  const [actor = null, ...through] = chain;
  return [id, tenant, issuer, subject, actor, through];
}

export function postgresSessions(database: Database): Sessions {
  return {
    async create({ id, principal, expiresAt, keys, since }) {
      await database.prepared(
        // Takes a few expired ones along, so that they never pile up.
        `WITH expired AS (
           DELETE FROM sessions WHERE (tenant, id) IN (
             SELECT tenant, id FROM sessions WHERE expires_at < now() ORDER BY expires_at LIMIT 5)
         )
         INSERT INTO sessions (id, tenant, issuer, subject, actor, through, expires_at, keys, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
        [...named(id, principal), expiresAt, keys, since ?? '-infinity'],
      );
    },
    async isOpen(id, principal, now) {
      const { rowCount } = await database.prepared(
        `SELECT FROM sessions s WHERE ${OF_PRINCIPAL} AND s.expires_at > $7 AND ${OPEN_SESSION}`,
        [...named(id, principal), now],
      );
      return rowCount === 1;
    },
    async remembered(id, principal, now) {
      const { rows } = await database.prepared<{
        expires_at: Date;
        document_id: string | null;
        version: number;
        audience: string[];
        current: boolean;
      }>(
        `SELECT s.expires_at, m.document_id, m.version, m.audience, d.no IS NOT NULL AS current
         FROM sessions s LEFT JOIN session_documents m ON m.tenant = s.tenant AND m.session_id = s.id
         LEFT JOIN documents d ON d.tenant = s.tenant AND d.id = m.document_id AND d.published_version = m.version
         WHERE ${OF_PRINCIPAL} AND s.expires_at > $7 AND ${OPEN_SESSION}
         ORDER BY m.document_id, m.version`,
        [...named(id, principal), now],
      );
      const [first] = rows;
      if (first === undefined) return undefined;
      return {
        expiresAt: first.expires_at,
        documents: rows.flatMap(({ document_id: documentId, version, audience, current }) =>
          documentId === null ? [] : [{ documentId, version, audience, current }],
        ),
      };
    },
    async end(id, principal) {
      const { rowCount } = await database.prepared(`DELETE FROM sessions s WHERE ${OF_PRINCIPAL}`, [
        ...named(id, principal),
      ]);
      return rowCount === 1;
    },
    async endAnyones(tenant, id) {
      const { rowCount } = await database.query(`DELETE FROM sessions WHERE id = $1 AND tenant = $2`, [
        id,
        tenant,
      ]);
      return rowCount === 1;
    },
  };
}
