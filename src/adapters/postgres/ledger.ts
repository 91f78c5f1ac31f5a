import type { FeedEntry, Ledger } from '../../ports/ledger.ts';
import type { TupleChange } from '../../ports/tuple-log.ts';
import { batches } from '../../types/batches.ts';
import { difference, type Tuple, type TupleKey, tupleKey } from '../../types/tuple.ts';
import type { Database, Queryable } from './database.ts';
import { noStore } from './engine-stores.ts';
import { applyTuples, keyColumns, lockVersion, selectTuples, type TupleRow, toTuple } from './tuples.ts';

/** Tuples of one statement. */
const BATCH = 1_000;

type StateRow = {
  version: number;
  last_change: FeedEntry | null;
  generation: number;
  confirmed: number;
  closed: string | null;
};

/** The copy of an engine's relationships, in the tables that hold the embedded engine's own. */
export function postgresLedger(database: Database): Ledger {
  return {
    async tenants() {
      const { rows } = await database.query<{ tenant: string }>(
        `SELECT tenant FROM engine_stores ORDER BY tenant`,
      );
      return rows.map(({ tenant }) => tenant);
    },

    async state(tenant) {
      const { rows } = await database.prepared<StateRow>(
        `SELECT last_change, generation, confirmed, closed,
           coalesce((SELECT version FROM relationship_versions v WHERE v.tenant = s.tenant), 0) AS version
         FROM engine_stores s WHERE tenant = $1`,
        [tenant],
      );
      if (rows[0] === undefined) throw noStore();
      const { last_change: last, version, generation, confirmed, closed } = rows[0];
      return {
        version,
        generation,
        confirmed,
        ...(last === null ? {} : { last }),
        ...(closed === null ? {} : { closed }),
      };
    },

    async nextGeneration(tenant) {
      const { rows } = await database.prepared<{ generation: number; confirmed: number }>(
        `UPDATE engine_stores SET generation = generation + 1 WHERE tenant = $1 RETURNING generation, confirmed`,
        [tenant],
      );
      if (rows[0] === undefined) throw noStore();
      return rows[0];
    },

    confirm(tenant, generation, changes) {
      return database.transaction(async (tx) => {
        await tx.query(`UPDATE engine_stores SET confirmed = greatest(confirmed, $2) WHERE tenant = $1`, [
          tenant,
          generation,
        ]);
        await lockVersion(tx, tenant);
        await applyTuples(tx, tenant, changes);
      });
    },

    apply(tenant, from, changes, last) {
      return database.transaction(async (tx) => {
        const { rowCount } = await tx.query(
          `UPDATE engine_stores SET last_change = $3 WHERE tenant = $1 AND last_change IS NOT DISTINCT FROM $2::jsonb`,
          [tenant, from.last === undefined ? null : JSON.stringify(from.last), JSON.stringify(last)],
        );
        if (rowCount === 0) return false;
        await lockVersion(tx, tenant);
        const newer = new Set((await changedSince(tx, tenant, from.version)).map(tupleKey));
        const latest = latestOf(changes).filter((change) => !newer.has(tupleKey(keyOf(change))));
        for (const batch of batches(latest, BATCH)) {
          const wanted = batch.flatMap((change) => (change.kind === 'written' ? [change.tuple] : []));
          const held = await among(tx, tenant, batch.map(keyOf));
          await applyTuples(tx, tenant, difference(held, wanted));
        }
        return true;
      });
    },

    async deleted(tenant, keys) {
      const { rows } = await database.query<TupleRow & { written: boolean }>(
        `SELECT DISTINCT ON (object, relation, "user") object, relation, "user", written FROM relationship_changes
         WHERE tenant = $1 AND (object, relation, "user") IN (SELECT * FROM unnest($2::text[], $3::text[], $4::text[]))
         ORDER BY object, relation, "user", version DESC, position DESC`,
        [tenant, ...keyColumns(keys)],
      );
      return rows.filter(({ written }) => !written);
    },

    async close(tenant, reason) {
      // The first reason is the one to look into.
      await database.query(`UPDATE engine_stores SET closed = coalesce(closed, $2) WHERE tenant = $1`, [
        tenant,
        reason,
      ]);
    },

    tuples: (tenant) => all(database, tenant),

    replace(tenant, tuples, last, generation) {
      return database.transaction(async (tx) => {
        // Never back: a number that was given out may have been written down.
        const { rowCount } = await tx.query(
          `UPDATE engine_stores SET last_change = $2, generation = greatest(generation, $3),
             confirmed = $3, closed = NULL WHERE tenant = $1`,
          [tenant, last === undefined ? null : JSON.stringify(last), generation],
        );
        if (rowCount === 0) throw noStore();
        await lockVersion(tx, tenant);
        const { deletes, writes } = difference(await all(tx, tenant), tuples);
        for (const batch of batches(deletes, BATCH))
          await applyTuples(tx, tenant, { deletes: batch, writes: [] });
        for (const batch of batches(writes, BATCH))
          await applyTuples(tx, tenant, { deletes: [], writes: batch });
      });
    },
  };
}

/** Each tuple's last change counts. */
function latestOf(changes: readonly TupleChange[]): readonly TupleChange[] {
  return [...new Map(changes.map((change) => [tupleKey(keyOf(change)), change])).values()];
}

async function changedSince(tx: Queryable, tenant: string, version: number): Promise<readonly TupleKey[]> {
  const { rows } = await tx.query<TupleRow>(
    `SELECT object, relation, "user" FROM relationship_changes WHERE tenant = $1 AND version > $2`,
    [tenant, version],
  );
  return rows;
}

function keyOf(change: TupleChange): TupleKey {
  return change.kind === 'written' ? change.tuple : change.key;
}

async function all(from: Queryable, tenant: string): Promise<readonly Tuple[]> {
  const { rows } = await from.query<TupleRow>(`${selectTuples} WHERE tenant = $1`, [tenant]);
  return rows.map(toTuple);
}

async function among(tx: Queryable, tenant: string, keys: readonly TupleKey[]): Promise<readonly Tuple[]> {
  const { rows } = await tx.query<TupleRow>(
    `${selectTuples} WHERE tenant = $1
     AND (object, relation, "user") IN (SELECT * FROM unnest($2::text[], $3::text[], $4::text[]))`,
    [tenant, ...keyColumns(keys)],
  );
  return rows.map(toTuple);
}
