import type { Sessions } from '../../ports/sessions.ts';
import type { Database } from './database.ts';

export function postgresSessions(database: Database): Sessions {
  return {
    async create({ id, principal, expiresAt }) {
      await database.prepared(
        // Takes a few expired ones along, so that they never pile up.
        `WITH expired AS (
           DELETE FROM sessions WHERE (tenant, id) IN (
             SELECT tenant, id FROM sessions WHERE expires_at < now() ORDER BY expires_at LIMIT 5)
         )
         INSERT INTO sessions (id, tenant, issuer, subject, actor, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`,
        [id, principal.tenant, principal.issuer, principal.subject, principal.actor ?? null, expiresAt],
      );
    },
    async isOpen(id, principal, now) {
      const { rowCount } = await database.prepared(
        `SELECT FROM sessions WHERE id = $1 AND tenant = $2 AND issuer = $3 AND subject = $4
           AND actor IS NOT DISTINCT FROM $5 AND expires_at > $6`,
        [id, principal.tenant, principal.issuer, principal.subject, principal.actor ?? null, now],
      );
      return rowCount === 1;
    },
    async end(id, principal) {
      const { rowCount } = await database.prepared(
        `DELETE FROM sessions WHERE id = $1 AND tenant = $2 AND issuer = $3 AND subject = $4
           AND actor IS NOT DISTINCT FROM $5`,
        [id, principal.tenant, principal.issuer, principal.subject, principal.actor ?? null],
      );
      return rowCount === 1;
    },
  };
}
