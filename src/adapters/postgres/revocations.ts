import type { Revocation, Revocations } from '../../ports/revocations.ts';
import type { Database, Queryable } from './database.ts';

export function postgresRevocations(database: Database): Revocations {
  return {
    async concern(keys, since) {
      const { rowCount } = await database.prepared(
        `SELECT FROM revocations WHERE key = ANY($1::bytea[]) AND before >= $2 LIMIT 1`,
        [keys, since ?? '-infinity'],
      );
      return rowCount !== 0;
    },
    async hasCome({ id }) {
      const { rowCount } = await database.prepared(`SELECT FROM used_proofs WHERE proof = $1`, [id]);
      return rowCount !== 0;
    },
    add: (revocations, once) =>
      database.transaction(async (tx) => {
        if (once !== undefined) {
          const { rowCount } = await tx.query(
            `INSERT INTO used_proofs (proof, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
            [once.id, once.until],
          );
          if (rowCount === 0) return false;
        }
        for (const each of revocations) await add(tx, each);
        // Takes a few old ones along, so that they never pile up.
        await tx.query(
          `DELETE FROM revocations WHERE (key, tenant) IN (SELECT key, tenant FROM revocations WHERE until < now() ORDER BY until LIMIT 5)`,
        );
        return true;
      }),
  };
}

async function add(tx: Queryable, { key, tenant, kind, before, until }: Revocation): Promise<void> {
  await tx.query(
    `INSERT INTO revocations AS known (key, tenant, kind, before, until)
     VALUES ($1, $2, $3, coalesce($4::timestamptz, clock_timestamp()), $5)
     ON CONFLICT (key, tenant) DO UPDATE SET before = greatest(known.before, excluded.before),
       until = CASE WHEN known.until IS NULL OR excluded.until IS NULL THEN NULL ELSE greatest(known.until, excluded.until) END`,
    [key, tenant, kind, before === 'now' ? null : before === 'forever' ? 'infinity' : before, until ?? null],
  );
}
