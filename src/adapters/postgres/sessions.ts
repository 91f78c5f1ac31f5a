import type { Sessions } from '../../ports/sessions.ts';
import type { Principal } from '../../types/principal.ts';
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
         INSERT INTO sessions (id, tenant, issuer, subject, actor, through, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
        [id, ...whose(principal), expiresAt],
      );
    },
    async isOpen(id, principal, now) {
      const { rowCount } = await database.prepared(
        `SELECT FROM sessions WHERE id = $1 AND tenant = $2 AND issuer = $3 AND subject = $4
           AND actor IS NOT DISTINCT FROM $5 AND through = $6 AND expires_at > $7`,
        [id, ...whose(principal), now],
      );
      return rowCount === 1;
    },
    async end(id, principal) {
      const { rowCount } = await database.prepared(
        `DELETE FROM sessions WHERE id = $1 AND tenant = $2 AND issuer = $3 AND subject = $4
           AND actor IS NOT DISTINCT FROM $5 AND through = $6`,
        [id, ...whose(principal)],
      );
      return rowCount === 1;
    },
  };
}

/** All of a principal, in the order of the columns: a session is of exactly this person through exactly these agents. */
function whose({ tenant, issuer, subject, chain }: Principal): readonly unknown[] {
  const [actor = null, ...through] = chain;
  return [tenant, issuer, subject, actor, through];
}
