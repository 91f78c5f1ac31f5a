import type { Relationships } from '../../ports/engine.ts';
import type { RelationshipCopy } from '../../ports/relationship-copy.ts';
import type { DocumentLog, DocumentState, TupleChange, TupleLog } from '../../ports/tuple-log.ts';
import { ClearanceError } from '../../types/errors.ts';
import type { Tuple } from '../../types/tuple.ts';
import type { Database, Queryable } from './database.ts';
import { among, pages } from './tuple-queries.ts';
import { applyTuples, lockVersion, selectTuples, type TupleRow, toTuple, tupleColumns } from './tuples.ts';

/** Documents of one page. */
const PAGE = 1_000;

/** Relationships in the store itself, for the embedded engine. */
export function postgresRelationships(
  database: Database,
): Relationships & RelationshipCopy & TupleLog & DocumentLog {
  const selectVersion = `SELECT version FROM relationship_versions WHERE tenant = $1`;

  async function version(tenant: string): Promise<number> {
    const { rows } = await database.prepared<{ version: number }>(selectVersion, [tenant]);
    return rows[0]?.version ?? 0;
  }

  return {
    version,
    watermark: async (tenant) => String(await version(tenant)),

    write(tenant, changes) {
      return database.transaction(async (tx) => {
        await lockVersion(tx, tenant);
        const counts = await applyTuples(tx, tenant, changes);
        await refuseOtherConditions(tx, tenant, changes.writes);
        return counts;
      });
    },

    async ofObject(tenant, object) {
      const { rows } = await database.query<TupleRow>(`${selectTuples} WHERE tenant = $1 AND object = $2`, [
        tenant,
        object,
      ]);
      return rows.map(toTuple);
    },

    async ofRelation(tenant, { object, relation }, limit, signal) {
      signal.throwIfAborted();
      const { rows } = await database.query<TupleRow>(
        `${selectTuples} WHERE tenant = $1 AND object = $2 AND relation = $3 LIMIT $4`,
        [tenant, object, relation, limit],
      );
      return rows.map(toTuple);
    },

    async mentioning(tenant, object) {
      const { rows } = await database.query<TupleRow>(
        `${selectTuples} WHERE tenant = $1 AND split_part("user", '#', 1) = $2`,
        [tenant, object],
      );
      return rows.map(toTuple);
    },

    among: (tenant, keys) => among(database, tenant, keys),

    async changesSince(tenant, since) {
      const { rows } = await database.query<TupleRow & { version: number; written: boolean }>(
        `SELECT version, written, object, relation, "user", condition FROM relationship_changes
         WHERE tenant = $1 AND version > $2 ORDER BY version, position`,
        [tenant, since],
      );
      return { version: rows.at(-1)?.version ?? since, changes: rows.map(toChange) };
    },

    pages: (tenant) => pages(database, tenant),

    async *documentPages(tenant) {
      for (let last = 0; ; ) {
        const { rows } = await database.query<DocumentState>(
          `SELECT no AS number, id, published_version AS version, chunks FROM documents WHERE tenant = $1 AND no > $2 ORDER BY no LIMIT ${PAGE}`,
          [tenant, last],
        );
        const end = rows.at(-1);
        if (end === undefined) return;
        yield rows;
        last = end.number;
      }
    },

    async documentsSince(tenant, since) {
      const { rows } = await database.query<DocumentState>(
        `SELECT no AS number, id, published_version AS version, chunks FROM documents WHERE tenant = $1 AND changed > $2`,
        [tenant, since],
      );
      return rows;
    },
  };
}

/** A tuple exists once, with one condition: writing it with another one would silently do nothing. */
async function refuseOtherConditions(tx: Queryable, tenant: string, writes: readonly Tuple[]): Promise<void> {
  const { rows } = await tx.query<TupleRow>(
    `SELECT r.object, r.relation, r."user" FROM relationships r
     JOIN unnest($2::text[], $3::text[], $4::text[], $5::jsonb[]) AS w (object, relation, "user", condition)
       ON r.object = w.object AND r.relation = w.relation AND r."user" = w."user"
     WHERE r.tenant = $1 AND r.condition IS DISTINCT FROM w.condition LIMIT 1`,
    [tenant, ...tupleColumns(writes)],
  );
  const [other] = rows;
  if (other === undefined) return;
  throw new ClearanceError(
    'invalid_relationship',
    `"${other.user} ${other.relation} ${other.object}" is there with another condition. Delete it first.`,
  );
}

function toChange(row: TupleRow & { written: boolean }): TupleChange {
  const tuple = toTuple(row);
  return row.written ? { kind: 'written', tuple } : { kind: 'deleted', key: tuple };
}
