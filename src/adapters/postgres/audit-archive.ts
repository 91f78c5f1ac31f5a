import type { StoredColumns, TrailArchive } from '../../ports/audit-store.ts';
import type { Person } from '../../types/people.ts';
import { knownAmong, postgresTrail } from './audit.ts';
import type { Database } from './database.ts';

/** Records that are read at a time. */
const PAGE = 1_000;

type Row = {
  segment: string;
  position: number;
  decision_id: string;
  at: Date;
  agent: boolean;
  hash: string;
  key: string | null;
  signature: string | null;
  record: unknown;
};

/** As the tables' owner, who alone may read the trail, and take from it. */
export function postgresArchive(database: Database): TrailArchive {
  return {
    ...postgresTrail(database),

    async tenants() {
      const { rows } = await database.query<{ tenant: string }>(
        `SELECT tenant FROM audit_checkpoints UNION SELECT tenant FROM audit ORDER BY tenant`,
      );
      return rows.map(({ tenant }) => tenant);
    },

    async *checkpoints(tenant, above = -1) {
      for (let after = above; ; ) {
        const { rows } = await database.query<{
          number: number;
          key: string;
          signature: string;
          checkpoint: unknown;
        }>(
          `SELECT number, key, signature, checkpoint FROM audit_checkpoints WHERE tenant = $1 AND number > $2
           ORDER BY number LIMIT ${PAGE}`,
          [tenant, after],
        );
        for (const { checkpoint: value, key, signature } of rows) yield { value, key, signature };
        if (rows.length < PAGE) return;
        after = rows.at(-1)?.number ?? 0;
      }
    },

    async *records(tenant) {
      for (let [segment, position] = ['', 0]; ; ) {
        const { rows } = await database.query<Row>(
          `SELECT segment, position, decision_id, at, agent, hash, key, signature, record FROM audit
           WHERE tenant = $1 AND (segment, position) > ($2, $3) ORDER BY segment, position LIMIT ${PAGE}`,
          [tenant, segment, position],
        );
        for (const { record, key, signature, ...row } of rows)
          yield { record, key, signature, columns: columnsOf(tenant, row) };
        const last = rows.at(-1);
        if (last === undefined || rows.length < PAGE) return;
        ({ segment, position } = last);
      }
    },

    async segments(tenant) {
      const { rows } = await database.query<{ segment: string; records: number; first: Date; last: Date }>(
        `SELECT segment, count(*)::bigint AS records, min(at) AS first, max(at) AS last FROM audit WHERE tenant = $1
         GROUP BY segment ORDER BY segment`,
        [tenant],
      );
      return rows;
    },

    known: (tenant, pseudonyms) => knownAmong(database, tenant, pseudonyms),

    async *everyone(tenant) {
      for (let after = ''; ; ) {
        const { rows } = await database.query<Person>(
          `SELECT name, pseudonym, salt FROM audit_names WHERE tenant = $1 AND name COLLATE "C" > $2
           ORDER BY name COLLATE "C" LIMIT ${PAGE}`,
          [tenant, after],
        );
        yield* rows;
        if (rows.length < PAGE) return;
        after = rows.at(-1)?.name ?? '';
      }
    },

    async pseudonymOf(tenant, name) {
      const { rows } = await database.query<{ pseudonym: string }>(
        `SELECT pseudonym FROM audit_names WHERE tenant = $1 AND name = $2`,
        [tenant, name],
      );
      return rows[0]?.pseudonym;
    },

    async forget(tenant, pseudonym) {
      await database.query(`DELETE FROM audit_names WHERE tenant = $1 AND pseudonym = $2`, [
        tenant,
        pseudonym,
      ]);
    },

    async removeSegments(tenant, segments) {
      await database.query(`DELETE FROM audit WHERE tenant = $1 AND segment = ANY($2::text[])`, [
        tenant,
        segments,
      ]);
    },

    async role() {
      const { rows } = await database.query<{ role: string }>(`SELECT current_user AS role`);
      return rows[0]?.role ?? '';
    },
  };
}

function columnsOf(
  tenant: string,
  { segment, position, decision_id: decisionId, at, agent, hash }: Omit<Row, 'record' | 'key' | 'signature'>,
): StoredColumns {
  return { tenant, segment, position, decisionId, at: at.toISOString(), agent, hash };
}
