import type { FeedEntry, Ledger, Repaired } from '../../ports/ledger.ts';
import { changedKey, type TupleChange } from '../../ports/tuple-log.ts';
import { batches } from '../../types/batches.ts';
import { difference, tupleKey } from '../../types/tuple.ts';
import type { Database, Queryable } from './database.ts';
import { noStore } from './engine-stores.ts';
import { all, among, changedSince, pages } from './tuple-queries.ts';
import { applyTuples, keyColumns, lockVersion, type TupleRow } from './tuples.ts';

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
        await bringTo(tx, tenant, from.version, changes);
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
    pages: (tenant) => pages(database, tenant),

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

    async takeRepair(tenant, periodMs) {
      const { rowCount } = await database.query(
        `UPDATE engine_stores SET repaired_at = now() WHERE tenant = $1 AND closed IS NULL
           AND (repaired_at IS NULL OR repaired_at <= now() - $2 * interval '1 millisecond')`,
        [tenant, periodMs],
      );
      return rowCount === 1;
    },

    repair(tenant, version, changes) {
      return database.transaction(async (tx) => {
        // In the order of the other writers: this row, then the version.
        const { rowCount } = await tx.query(
          `SELECT FROM engine_stores WHERE tenant = $1 AND closed IS NULL FOR UPDATE`,
          [tenant],
        );
        return rowCount === 0 ? { written: 0, deleted: 0 } : bringTo(tx, tenant, version, changes);
      });
    },
  };
}

/** Under the lock of the version. What the copy has changed since `version` stays. */
async function bringTo(
  tx: Queryable,
  tenant: string,
  version: number,
  changes: readonly TupleChange[],
): Promise<Repaired> {
  await lockVersion(tx, tenant);
  const newer = new Set((await changedSince(tx, tenant, version)).map(tupleKey));
  const latest = latestOf(changes).filter((change) => !newer.has(tupleKey(changedKey(change))));
  let [written, deleted] = [0, 0];
  for (const batch of batches(latest, BATCH)) {
    const wanted = batch.flatMap((change) => (change.kind === 'written' ? [change.tuple] : []));
    const held = await among(tx, tenant, batch.map(changedKey));
    const done = await applyTuples(tx, tenant, difference(held, wanted));
    written += done.written;
    deleted += done.deleted;
  }
  return { written, deleted };
}

/** Each tuple's last change counts. */
function latestOf(changes: readonly TupleChange[]): readonly TupleChange[] {
  return [...new Map(changes.map((change) => [tupleKey(changedKey(change)), change])).values()];
}
