import type { EngineStore, EngineStores } from '../../ports/engine-stores.ts';
import { ClearanceError } from '../../types/errors.ts';
import type { Database } from './database.ts';

/** With what the model was when it was pinned, so that a changed one is noticed. */
export type PinnedStore = EngineStore & { readonly modelHash: string };

/** For `clearance migrate`, which alone may set them. */
export type EnginePins = {
  find(tenant: string): Promise<PinnedStore | undefined>;
  pin(tenant: string, store: PinnedStore): Promise<void>;
  /** The store in which the engine's server keeps what is not a tenant's. */
  bookkeeping(): Promise<EngineStore | undefined>;
  pinBookkeeping(store: EngineStore): Promise<void>;
};

type Row = { store_id: string; model_id: string; model_hash: string };

export function postgresEngineStores(database: Database): EngineStores & EnginePins {
  async function find(tenant: string): Promise<PinnedStore | undefined> {
    const { rows } = await database.prepared<Row>(
      `SELECT store_id, model_id, model_hash FROM engine_stores WHERE tenant = $1`,
      [tenant],
    );
    return rows.map((row) => ({
      storeId: row.store_id,
      modelId: row.model_id,
      modelHash: row.model_hash,
    }))[0];
  }

  return {
    find,

    async of(tenant) {
      const pinned = await find(tenant);
      if (pinned === undefined) throw noStore();
      return { storeId: pinned.storeId, modelId: pinned.modelId };
    },

    async pin(tenant, { storeId, modelId, modelHash }) {
      await database.query(
        `INSERT INTO engine_stores (tenant, store_id, model_id, model_hash) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant) DO UPDATE
         SET store_id = excluded.store_id, model_id = excluded.model_id, model_hash = excluded.model_hash`,
        [tenant, storeId, modelId, modelHash],
      );
    },

    async bookkeeping() {
      const { rows } = await database.query<Omit<Row, 'model_hash'>>(
        `SELECT bookkeeping_store_id AS store_id, bookkeeping_model_id AS model_id FROM engine_server`,
      );
      return rows.map((row) => ({ storeId: row.store_id, modelId: row.model_id }))[0];
    },

    async pinBookkeeping({ storeId, modelId }) {
      await database.query(
        `INSERT INTO engine_server (bookkeeping_store_id, bookkeeping_model_id) VALUES ($1, $2)
         ON CONFLICT (only_row) DO UPDATE SET bookkeeping_store_id = excluded.bookkeeping_store_id,
           bookkeeping_model_id = excluded.bookkeeping_model_id`,
        [storeId, modelId],
      );
    },
  };
}

/** The caller can't know whether other tenants have one, and needn't. */
export function noStore(): ClearanceError {
  return new ClearanceError(
    'engine_unavailable',
    'There is no authorization store for this tenant yet. An operator makes one with "clearance migrate --tenant".',
  );
}
