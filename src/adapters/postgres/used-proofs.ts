import type { UsedProofs } from '../../ports/used-proofs.ts';
import type { Database } from './database.ts';

export function postgresUsedProofs(database: Database): UsedProofs {
  return {
    async use(proof, until) {
      const { rowCount } = await database.prepared(
        // Takes a few old ones along, so that they never pile up.
        `WITH old AS (
           DELETE FROM used_proofs WHERE proof IN (SELECT proof FROM used_proofs WHERE expires_at < now() ORDER BY expires_at LIMIT 5)
         )
         INSERT INTO used_proofs (proof, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
        [Buffer.from(proof), until],
      );
      return rowCount === 1;
    },
  };
}
