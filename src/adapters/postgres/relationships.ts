import type { Relationships } from '../../ports/engine.ts';
import type { TupleChange, TupleLog } from '../../ports/tuple-log.ts';
import { ClearanceError } from '../../types/errors.ts';
import type { Tuple, TupleCondition } from '../../types/tuple.ts';
import type { Database, Queryable } from './database.ts';

type Row = { object: string; relation: string; user: string; condition: TupleCondition | null };

/** Relationships in the store itself, for the embedded engine. */
export function postgresRelationships(database: Database): Relationships & TupleLog {
  const select = `SELECT object, relation, "user", condition FROM relationships`;

  const selectVersion = `SELECT version FROM relationship_versions WHERE tenant = $1`;

  async function version(tenant: string): Promise<number> {
    const { rows } = await database.prepared<{ version: number }>(selectVersion, [tenant]);
    return rows[0]?.version ?? 0;
  }

  return {
    version,
    watermark: async (tenant) => String(await version(tenant)),

    async write(tenant, { writes, deletes }) {
      return database.transaction(async (tx) => {
        // The lock on this row makes versions commit in their order.
        const { rows } = await tx.query<{ version: number }>(
          `INSERT INTO relationship_versions (tenant, version) VALUES ($1, 1)
           ON CONFLICT (tenant) DO UPDATE SET version = relationship_versions.version + 1 RETURNING version`,
          [tenant],
        );
        const next = rows[0]?.version;
        const deleted = await tx.query<Row>(
          `DELETE FROM relationships r USING unnest($2::text[], $3::text[], $4::text[]) AS k (object, relation, "user")
           WHERE r.tenant = $1 AND r.object = k.object AND r.relation = k.relation AND r."user" = k."user"
           RETURNING r.object, r.relation, r."user", r.condition`,
          [tenant, ...columns(deletes)],
        );
        const written = await tx.query<Row>(
          `INSERT INTO relationships (tenant, object, relation, "user", condition)
           SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::jsonb[])
           ON CONFLICT DO NOTHING RETURNING object, relation, "user", condition`,
          [tenant, ...columns(writes), writes.map(({ condition }) => condition && JSON.stringify(condition))],
        );
        await refuseOtherConditions(tx, tenant, writes);
        const changes = [...deleted.rows, ...written.rows];
        await tx.query(
          `INSERT INTO relationship_changes (tenant, version, position, written, object, relation, "user", condition)
           SELECT $1, $2, u.position, u.position > $3, u.object, u.relation, u."user", u.condition
           FROM unnest($4::text[], $5::text[], $6::text[], $7::jsonb[])
             WITH ORDINALITY AS u (object, relation, "user", condition, position)`,
          [
            tenant,
            next,
            deleted.rows.length,
            ...columns(changes),
            changes.map(({ condition }) => condition && JSON.stringify(condition)),
          ],
        );
        return { written: written.rows.length, deleted: deleted.rows.length };
      });
    },

    async ofObject(tenant, object) {
      const { rows } = await database.query<Row>(`${select} WHERE tenant = $1 AND object = $2`, [
        tenant,
        object,
      ]);
      return rows.map(toTuple);
    },

    async mentioning(tenant, object) {
      const { rows } = await database.query<Row>(
        `${select} WHERE tenant = $1 AND split_part("user", '#', 1) = $2`,
        [tenant, object],
      );
      return rows.map(toTuple);
    },

    async snapshot(tenant) {
      return database.transaction(async (tx) => {
        await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
        const { rows } = await tx.query<Row>(`${select} WHERE tenant = $1`, [tenant]);
        const held = await tx.query<{ version: number }>(selectVersion, [tenant]);
        return { version: held.rows[0]?.version ?? 0, tuples: rows.map(toTuple) };
      });
    },

    async changesSince(tenant, since) {
      const { rows } = await database.query<Row & { version: number; written: boolean }>(
        `SELECT version, written, object, relation, "user", condition FROM relationship_changes
         WHERE tenant = $1 AND version > $2 ORDER BY version, position`,
        [tenant, since],
      );
      return { version: rows.at(-1)?.version ?? since, changes: rows.map(toChange) };
    },
  };
}

/** A tuple exists once, with one condition: writing it with another one would silently do nothing. */
async function refuseOtherConditions(tx: Queryable, tenant: string, writes: readonly Tuple[]): Promise<void> {
  const { rows } = await tx.query<Row>(
    `SELECT r.object, r.relation, r."user" FROM relationships r
     JOIN unnest($2::text[], $3::text[], $4::text[], $5::jsonb[]) AS w (object, relation, "user", condition)
       ON r.object = w.object AND r.relation = w.relation AND r."user" = w."user"
     WHERE r.tenant = $1 AND r.condition IS DISTINCT FROM w.condition LIMIT 1`,
    [tenant, ...columns(writes), writes.map(({ condition }) => condition && JSON.stringify(condition))],
  );
  const [other] = rows;
  if (other === undefined) return;
  throw new ClearanceError(
    'invalid_relationship',
    `"${other.user} ${other.relation} ${other.object}" is there with another condition. Delete it first.`,
  );
}

function columns(
  keys: readonly { object: string; relation: string; user: string }[],
): [string[], string[], string[]] {
  return [keys.map((key) => key.object), keys.map((key) => key.relation), keys.map((key) => key.user)];
}

function toTuple({ object, relation, user, condition }: Row): Tuple {
  return { user, relation, object, ...(condition === null ? {} : { condition }) };
}

function toChange(row: Row & { written: boolean }): TupleChange {
  const tuple = toTuple(row);
  return row.written ? { kind: 'written', tuple } : { kind: 'deleted', key: tuple };
}
