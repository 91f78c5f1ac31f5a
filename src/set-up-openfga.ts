import { randomUUID } from 'node:crypto';
import { type OpenFgaClient, openFgaClient } from './adapters/openfga/client.ts';
import { openFgaGenerations } from './adapters/openfga/generations.ts';
import { openFgaRelationships } from './adapters/openfga/relationships.ts';
import { findOrCreateStore, makeBookkeeping } from './adapters/openfga/stores.ts';
import type { Database } from './adapters/postgres/database.ts';
import { type PinnedStore, postgresEngineStores } from './adapters/postgres/engine-stores.ts';
import { postgresLedger } from './adapters/postgres/ledger.ts';
import type { Config } from './config.ts';
import { modelFromJson } from './evaluator/model.ts';
import { loadModel, modelHash, requireGuarded, requireReadAlike } from './parts.ts';
import { MAX_TUPLES_A_WRITE } from './ports/engine.ts';
import { batches } from './types/batches.ts';
import { StartupError } from './types/errors.ts';
import { DEFAULT_TENANT } from './types/principal.ts';

type OpenFga = NonNullable<Config['openfga']>;

type SetUp = {
  readonly config: Config;
  readonly openfga: OpenFga;
  readonly client: OpenFgaClient;
  readonly stores: ReturnType<typeof postgresEngineStores>;
  readonly say: (line: string) => void;
};

/**
 * Makes or adopts what OpenFGA needs to hold, and pins it. Every tenant has a store of its own and all have one model, the
 * default tenant's, which is changed only where `changeModel` says so.
 */
export async function setUpOpenFga(
  config: Config,
  openfga: OpenFga,
  database: Database,
  tenant: string,
  changeModel: boolean,
  say: (line: string) => void,
): Promise<void> {
  const client = openFgaClient(openfga);
  const stores = postgresEngineStores(database);
  const ledger = postgresLedger(database);
  const setUp: SetUp = { config, openfga, client, stores, say };
  const bookkeeping = (await stores.bookkeeping()) ?? (await makeBookkeeping(client, storeName('own')));
  await stores.pinBookkeeping(bookkeeping);

  const before = await pinsOf(await ledger.tenants(), stores);
  const main = await mainStore(setUp, before, changeModel);
  const { id: _, ...model } = await client.readModel(main.storeId, main.modelId);
  const pins = new Map([[DEFAULT_TENANT, main]]);
  const others = [...new Set([tenant, ...before.keys()])].filter((each) => each !== DEFAULT_TENANT);
  for (const other of others) {
    const pinned = before.get(other);
    const storeId = pinned?.storeId ?? (await findOrCreateStore(client, storeName(other)));
    const same = pinned?.modelHash === main.modelHash;
    const modelId = same ? pinned.modelId : await client.writeModel(storeId, model);
    pins.set(other, { storeId, modelId, modelHash: main.modelHash });
  }

  const generations = openFgaGenerations(client, bookkeeping);
  for (const [each, pin] of pins) {
    const former = before.get(each);
    // Before the pin: what is cut short is then done again.
    if (former === undefined) await copyRelationships(setUp, database, each, pin);
    await stores.pin(each, pin);
    // A database restored from before a change of model is then known to be the older one.
    if (former !== undefined && former.modelId !== pin.modelId) {
      const { generation } = await ledger.nextGeneration(each);
      await generations.raise(each, generation);
    }
    say(`OpenFGA, tenant ${each}: store ${pin.storeId}, model ${pin.modelId}.`);
  }
}

async function pinsOf(
  tenants: readonly string[],
  stores: SetUp['stores'],
): Promise<ReadonlyMap<string, PinnedStore>> {
  const pins = new Map<string, PinnedStore>();
  for (const tenant of tenants) {
    const pinned = await stores.find(tenant);
    if (pinned !== undefined) pins.set(tenant, pinned);
  }
  return pins;
}

/** The default tenant's store and model: as pinned, as named, or made. */
async function mainStore(
  { config, openfga, client }: SetUp,
  before: ReadonlyMap<string, PinnedStore>,
  changeModel: boolean,
): Promise<PinnedStore> {
  const pinned = before.get(DEFAULT_TENANT);
  if (pinned !== undefined && openfga.storeId !== undefined && openfga.storeId !== pinned.storeId) {
    throw new StartupError(
      `OPENFGA_STORE_ID is ${openfga.storeId}, and this database belongs to store ${pinned.storeId}. Unset it, or use a database of its own.`,
    );
  }
  const [taken] = [...before].filter(
    ([other, { storeId }]) => other !== DEFAULT_TENANT && storeId === openfga.storeId,
  );
  if (taken !== undefined) {
    throw new StartupError(`OPENFGA_STORE_ID is the store of the tenant ${taken[0]}: name another one.`);
  }
  const wanted = await wantedModel(config, openfga, pinned);
  if (pinned !== undefined) {
    if (wanted === undefined) return pinned;
    if (!changeModel) {
      throw new StartupError(
        `The authorization model configured is not the one that is pinned (${pinned.modelId}). To change it, which changes who may read what: clearance migrate --model`,
      );
    }
  }
  const storeId =
    pinned?.storeId ?? openfga.storeId ?? (await findOrCreateStore(client, storeName(DEFAULT_TENANT)));
  const { id, json, hash } = wanted ?? (await configuredModel(config));
  const modelId = id ?? (await client.writeModel(storeId, json));
  const model = modelFromJson(await client.readModel(storeId, modelId));
  requireGuarded(config, model);
  requireReadAlike(model);
  return { storeId, modelId, modelHash: hash };
}

type WantedModel = { readonly id?: string; readonly json: object; readonly hash: string };

/** The model to pin in the place of what is pinned; undefined where that is it. */
async function wantedModel(
  config: Config,
  { modelId }: OpenFga,
  pinned: PinnedStore | undefined,
): Promise<WantedModel | undefined> {
  if (modelId !== undefined) {
    return modelId === pinned?.modelId ? undefined : { id: modelId, json: {}, hash: modelId };
  }
  // A file that nobody named may come with a new version of the program: it changes nobody's rights.
  if (pinned !== undefined && config.authorizationModel === undefined) return undefined;
  const wanted = await configuredModel(config);
  return wanted.hash === pinned?.modelHash ? undefined : wanted;
}

async function configuredModel(config: Config): Promise<WantedModel> {
  const model = await loadModel(config);
  return { json: model.json, hash: modelHash(model) };
}

/** Another installation on the same server must never find it. OpenFGA takes at most 64 characters. */
function storeName(of: string): string {
  return `clearance-${of.slice(0, 16)}-${randomUUID()}`;
}

/** Of a database that was used with the embedded engine before. */
async function copyRelationships(
  { client, say }: SetUp,
  database: Database,
  tenant: string,
  pin: PinnedStore,
): Promise<void> {
  const tuples = await postgresLedger(database).tuples(tenant);
  const relationships = openFgaRelationships(client, { of: async () => pin });
  for (const writes of batches(tuples, MAX_TUPLES_A_WRITE)) {
    await relationships.write(tenant, { writes, deletes: [] });
  }
  if (tuples.length > 0) {
    say(
      `OpenFGA, tenant ${tenant}: ${tuples.length} relationships that the database held were written to it.`,
    );
  }
}
