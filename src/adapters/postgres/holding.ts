import type { Holding } from '../../ports/documents.ts';
import type { Database } from './database.ts';
import { hideDocuments } from './outbox.ts';

export function postgresHolding(database: Database): Holding {
  return {
    async all(tenant) {
      const { rows } = await database.query<{ id: string }>(
        `SELECT id FROM documents WHERE tenant = $1 AND source IS NOT NULL ORDER BY id`,
        [tenant],
      );
      return rows.map(({ id }) => id);
    },

    async unfinished(tenant) {
      const { rows } = await database.query<{ id: string }>(
        `SELECT id FROM documents WHERE tenant = $1 AND no IN (SELECT document_no FROM outbox) ORDER BY id`,
        [tenant],
      );
      return rows.map(({ id }) => id);
    },

    async hold(tenant, ids) {
      await database.transaction(async (tx) => {
        const { rows } = await tx.query<{ no: number }>(
          `SELECT no FROM documents WHERE tenant = $1 AND id = ANY($2::text[]) ORDER BY no FOR UPDATE`,
          [tenant, ids],
        );
        const nos = rows.map(({ no }) => no);
        // Whoever is at one of them finds that the step is gone, and publishes nothing.
        await tx.query(`DELETE FROM outbox WHERE document_no = ANY($1::bigint[]) AND step <> 'delete'`, [
          nos,
        ]);
        await tx.query(`DELETE FROM sessions WHERE tenant = $1`, [tenant]);
        await hideDocuments(tx, nos);
      });
    },
  };
}
