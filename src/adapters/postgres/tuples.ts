import type { TupleChanges } from '../../ports/engine.ts';
import type { Tuple, TupleCondition, TupleKey } from '../../types/tuple.ts';
import type { Queryable } from './database.ts';

export type TupleRow = { object: string; relation: string; user: string; condition: TupleCondition | null };

export const selectTuples = `SELECT object, relation, "user", condition FROM relationships`;

export function toTuple({ object, relation, user, condition }: TupleRow): Tuple {
  return { user, relation, object, ...(condition === null ? {} : { condition }) };
}

/** Held to the end of the transaction: versions commit in their order, and two writers never wait in a circle. */
export async function lockVersion(tx: Queryable, tenant: string): Promise<void> {
  await tx.query(
    `INSERT INTO relationship_versions (tenant, version) VALUES ($1, 0)
     ON CONFLICT (tenant) DO UPDATE SET version = relationship_versions.version`,
    [tenant],
  );
}

/**
 * Takes away and adds what is not so yet, under the lock of the tenant's version. Only what has really changed is
 * logged, as the next version.
 */
export async function applyTuples(
  tx: Queryable,
  tenant: string,
  { writes, deletes }: TupleChanges,
): Promise<{ written: number; deleted: number }> {
  const deleted = await tx.query<TupleRow>(
    `DELETE FROM relationships r USING unnest($2::text[], $3::text[], $4::text[]) AS k (object, relation, "user")
     WHERE r.tenant = $1 AND r.object = k.object AND r.relation = k.relation AND r."user" = k."user"
     RETURNING r.object, r.relation, r."user", r.condition`,
    [tenant, ...keyColumns(deletes)],
  );
  const written = await tx.query<TupleRow>(
    `INSERT INTO relationships (tenant, object, relation, "user", condition)
     SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::jsonb[])
     ON CONFLICT DO NOTHING RETURNING object, relation, "user", condition`,
    [tenant, ...tupleColumns(writes)],
  );
  const changes = [...deleted.rows, ...written.rows];
  if (changes.length > 0) {
    await tx.query(
      `WITH next AS (UPDATE relationship_versions SET version = version + 1 WHERE tenant = $1 RETURNING version)
       INSERT INTO relationship_changes (tenant, version, position, written, object, relation, "user", condition)
       SELECT $1, next.version, u.position, u.position > $2, u.object, u.relation, u."user", u.condition
       FROM next, unnest($3::text[], $4::text[], $5::text[], $6::jsonb[])
         WITH ORDINALITY AS u (object, relation, "user", condition, position)`,
      [tenant, deleted.rows.length, ...tupleColumns(changes.map(toTuple))],
    );
  }
  return { written: written.rows.length, deleted: deleted.rows.length };
}

/** For `unnest`. */
export function keyColumns(keys: readonly TupleKey[]): [string[], string[], string[]] {
  return [keys.map((key) => key.object), keys.map((key) => key.relation), keys.map((key) => key.user)];
}

export function tupleColumns(
  tuples: readonly Tuple[],
): [string[], string[], string[], (string | undefined)[]] {
  return [...keyColumns(tuples), tuples.map(({ condition }) => condition && stored(condition))];
}

/** As OpenFGA has it: an empty context is none. */
function stored({ name, context = {} }: TupleCondition): string {
  return JSON.stringify(Object.keys(context).length === 0 ? { name } : { name, context });
}
